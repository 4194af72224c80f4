"""Codes of named values: `as`, `use` and `output`."""

from __future__ import annotations

from netspec.codes.base import Page, layers
from netspec.diagnostics import Code

VALUES: dict[Code, Page] = {
    "value-kind": Page(
        "A value of the network is wanted where something else stands, or one value where a family stands.",
        "`as` names a value: what comes out of an item. `use` and `output` take such a value, or arithmetic over "
        "several. A number, a size or a layer is none. A family, `p` of `p[3]` and `p[4]`, is several values.",
        "vars: {width: 8}\n" + layers("- Linear: width\n- use: width", "[784]"),
        "vars: {width: 8}\n" + layers("- Linear: width\n  as: x\n- ReLU:\n  as: y\n- use: x + y", "[784]"),
    ),
    "value-mismatch": Page(
        "Arithmetic over values whose shapes do not fit together.",
        "Values are added, subtracted, multiplied and divided element by element: their shapes have as many axes, and "
        "one has every size of the other, or that other has 1 there.",
        layers("- as: x\n- Linear: 8\n- as: y\n- use: x + y", "[28]"),
        layers("- as: x\n- Linear: 28\n- as: y\n- use: x + y", "[28]"),
    ),
    "misplaced-output": Page(
        "An `output` stands where it gives nothing.",
        "`output` ends the body of a block and says what the block gives. Items behind it would not be used, and a "
        "branch or a loop gives what its last item gives.",
        layers("- as: x\n- ReLU:\n  as: y\n- output: x + y"),
        layers("- as: x\n- ReLU:\n  as: y\n- use: x + y"),
    ),
    "unused-value": Page(
        "A value has a name that nothing reads, or a result, or an input, is dropped.",
        "Most often another name is read than was meant, or an `as` was left over. `use` puts another value in the "
        "place of the one that stands there, which is lost if it has no name.",
        layers("- Linear: 8\n  as: x\n- ReLU", "[784]"),
        layers("- Linear: 8\n- ReLU", "[784]"),
        "warning",
    ),
    "constant-value": Page(
        "What is computed of parameters and buffers alone stands where each example has to have a value of its own.",
        "`Parameter` and `Buffer` give one tensor for all examples. Joins broadcast it, `concat` and outputs repeat it "
        "for each example; but a norm over the batch has nothing to take a mean of, and a layer in place would change "
        "the parameter itself.",
        layers("- as: x\n- Parameter: [8, 4, 4]\n- BatchNorm2d\n- concat: [[], x]", "[1, 4, 4]"),
        layers("- as: x\n- Parameter: [8, 4, 4]\n- Tanh\n- concat: [[], x]", "[1, 4, 4]"),
    ),
}
