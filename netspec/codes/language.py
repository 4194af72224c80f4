"""Codes of the language: keys, items, blocks, names, expressions, combinators."""

from __future__ import annotations

from netspec.codes.base import Page, layers
from netspec.diagnostics import Code

_CONV = "blocks:\n  conv(out, kernel=3):\n    - Conv2d: {out_channels: out, kernel_size: kernel}\n    - ReLU\n"

LANGUAGE: dict[Code, Page] = {
    "not-a-spec": Page(
        "The document is not a mapping.",
        "A spec is a mapping with `input` and `layers`.",
        "- Flatten\n- Linear: 10\n",
        layers("- Flatten\n- Linear: 10"),
    ),
    "unknown-key": Page(
        "A key is not one of those that may stand there.",
        "The keys of a spec are `netspec`, `name`, `description`, `plugins`, `input`, `vars`, `variants`, `blocks`, "
        "`layers`, `output`, `init` and `train`.",
        "inputs_shape: 3\n" + layers("- Flatten"),
        layers("- Flatten"),
    ),
    "missing-key": Page(
        "A key that is needed is not there.",
        "A spec needs `input` and `layers`; a `for` needs its `do`.",
        "input: [1, 28, 28]\n",
        layers("- Flatten"),
    ),
    "not-in-version-1": Page(
        "The file uses something that this version of the language does not have.",
        "A spec is one file: version 1 has no includes.",
        "include: other.yaml\n" + layers("- Flatten"),
        layers("- Flatten"),
    ),
    "language-version": Page(
        "The file is written for another version of the language.",
        "`netspec: 1` at the top says which version the file is written in. This netspec reads version 1, and there is "
        "no other yet: the language grows within it, and a 2 will mark the first change of meaning.",
        "netspec: 2\n" + layers("- Flatten"),
        "netspec: 1\n" + layers("- Flatten"),
    ),
    "wrong-form": Page(
        "A value does not have the form that its place wants.",
        "For example text where a list of layers should stand.",
        "input: [1, 28, 28]\nlayers: Flatten\n",
        "input: [1, 28, 28]\nlayers: [Flatten]\n",
    ),
    "bad-name": Page(
        "Something has a name that it cannot have.",
        "Files are named after a spec: up to 64 letters of any script, digits, `_`, `.` and `-`. A module's name is a "
        "Python identifier that is no attribute of `nn.Module`, since it becomes a key of the state_dict.",
        layers("- Flatten\n- Linear: 10\n  name: train"),
        layers("- Flatten\n- Linear: 10\n  name: head"),
    ),
    "name-taken": Page(
        "A variable, parameter, loop name or block has a name that already means something.",
        "Nothing may hide a layer, a function, a word of the language or another definition.",
        "vars: {range: 3}\n" + layers("- Linear: 10", "[784]"),
        "vars: {size: 3}\n" + layers("- Linear: size", "[784]"),
    ),
    "duplicate-name": Page(
        "Two siblings have the same `name`.",
        "A name is a key of the state_dict, so it must be unique in its list. In a loop a name may hold an expression "
        "in braces: `name: 'layer{i}'`.",
        layers("- Linear: 64\n  name: fc\n- ReLU\n- Linear: 10\n  name: fc", "[784]"),
        layers("- Linear: 64\n  name: fc1\n- ReLU\n- Linear: 10\n  name: fc2", "[784]"),
    ),
    "name-with-repeat": Page(
        "An item has both `name` and `repeat`.",
        "Every repetition would have the same name.",
        layers("- Linear: 64\n  name: fc\n  repeat: 2", "[784]"),
        layers("- for: i in range(2)\n  do:\n    - Linear: 64\n      name: 'fc{i}'\n    - ReLU", "[784]"),
    ),
    "unknown-layer": Page(
        "There is no layer or block of that name.",
        "CapWords names are layers of torch.nn, lowercase ones are blocks of this file or words of the language. "
        "`netspec explain` lists the layers.",
        layers("- Flaten"),
        layers("- Flatten"),
    ),
    "layer-not-offered": Page(
        "torch has this layer, netspec does not offer it.",
        "It takes or gives several tensors, computes a loss, or is superseded; the message says what to do instead.",
        layers("- Bilinear: 10", "[784]"),
        layers("- Linear: 10", "[784]"),
    ),
    "two-heads": Page(
        "One item of a list names two layers.",
        "Each layer is an item of its own and begins with `- `.",
        layers("- Flatten:\n  Linear: 10"),
        layers("- Flatten\n- Linear: 10"),
    ),
    "no-head": Page(
        "An item has a `do` but nothing that says what to do with it.",
        "`for: name in values` or `repeat: n` stands beside a `do`.",
        layers("- do:\n    - Flatten"),
        layers("- repeat: 1\n  do:\n    - Flatten"),
    ),
    "option-without-item": Page(
        "An option such as `when` stands alone.",
        "In […] each `key: value` is an item of its own: `[Linear: 10, when: x]` is a list of two.",
        layers("- sequential: [Linear: 10, when: in_features > 1]", "[784]"),
        layers("- sequential: [{Linear: 10, when: in_features > 1}]", "[784]"),
    ),
    "option-as-argument": Page(
        "An option such as `when` is indented under a layer's name.",
        "That makes it an argument of the layer. Options stand in line with the name.",
        layers("- BatchNorm2d:\n    when: in_channels > 1", "[8, 28, 28]"),
        layers("- BatchNorm2d:\n  when: in_channels > 1", "[8, 28, 28]"),
    ),
    "unknown-option": Page(
        "A key beside a layer is no option.",
        "Beside an item stand `name`, `as`, `when`, `repeat`, `shared`, `tie`, `parametrize`, `freeze` and `init`; "
        "arguments belong under the layer's name.",
        layers("- Linear: 10\n  bias: false", "[784]"),
        layers("- Linear: {out_features: 10, bias: false}", "[784]"),
    ),
    "misplaced-option": Page(
        "An option stands beside an item that does not have it.",
        "`shortcut` belongs to `residual`, `dim` and `split` to `concat`, `do` to `for` and `repeat`.",
        layers("- sequential: [ReLU]\n  shortcut: [ReLU]"),
        layers("- residual: [ReLU]\n  shortcut: [ReLU]"),
    ),
    "scalar-argument": Page(
        "A layer was given a bare value and takes none.",
        "A bare value is for the first argument that is not inferred, where that is obvious: `Linear: 10`.",
        layers("- ReLU: 3"),
        layers("- ReLU"),
    ),
    "list-argument": Page(
        "A layer was given a list.",
        "It could be one argument with several values, or several arguments: name it.",
        layers("- MaxPool2d: [2, 2]"),
        layers("- MaxPool2d: {kernel_size: [2, 2]}"),
    ),
    "unknown-argument": Page(
        "A layer, block or recipe word has no argument of that name.",
        "The arguments of a layer are those of the torch class. `netspec explain Conv2d` lists them.",
        layers("- Conv2d: {out_channels: 8, kernal_size: 3}"),
        layers("- Conv2d: {out_channels: 8, kernel_size: 3}"),
    ),
    "omitted-argument": Page(
        "torch has this argument, netspec does not offer it.",
        "It would change what the layer returns, or has no meaning in a spec; the message says why.",
        layers("- AdaptiveMaxPool2d: {output_size: 2, return_indices: true}"),
        layers("- AdaptiveMaxPool2d: {output_size: 2}"),
    ),
    "missing-argument": Page(
        "An argument that is needed is not there.",
        "Widths that follow from the input may be left out; the others have no default.",
        layers("- Conv2d: {out_channels: 8}"),
        layers("- Conv2d: {out_channels: 8, kernel_size: 3}"),
    ),
    "too-many-arguments": Page(
        "A block call gives more values than the block has parameters.",
        "A list gives the parameters in the order of the signature.",
        _CONV + layers("- conv: [8, 3, 1]"),
        _CONV + layers("- conv: [8, 3]"),
    ),
    "quoted-value": Page(
        "A number or boolean is quoted.",
        "A quoted text is an expression here, and nothing is gained by quoting a number: write it plain.",
        layers("- Linear: '10'", "[784]"),
        layers("- Linear: 10", "[784]"),
    ),
    "bad-signature": Page(
        "The key of a block is no signature.",
        "A signature is a name, and in parentheses the parameters, as in `conv(out, kernel=3)`.",
        "blocks:\n  conv(out, *rest):\n    - ReLU\n" + layers("- ReLU"),
        "blocks:\n  conv(out, rest=1):\n    - ReLU\n" + layers("- conv: 8"),
    ),
    "duplicate-block": Page(
        "Two blocks have the same name.",
        "A block has one signature; use defaults for what varies.",
        "blocks:\n  a(x):\n    - ReLU\n  a(x, y):\n    - ReLU\n" + layers("- a: 1"),
        "blocks:\n  a(x, y=1):\n    - ReLU\n" + layers("- a: 1"),
    ),
    "endless-block": Page(
        "A block calls itself without end.",
        "A block may call itself only under a `when` that ends it.",
        "blocks:\n  down(n):\n    - ReLU\n    - down: n - 1\n" + layers("- down: 3"),
        "blocks:\n  down(n):\n    - ReLU\n    - down: n - 1\n      when: n > 1\n" + layers("- down: 3"),
    ),
    "too-many-layers": Page(
        "The templates make more layers than allowed.",
        "The limit is 100,000; whoever calls netspec may raise it, a spec cannot.",
        layers("- ReLU:\n  repeat: 1000000000"),
        layers("- ReLU:\n  repeat: 10"),
    ),
    "bad-loop": Page(
        "A `for` is not of the form `name in values`.",
        "The values are a list, or what `range`, `zip` and `enumerate` give.",
        layers("- for: width\n  do:\n    - Linear: width\n    - ReLU", "[784]"),
        layers("- for: width in [64, 10]\n  do:\n    - Linear: width\n    - ReLU", "[784]"),
    ),
    "unknown-name": Page(
        "An expression uses a name that means nothing there.",
        "In scope are `vars`, the parameters of the block around, names of loops around, `in_shape`, `in_channels`, "
        "`in_features`, functions, layers and blocks. Text in an expression needs quotes of its own.",
        "vars: {width: 64}\n" + layers("- Linear: widht + width", "[784]"),
        "vars: {width: 64}\n" + layers("- Linear: width + width", "[784]"),
    ),
    "expression-syntax": Page(
        "A text is no expression.",
        "Every string outside a text field is an expression: arithmetic, names, lists, `x if c else y`.",
        layers("- Linear: 10 +", "[784]"),
        layers("- Linear: 10 + 1", "[784]"),
    ),
    "expression-forbidden": Page(
        "An expression uses something that the language does not have.",
        "It has numbers, text, lists, the operators of Python, `x if c else y`, indexing, slices, comprehensions and a "
        "closed list of functions; no attributes, no other calls, no assignments.",
        layers("- Linear: (10).real", "[784]"),
        layers("- Linear: 10", "[784]"),
    ),
    "expression-limit": Page(
        "An expression is too long, or its value too large.",
        "An expression has at most 256 characters and 200 parts, numbers stay below 2**63, lists below 100,000 items.",
        layers("- Linear: 9**9**9", "[784]"),
        layers("- Linear: 9**2", "[784]"),
    ),
    "expression-type": Page(
        "An operation cannot be done with these values.",
        "For example a list times a list, or text minus a number.",
        layers("- Linear: 10 - 'a'", "[784]"),
        layers("- Linear: 10 - 1", "[784]"),
    ),
    "expression-value": Page(
        "An operation has no result for these values.",
        "For example an index behind the end of a list, or the root of a negative number.",
        "vars: {w: [8, 16]}\n" + layers("- Linear: w[2]", "[784]"),
        "vars: {w: [8, 16]}\n" + layers("- Linear: w[1]", "[784]"),
    ),
    "division-by-zero": Page(
        "An expression divides by zero.",
        "Most often a parameter that is zero where it should count something.",
        layers("- Linear: 10 // 0", "[784]"),
        layers("- Linear: 10 // 1", "[784]"),
    ),
    "unknown-function": Page(
        "There is no function of that name.",
        "The functions are `min max abs int float round ceil floor sqrt log log2 range len sum zip enumerate any all "
        "make_divisible`.",
        layers("- Linear: maximum(8, 10)", "[784]"),
        layers("- Linear: max(8, 10)", "[784]"),
    ),
    "branch-mismatch": Page(
        "The branches of a combinator do not fit together.",
        "`residual` and `stack` want equal shapes; `add` and `mul` want one branch with the whole shape, and in the "
        "others its sizes or 1; `concat` wants all axes but one equal; `gate` wants each size of its body to be that "
        "of its input, or 1; `einsum` wants one size for each name of its pattern.",
        layers("- residual: [Conv2d: {out_channels: 8, kernel_size: 3, padding: 1}]"),
        layers(
            "- residual: [Conv2d: {out_channels: 8, kernel_size: 3, padding: 1}]\n"
            "  shortcut: [Conv2d: {out_channels: 8, kernel_size: 1}]"
        ),
    ),
    "inplace-in-branch": Page(
        "A layer with `inplace: true` writes over the input of a combinator.",
        "The other branches, or the skip beside the body, read that input too: what they see is already overwritten.",
        layers("- residual: [{ReLU: {inplace: true}}, Conv2d: {out_channels: 1, kernel_size: 1}]"),
        layers("- residual: [ReLU, Conv2d: {out_channels: 1, kernel_size: 1}]"),
        "warning",
    ),
    "split-mismatch": Page(
        "A `split` does not divide its input, or not among its branches.",
        "`split: n` cuts the input into n equal chunks, one for each of n branches.",
        layers("- concat: [[ReLU], []]\n  split: 2", "[3, 28, 28]"),
        layers("- concat: [[ReLU], []]\n  split: 2", "[4, 28, 28]"),
    ),
    "symbols-conflict": Page(
        "No size of the input's symbols suits all layers.",
        "Each layer requires something of the symbols; here two requirements exclude each other.",
        "input: [1, H, H]\nlayers:\n  - Conv2d: {out_channels: 1, kernel_size: 9}\n  - Flatten\n"
        "  - Linear: {in_features: 3, out_features: 10}\n  - Linear: 10\n",
        "input: [1, H, H]\nlayers:\n  - Conv2d: {out_channels: 1, kernel_size: 9}\n  - Flatten\n"
        "  - Linear: {in_features: 4, out_features: 10}\n  - Linear: 10\n",
    ),
    "unknown-initializer": Page(
        "There is no initialiser of that name.",
        "Initialisers are functions of `torch.nn.init`, with their underscore: `xavier_uniform_`.",
        "init: {Linear: xavier_uniform}\n" + layers("- Linear: 10", "[784]"),
        "init: {Linear: xavier_uniform_}\n" + layers("- Linear: 10", "[784]"),
    ),
    "init-axes": Page(
        "An initialiser does not fit a parameter's number of axes.",
        "Xavier, Kaiming and orthogonal initialisers want a matrix or more; a bias and a norm's weight are vectors.",
        "init: {Linear: {bias: xavier_uniform_}}\n" + layers("- Linear: 10", "[784]"),
        "init: {Linear: {bias: zeros_}}\n" + layers("- Linear: 10", "[784]"),
    ),
    "init-without-parameter": Page(
        "An initialiser is for a parameter that none of the layers has.",
        "The parameter is misspelt, or all layers of that type leave it out.",
        "init: {Linear: {wieght: zeros_}}\n" + layers("- Linear: 10", "[784]"),
        "init: {Linear: {weight: zeros_}}\n" + layers("- Linear: 10", "[784]"),
    ),
    "unknown-parametrization": Page(
        "There is no parametrisation of that name.",
        "A weight is computed of other parameters by `weight_norm`, `spectral_norm` or `weight_standardization`.",
        layers("- Linear: 10\n  parametrize: weight_nrom", "[784]"),
        layers("- Linear: 10\n  parametrize: weight_norm", "[784]"),
    ),
    "not-parametrizable": Page(
        "A layer has no weight that could be computed of other parameters.",
        "`parametrize` is about the `weight` of a layer, which is a matrix or more; a norm's weight is a vector, and "
        "an activation has none. `weight_standardization` takes the weights of one output, of which there are several.",
        layers("- Linear: 10\n- LayerNorm: {normalized_shape: 10}\n  parametrize: weight_norm", "[784]"),
        layers("- Linear: 10\n  parametrize: weight_norm\n- LayerNorm: {normalized_shape: 10}", "[784]"),
    ),
    "unused-block": Page(
        "Nothing calls a block.",
        "Its last call was removed, or another block is called in its place.",
        "blocks: {head(out): [Linear: out]}\n" + layers("- Linear: 10", "[784]"),
        "blocks: {head(out): [Linear: out]}\n" + layers("- head: 10", "[784]"),
        "warning",
    ),
    "unused-variable": Page(
        "Nothing uses a variable.",
        "Most often its name is misspelt, in `vars` or in a variant that was meant to override it.",
        "vars: {width: 64}\n" + layers("- Linear: 10", "[784]"),
        "vars: {width: 64}\n" + layers("- Linear: width", "[784]"),
        "warning",
    ),
}
