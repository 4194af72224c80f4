"""The inputs and arguments that torch accepts and netspec refuses on purpose.

netspec accepts everything else that a torch module accepts on real tensors, in train and in eval mode. The differential
test knows the exceptions from this table, and docs/layers.md lists them.
"""

from __future__ import annotations

from typing import Final

REFUSED: Final[dict[str, str]] = {
    "another rank": (
        "A layer over N axes wants the channels and N axes. Where one is missing torch takes the batch for the "
        "channels; constant padding pads the last axes of anything."
    ),
    "the batch axis": (
        "A dim that names the batch axis, as in `Flatten: {start_dim: 0}` or `Softmax: 0`: a layer works on each "
        "example alone."
    ),
    "nothing left": "An axis of size 0, as behind `AdaptiveAvgPool2d: 0`: there is nothing to compute with.",
    "a size below 1": (
        "An argument that counts something and is 0 or less, as in `Linear: 0`: the result would be empty. Torch "
        "takes a `scale_factor` of 0 for none."
    ),
    "a stated width that is wrong": (
        "A stated `num_features` that is not the input's, even where torch does not look at it: batch and "
        "instance norms without parameters and statistics."
    ),
    "no dim": "`Softmax` and its kin without `dim`: torch guesses one, and says that it will stop doing so.",
    "integers": (
        "int64 values in a layer that computes. Torch's `ReLU` and max pools would hand on integers, which few "
        "layers take."
    ),
    "lists of another length": (
        "A list that has not one value for each axis or side: torch fills up some short ones, pads some sides "
        "only, and overlooks surplus zeros."
    ),
    "negative padding": (
        "A negative amount in a pad that mirrors, copies or wraps, or in such a `padding_mode`. `ZeroPad` and "
        "`ConstantPad` take one, and cut off."
    ),
    "negative eps": "An `eps` below 0: the root of a negative number is no number.",
    "numbers of another kind": (
        "A fraction or a word where an integer or a number is meant: torch does not look at every argument of "
        "every layer."
    ),
    "numbers beyond float32": "A number of more than 3.4·10³⁸: some layers pass it on, and the result is infinite.",
    "arguments of `Identity`": "Torch's `Identity` swallows any argument.",
    "undefined arguments": "`Softplus` with `beta: 0`, which divides by it.",
    "dropout without a place": "`dropout` in a recurrent layer of `num_layers: 1`: torch warns that it does nothing.",
}
"""Name of a deviation → description and reason."""
