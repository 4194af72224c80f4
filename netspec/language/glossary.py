"""The words of the language, explained: what `netspec explain residual` prints. The tests compile every example."""

from __future__ import annotations

from typing import Final, NamedTuple

from netspec.codes.base import layers
from netspec.combinators import COMBINATORS, OWNERS, joining_class
from netspec.combinators.base import WorkedExample
from netspec.language.glossary_sweep import MEANINGS, SWEEP


class Word(NamedTuple):
    """A word of the language."""

    kind: str
    """What sort of word it is, for the headline."""
    meaning: str
    """Two or three sentences."""
    example: str
    """A complete spec; of a function an expression, of which `value` is the value."""
    value: object = None


_KEYS: Final = {
    "netspec": Word(
        "key of a spec",
        "The version of the language that the spec is written in. There is one, 1; the key may be left out.",
        "netspec: 1\n" + layers("- Flatten"),
    ),
    "description": Word(
        "key of a spec",
        "A text for people: what the network is, where it was published. It changes nothing.",
        "description: The network of 1989\n" + layers("- Flatten"),
    ),
    "plugins": Word(
        "key of a spec",
        "The modules or distributions with layers of the spec that netspec has not. It loads nothing: `--plugin NAME` "
        "does, and a message says so where one is missing. `netspec import --write-plugin FILE` writes layers for "
        "modules of torch's that are there.",
        "plugins: [my_layers]\n" + layers("- Flatten"),
    ),
    "input": Word(
        "key of a spec",
        "The shape of one example, without the batch axis: channels, height, width for images. `{shape: [128], dtype: "
        "int64}` says the dtype too. A size may be an expression over `vars`, or a symbol such as `H`, which `--set "
        "H=224` makes concrete. Several inputs have names, as in `{image: [3, 64, 64], time: []}`.",
        layers("- Conv2d: {out_channels: 8, kernel_size: 3, padding: 1}", "[1, H, W]"),
    ),
    "shape": Word(
        "key of `input`",
        "The sizes of one example, where `input` is a mapping because it says the `dtype` too.",
        layers("- Embedding: {num_embeddings: 1000, embedding_dim: 32}", "{shape: [128], dtype: int64}"),
    ),
    "dtype": Word(
        "key of `input`",
        "The type of the input's elements, float32 if left out. Embeddings take int64.",
        layers("- Embedding: {num_embeddings: 1000, embedding_dim: 32}", "{shape: [128], dtype: int64}"),
    ),
    "vars": Word(
        "key of a spec",
        "Names for expressions, each a number, a text, a list, or the name of a layer. A later one may use an earlier "
        "one. `--set width=64` and variants replace them.",
        "vars: {width: 32, double: 2 * width}\n" + layers("- Flatten\n- Linear: double\n- ReLU\n- Linear: width"),
    ),
    "variants": Word(
        "key of a spec",
        "Several networks in one file: each variant replaces some of `vars`, or adds to them, and may replace `input`, "
        "`train` and `expect`. `--variant NAME` chooses one; `netspec check` checks them all.",
        "name: mlp\nvariants:\n  mlp2: {widths: [64]}\n  mlp3: {widths: [128, 64]}\n"
        + layers("- Flatten\n- for: w in widths\n  do: [Linear: w, ReLU]\n- Linear: 10"),
    ),
    "blocks": Word(
        "key of a spec",
        "Reusable lists of layers with parameters, called like layers: with a mapping, with a list in the order of the "
        "signature, or with a bare value for the first. Defaults may use the parameters before them.",
        "blocks:\n  conv(out, kernel=3):\n    - Conv2d: {out_channels: out, kernel_size: kernel, padding: kernel // 2}"
        "\n    - ReLU\n" + layers("- conv: 16\n- conv: [32, 5]"),
    ),
    "layers": Word(
        "key of a spec",
        "The network: a list of layers, block calls, loops and combinators, in the order in which data flow through "
        "them.",
        layers("- Flatten\n- Linear: 64\n- ReLU\n- Linear: 10"),
    ),
    "train": Word(
        "key of a spec",
        "The recipe: data, optimizer, schedule and loss, by which `netspec train` trains. Everything else about the "
        "network works without it.",
        layers("- Flatten\n- Linear: 10")
        + "train:\n  data: FashionMNIST\n  batch_size: 128\n  epochs: 5\n  optimizer: {SGD: {lr: 0.1}}\n"
        "  loss: CrossEntropyLoss\n",
    ),
    "expect": Word(
        "key of a spec",
        "What the network must be, checked with it: `params`, `trainable_params` and `macs` as a number or with "
        "`at_most` and `at_least`; `memory` of a training step, with `batch`, `precision`, `optimizer` and `device` "
        "where the recipe does not say them; the `output`. A variant replaces what it names.",
        layers("- Flatten\n- Linear: 10")
        + "expect:\n  params: 7_850\n  macs: {at_most: 1e5}\n  memory: {batch: 128, at_most: 8 MiB}\n  output: [10]\n",
    ),
}

_TWO_LOSSES: Final = (
    "input: [4]\nlayers: [Linear: 8, ReLU]\noutput: {kind: [Linear: 3], size: [Linear: 1]}\ntrain:\n  data: synthetic\n"
    "  batch_size: 8\n  epochs: 1\n  optimizer: SGD\n  loss:\n    - {CrossEntropyLoss: , of: kind}\n"
    "    - {MSELoss: , of: size, target: sizes, weight: 0.5}\n"
)
_BESIDE_LOSSES: Final = {
    "of": Word(
        "key beside a loss",
        "The output that a loss reads, by the name that `output` gives it; a list for a loss of several, as in `of: "
        "[mu, logvar]`. It may be left out where the network has one output.",
        _TWO_LOSSES,
    ),
    "target": Word(
        "key beside a loss",
        "What a loss compares its output with: an input of the network, as an autoencoder has it, or a field of the "
        "data. Left out, it is the labels of the data. A `text` has `next` in place of them: for each token the one "
        "behind it.",
        _TWO_LOSSES,
    ),
    "weight": Word(
        "key beside a loss",
        "The number that a loss is multiplied with before all are added up, 1 if left out. Among the arguments of a "
        "loss, as in `CrossEntropyLoss: {weight: [1.0, 2.0]}`, it is another: one factor for each class.",
        _TWO_LOSSES,
    ),
}

_LOOPS: Final = {
    "for": Word(
        "loop",
        "The list under `do` once for each value, with the value under a name. Several names unpack lists, as in `for: "
        "c, k in [[8, 5], [16, 3]]`.",
        layers("- for: width in [8, 16]\n  do:\n    - Conv2d: {out_channels: width, kernel_size: 3}\n    - ReLU"),
    ),
    "repeat": Word(
        "loop, or option of an item",
        "With `do`, the list so many times; beside a layer or a block, that item so many times. 0 is allowed. Each "
        "time is a layer with parameters of its own.",
        layers("- Flatten\n- repeat: 2\n  do: [Linear: 64, ReLU]\n- Linear: 10"),
    ),
    "do": Word(
        "option of `for` and `repeat`",
        "The list of layers that a loop repeats.",
        layers("- Flatten\n- repeat: 3\n  do:\n    - Linear: 64\n    - ReLU"),
    ),
}

_OPTIONS: Final = {
    "name": Word(
        "key of a spec, and option of an item",
        "Of a spec: its name for people and file names; the file's stem if left out. Beside an item: its key in the "
        '`state_dict`, with expressions in braces, as in `"fc{i}"`.',
        "name: small\n" + layers("- Flatten\n- Linear: 10\n  name: head"),
    ),
    "when": Word(
        "option of an item",
        "The item is there only if the expression is true. `in_channels` and `in_features` are those of the place "
        "where the item stands.",
        layers("- Flatten\n- Linear: 64\n  when: in_features > 64\n- ReLU\n- Linear: 10"),
    ),
    "shared": Word(
        "option of an item",
        "All items of this name in one body (the network, a block's, a `sequential`) are one module, which has this "
        "name: each is written in full, what flows through may differ. Beside `repeat`, one module runs so many times. "
        "Parameters count once, multiply-accumulates each time.",
        layers("- Flatten\n- Linear: 64\n- {Linear: 64, shared: step}\n- Tanh\n- {Linear: 64, shared: step}\n- Tanh"),
    ),
    "tie": Word(
        "option of a layer",
        "A parameter of the layer is one of an earlier layer, which is written as its key in the `state_dict`: below "
        "the block that the item stands in, or below what is around it.",
        "input: [16, int64]\nlayers:\n  - Embedding: {num_embeddings: 100, embedding_dim: 32}\n    name: tokens\n"
        "  - Linear: {out_features: 100, bias: false}\n    tie: {weight: tokens.weight}\n",
    ),
    "parametrize": Word(
        "option of a layer",
        "The weight is computed of other parameters: `weight_norm`, `spectral_norm` or `weight_standardization`, bare "
        "or with arguments. What it is computed of begins as the weight that the layer has without it, after its "
        "`init`; the `state_dict` has torch's names.",
        layers(
            "- Flatten\n- Linear: 64\n  parametrize: weight_norm\n- ReLU\n- Linear: 1\n  "
            "parametrize: {spectral_norm: {n_power_iterations: 2}}"
        ),
    ),
    "freeze": Word(
        "option of an item",
        "The parameters of all layers inside do not train, and their normalisations stay in eval mode. The recipe's "
        "key of the same name does it by patterns.",
        layers("- Conv2d: {out_channels: 8, kernel_size: 3}\n  freeze: true\n- Flatten\n- Linear: 10"),
    ),
    "init": Word(
        "key of a spec, and option of an item",
        "Functions of `torch.nn.init` for the layers' parameters: of a spec by type of layer, beside an item for the "
        "layers inside. A bare name is for the weight. The innermost wins.",
        layers("- Flatten\n- Linear: 10\n  init: {weight: {normal_: {std: 0.01}}, bias: zeros_}")
        + "init: {Linear: xavier_uniform_}\n",
    ),
}

_VALUES: Final = {
    "as": Word(
        "item, and option of an item",
        "A name for the value that stands here: beside an item for what comes out of it, as an item for what has come "
        "so far. `p[i]` names one of a family. The name is known behind it in the same list, in a `do`, in a "
        "`sequential` and in branches; a block knows its parameters only.",
        layers("- Flatten\n- Linear: 64\n  as: skip\n- ReLU\n- Linear: 64\n  as: y\n- use: y + skip"),
    ),
    "use": Word(
        "item",
        "Another value in the place of the one that stands here: a named one, or arithmetic over named values and "
        "numbers with + - * / **, element by element. Shapes are equal, or one side has 1 where the other has more.",
        layers("- as: image\n- Conv2d: {out_channels: 1, kernel_size: 3, padding: 1}\n- as: y\n- use: image * 0.5 + y"),
    ),
    "output": Word(
        "key of a spec, and item at the end of a block's body",
        "Of a spec: what the network gives, if it is not what the last item gives: a value, or a mapping of names to "
        "values, arithmetic, families and lists of layers, which go on where the layers end; a network with named "
        "outputs gives a named tuple. At the end of a block's body: what the block gives, if it is not its last value: "
        "a value, arithmetic, or a family.",
        "blocks:\n  gated(width):\n    - Linear: width\n      as: wide\n    - ReLU\n    - as: active\n"
        "    - output: wide * active\n"
        + layers("- Flatten\n- gated: 64\n  as: features")
        + "output: {scores: [Linear: 10], features: features}\n",
    ),
}

_PLACES: Final = {
    "in_channels": Word(
        "name in expressions",
        "The first size of what arrives at the place where the expression stands, whatever it means there. As an "
        "argument of a layer it follows from the input and need not be written.",
        layers("- Conv2d: {out_channels: 2 * in_channels, kernel_size: 3}", "[16, 32, 32]"),
    ),
    "in_features": Word(
        "name in expressions",
        "The last size of what arrives at the place where the expression stands. As an argument of `Linear` it follows "
        "from the input and need not be written.",
        layers("- Flatten\n- Linear: in_features // 2"),
    ),
    "in_shape": Word(
        "name in expressions",
        "The sizes of what arrives at the place where the expression stands, without the batch axis.",
        layers('- AvgPool2d: "in_shape[1]"\n- Flatten\n- Linear: 10', "[16, 32, 32]"),
    ),
}


def _function(form: str, meaning: str, example: str, value: object) -> Word:
    return Word("function of expressions", f"{form}: {meaning}", example, value)


_FUNCTIONS: Final = {
    "min": _function("min(a, b, …) or min(list)", "the least value.", "min(64, 48)", 48),
    "max": _function("max(a, b, …) or max(list)", "the greatest value.", "max(8, 64 // 16)", 8),
    "abs": _function("abs(x)", "x without its sign.", "abs(-3)", 3),
    "int": _function("int(x)", "x without its decimals.", "int(2.7)", 2),
    "float": _function("float(x)", "x as a number with decimals.", "float(2)", 2.0),
    "round": _function("round(x, places=0)", "the nearest number, of two the even one.", "round(2.5)", 2),
    "ceil": _function("ceil(x)", "the least integer that is not below x.", "ceil(7 / 2)", 4),
    "floor": _function("floor(x)", "the greatest integer that is not above x.", "floor(7 / 2)", 3),
    "sqrt": _function("sqrt(x)", "the square root, with decimals.", "int(sqrt(49))", 7),
    "log": _function("log(x)", "the natural logarithm, with decimals.", "round(log(288 / 48) / log(2.5))", 2),
    "log2": _function("log2(x)", "the logarithm to the base 2, with decimals.", "int(log2(64))", 6),
    "range": _function(
        "range(n), range(a, b) or range(a, b, step)", "the list of integers from 0 or a to below n or b.",
        "range(2, 10, 4)", [2, 6],
    ),
    "len": _function("len(list)", "how many values it has.", "len([64, 128, 256])", 3),
    "sum": _function("sum(list)", "the sum of its values.", "sum([3, 4, 6, 3])", 16),
    "zip": _function("zip(a, b, …)", "tuples of the first values, of the second, …", "zip([8, 16], [5, 3])",
                     [(8, 5), (16, 3)]),
    "enumerate": _function(
        "enumerate(list, start=0)", "each value behind its number.", "enumerate([32, 10])", [(0, 32), (1, 10)]
    ),
    "any": _function("any(list)", "true if one of the values is.", "any([w > 100 for w in [64, 128]])", True),
    "all": _function("all(list)", "true if every value is.", "all([w > 100 for w in [64, 128]])", False),
    "make_divisible": _function(
        "make_divisible(x, divisor=8, min_value=divisor)",
        "the multiple of `divisor` nearest to x, never more than a tenth below it; the rule of MobileNet.",
        "make_divisible(11)", 16,
    ),
}  # fmt: skip


def _combinators() -> dict[str, Word]:
    """The combinators and their options, as their classes explain them."""
    found: dict[str, Word] = {}
    for word in COMBINATORS:
        kind = joining_class(word)
        found[word] = Word("combinator", " ".join((kind.__doc__ or "").split()), _spec(kind.examples[0]))
        for name, option in kind.options.items():
            owners = " and ".join(f"`{owner}`" for owner in OWNERS[name])
            meaning = f"{found[name].meaning} {option.meaning}" if name in found else option.meaning
            found[name] = Word(f"option of {owners}", meaning, _spec(option.example))
    return found


def _spec(example: WorkedExample) -> str:
    return layers(example.layers, str(list(example.input)))


EXPLAINED: Final = {
    **_KEYS,
    **{word: Word(kind, meaning, SWEEP) for word, (kind, meaning) in MEANINGS.items()},
    **_BESIDE_LOSSES,
    **_combinators(),
    **_LOOPS,
    **_OPTIONS,
    **_VALUES,
    **_PLACES,
    **_FUNCTIONS,
}
"""Every word of the language."""
