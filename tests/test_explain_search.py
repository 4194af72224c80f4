"""`netspec explain` in several words: what people paste and ask, and the code that they are to find."""

from __future__ import annotations

import re

import pytest

from netspec.cli.explain import asked_of_names, command, explain, nearest_codes, nearest_names
from netspec.cli.search import Index, stem, stems
from netspec.codes import CODES
from netspec.codes.said import SAID
from netspec.diagnostics import Code, UsageError
from netspec.language.glossary import EXPLAINED
from netspec.layers import MODULE_OF, OWN
from tests.commands import invoke

QUERIES: dict[str, Code] = {
    "mat1 and mat2 shapes cannot be multiplied": "width-mismatch",
    "RuntimeError: mat1 and mat2 shapes cannot be multiplied (64x400 and 256x120)": "width-mismatch",
    "mat1 and mat2 must have the same dtype, but got Long and Float": "wrong-dtype",
    "size mismatch": "width-mismatch",
    "RuntimeError: size mismatch, m1: [32 x 400], m2: [256 x 120]": "width-mismatch",
    "expected 4D input": "wrong-rank",
    "ValueError: expected 2D or 3D input (got 4D input)": "wrong-rank",
    "Expected 3D (unbatched) or 4D (batched) input to conv2d, but got input of size: [32, 32]": "wrong-rank",
    "Input 0 of layer conv2d is incompatible with the layer: expected min_ndim=4, found ndim=2": "wrong-rank",
    "how many dimensions": "wrong-rank",
    "channels last": "width-mismatch",
    "my images are height x width x channels": "width-mismatch",
    "flatten": "width-mismatch",
    "forgot flatten before linear": "width-mismatch",
    "half pixel": "invalid-argument",
    "why is my linear wrong": "width-mismatch",
    "what is in_features of the first fully connected layer": "width-mismatch",
    "Given groups=1, weight of size [64, 3, 7, 7], expected input[1, 1, 224, 224] to have 3 channels, but got 1 "
    "channels instead": "width-mismatch",
    "grayscale images": "width-mismatch",
    "running_mean should contain 48 elements not 32": "width-mismatch",
    "input.size(-1) must be equal to input_size. Expected 128, got 100": "width-mismatch",
    "Calculated padded input size per channel: (3 x 3). Kernel size: (4 x 4). Kernel size can't be greater than actual "
    "input size": "shape-mismatch",
    "Output size is too small": "shape-mismatch",
    "Negative dimension size caused by subtracting 3 from 1 for conv2d": "shape-mismatch",
    "kernel bigger than image": "shape-mismatch",
    "in_channels must be divisible by groups": "shape-mismatch",
    "out_channels must be divisible by groups": "invalid-argument",
    "embed_dim must be divisible by num_heads": "shape-mismatch",
    "shape '[-1, 256]' is invalid for input of size 400": "shape-mismatch",
    "Sizes of tensors must match except in dimension 1. Expected size 61 but got size 60": "branch-mismatch",
    "The size of tensor a (64) must match the size of tensor b (128) at non-singleton dimension 1": "branch-mismatch",
    "A Concatenate layer requires inputs with matching shapes": "branch-mismatch",
    "unet skip connection size": "branch-mismatch",
    "residual shapes do not fit": "branch-mismatch",
    "operands could not be broadcast together with shapes (3,) (4,)": "value-mismatch",
    "a variable needed for gradient computation has been modified by an inplace operation": "inplace-in-branch",
    "'tuple' object has no attribute 'size'": "value-kind",
    "linear(): argument 'input' (position 1) must be Tensor, not tuple": "value-kind",
    "lstm returns tuple": "value-kind",
    "expected scalar type Long but found Float": "loss-mismatch",
    "expected scalar type Float but found Long": "wrong-dtype",
    "embedding with floats": "wrong-dtype",
    "Expected more than 1 value per channel when training, got input size torch.Size([1, 256, 1, 1])": "needs-batch-2",
    "batch size 1 batchnorm": "batch-of-one",
    "softmax dim 0": "batch-axis",
    "mapping values are not allowed here": "yaml-syntax",
    "found character '\\t' that cannot start any token": "yaml-syntax",
    "indentation": "yaml-syntax",
    "same key twice": "duplicate-key",
    "TypeError: __init__() got an unexpected keyword argument 'filters'": "unknown-argument",
    "__init__() missing 1 required positional argument: 'kernel_size'": "missing-argument",
    "module 'torch.nn' has no attribute 'Con2d'": "unknown-layer",
    "custom layer not found": "unknown-layer",
    "NameError: name 'width' is not defined": "unknown-name",
    "arguments as a list": "list-argument",
    "number in quotes": "quoted-value",
    "ZeroDivisionError": "division-by-zero",
    "maximum recursion depth exceeded": "endless-block",
    "IndexError: Target 10 is out of bounds": "classes-mismatch",
    "CUDA error: device-side assert triggered": "classes-mismatch",
    "wrong number of classes": "classes-mismatch",
    "Expected target size [32, 10], got [32]": "loss-mismatch",
    "0D or 1D target tensor expected, multi-target not supported": "loss-mismatch",
    "mse for classification": "loss-mismatch",
    "Unknown loss function: crossentropy": "unknown-loss",
    "module 'torch.optim' has no attribute 'adam'": "unknown-optimizer",
    "Error(s) in loading state_dict for ResNet": "weights-mismatch",
    "Unexpected key(s) in state_dict": "weights-mismatch",
    "pretrained weights do not load": "weights-mismatch",
    "No module named 'torch'": "missing-extra",
    "graphviz is not installed": "missing-extra",
    "loss is nan": "not-finite",
    "exploding gradients": "not-finite",
    "CUDA out of memory. Tried to allocate 2.00 GiB": "out-of-memory",
    "does it fit on my gpu": "does-not-fit",
    "No space left on device": "resource-failed",
    "corrupt checkpoint": "damaged-checkpoint",
    "resume an interrupted run": "run-interrupted",
    "tied embedding and output": "tie-mismatch",
    "unsused variable": "unused-variable",
    "shared weigths": "shared-differs",
    "padding same with stride 2": "invalid-argument",
}


@pytest.mark.parametrize("words", QUERIES)
def test_the_code_that_is_meant_is_among_the_nearest_three(words: str) -> None:
    assert QUERIES[words] in nearest_codes(words)


def test_of_most_questions_it_is_the_first() -> None:
    later = {words: nearest_codes(words) for words, code in QUERIES.items() if nearest_codes(words)[0] != code}
    assert len(QUERIES) >= 80
    assert len(later) <= 0.15 * len(QUERIES), later


@pytest.mark.parametrize(
    ("words", "name"),
    [
        ("half pixel", "Upsample"),
        ("channels last", "Rearrange"),
        ("skip connection", "residual"),
        ("permute the axes", "Rearrange"),
        ("reshape a vector to a map", "Unflatten"),
        ("global average pooling", "AdaptiveAvgPool2d"),
        ("several networks in one file", "variants"),
        ("transposed convolution", "ConvTranspose2d"),
        ("weight sharing", "shared"),
        ("multi-head attention", "SelfAttention"),
        ("number of times a layer is repeated", "repeat"),
    ],
)
def test_layers_and_words_are_found_too(words: str, name: str) -> None:
    assert name in [hit.name for hit in nearest_names(words, OWN)]


@pytest.mark.parametrize(
    ("words", "name"),
    [
        ("mixture of experts", "mixture"),
        ("multi-head attention", "SelfAttention"),
        ("cross attention", "attend"),
        ("transformer decoder", "TransformerDecoder"),
        ("rotary position embedding", "SelfAttention"),
        ("key padding mask", "MultiheadAttention"),
    ],
)
def test_what_people_call_a_layer_or_a_word_is_answered_with_it_first(words: str, name: str) -> None:
    text = explain(words)
    assert re.findall(r"^([\w-]+) \([a-z ]+\)$", text, re.MULTILINE)[0] == name, text
    assert text.endswith(f"`netspec explain {name}` says more, with an example.")
    assert max(map(len, text.splitlines())) <= 80


@pytest.mark.slow
def test_a_message_of_another_tool_is_answered_with_codes_first() -> None:
    led = [
        words for words in QUERIES if " " in words and not re.search(r"^[\w-]+ \((?:error|warning)\)$", first(words))
    ]
    assert not [words for words in led if "Error" in words or "must" in words]
    assert len(led) <= 0.05 * len(QUERIES), led


def first(words: str) -> str:
    """The first answer's first line."""
    return explain(words).split("\n\n")[1].splitlines()[0]


def test_an_answer_has_three_codes_with_their_sentences_at_80_columns() -> None:
    text = explain("RuntimeError: mat1 and mat2 shapes cannot be multiplied (64x400 and 256x120)")
    heads = re.findall(r"^[\w-]+ \((?:error|warning)\)$", text, re.MULTILINE)
    assert len(heads) == 3 and heads[0] == "width-mismatch (error)"
    assert CODES["width-mismatch"].summary in " ".join(text.split())
    assert "`netspec explain width-mismatch` says more" in text
    assert max(map(len, text.splitlines())) <= 80


def test_several_words_need_no_quotes() -> None:
    result = invoke(command, "why", "is", "my", "linear", "wrong")
    assert result.exit_code == 0 and "width-mismatch (error)" in result.stdout


def test_a_misspelt_name_is_answered_with_the_name_and_with_what_it_means() -> None:
    with pytest.raises(UsageError, match=r"did you mean `Flatten`\? By its meaning, `width-mismatch`"):
        explain("flaten")


def test_words_that_nothing_says_find_nothing() -> None:
    assert nearest_codes("qwzx vvkj") == []
    with pytest.raises(UsageError, match="`netspec explain` lists what there is"):
        explain("qwzx vvkj")
    assert nearest_codes("the of my") == []


def test_a_page_says_what_other_tools_say() -> None:
    text = explain("width-mismatch")
    assert "Other tools say:\n- mat1 and mat2 shapes cannot be multiplied\n" in text
    assert max(map(len, text.splitlines())) <= 80


@pytest.mark.parametrize("name", [*SAID])
def test_what_is_said_elsewhere_finds_its_code(name: Code) -> None:
    """Each message and question by itself; of messages that two codes share, both are found."""
    assert name in CODES
    for text in (*SAID[name].messages, *SAID[name].asked):
        assert name in nearest_codes(text), text


def test_what_is_asked_of_names_is_asked_of_names_that_there_are() -> None:
    assert set(asked_of_names()) - set(MODULE_OF) - set(EXPLAINED) == set()


def test_words_are_found_by_their_stems() -> None:
    assert {stem(word) for word in ("multiplied", "multiplies", "multiply")} == {"multiply"}
    assert stem("sizes") == stem("size") and stem("stopped") == stem("stop") and stem("classes") == "class"
    assert stems("the 64x400 of RuntimeError") == []
    assert stems("can't SelfAttention") == ["not", "self", "attention"]


def test_a_rare_word_weighs_more_than_a_frequent_one() -> None:
    index = Index({"one": ["layer map"], "two": ["layer pixel"], "three": ["layer tree"], "four": ["layer map tree"]})
    assert index.nearest("a layer and a pixel")[0].name == "two"
    assert index.nearest("pixle")[0].name == "two"
