"""What a finding says of the inputs that would fit is so: those sizes compile, and none nearer does."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import netspec
from netspec.diagnostics import Diagnostic
from tests.mistakes.check import apply, check

ROOT = Path(__file__).parent.parent.parent

UNET = (ROOT / "specs" / "unet.yaml").read_text(encoding="utf-8")
SMALL = """\
input: [3, 20, 26]
layers:
  - Conv2d: {out_channels: 8, kernel_size: 5, stride: 2}
  - MaxPool2d: 3
  - Conv2d: {out_channels: 8, kernel_size: 3}
"""
SEQUENCE = """\
input: [4, 50]
layers:
  - Conv1d: {out_channels: 8, kernel_size: 9, stride: 4}
  - MaxPool1d: 4
  - Conv1d: {out_channels: 8, kernel_size: 5}
"""
WRONG = {
    "divisible": UNET.replace("256, 256]", "570, 570]"),
    "oblong": UNET.replace("256, 256]", "570, 250]"),
    "too small": SMALL,
    "a sequence": SEQUENCE,
}


def with_sizes(text: str, sizes: list[int]) -> str:
    channels = re.search(r"^input: \[(\d+)", text, re.MULTILINE)
    assert channels is not None
    shape = ", ".join(map(str, [channels[1], *sizes]))
    return re.sub(r"^input: \[.*?\]", f"input: [{shape}]", text, count=1, flags=re.MULTILINE)


def compiles(text: str) -> bool:
    return not any(d.severity == "error" for d in check(text, mends=False))


def the_help(text: str) -> str:
    helps = [d.help for d in check(text) if d.help is not None]
    assert len(helps) == 1
    return helps[0]


@pytest.mark.parametrize("name", WRONG)
def test_the_nearest_inputs_are_the_nearest_that_compile(name: str) -> None:
    text = WRONG[name]
    found = re.search(r"the nearest: (.+)$", the_help(text))
    assert found is not None
    written = re.search(r"^input: \[\d+, (.+?)\]", text, re.MULTILINE)
    assert written is not None
    sizes = [int(size) for size in written[1].split(", ")]
    for each in found[1].split(" or "):
        nearest = [int(size) for size in each.split(" × ")]
        assert compiles(with_sizes(text, nearest))
        way = 1 if nearest[0] > sizes[0] else -1
        for by in range(way, nearest[0] - sizes[0], way):
            assert not compiles(with_sizes(text, [size + by for size in sizes]))


def test_the_words_for_a_u_net() -> None:
    assert the_help(WRONG["divisible"]).endswith(
        "\ninputs that fit, … × H × W: H and W must be divisible by 16, for `concat` (line 25); "
        "the nearest: 560 × 560 or 576 × 576"
    )


def test_the_inputs_for_which_a_width_is_right() -> None:
    text = (ROOT / "docs" / "examples" / "wrong_flatten.yaml").read_text(encoding="utf-8")
    (found,) = check(text)
    assert found.help is not None
    assert found.help.splitlines()[1:] == [
        "9216 is right for an input of 225 × 225 to 256 × 256",
        "9216 is also right with `padding: 2` in `Conv2d` (line 5)",  # as in torchvision's AlexNet
    ]
    right = [size for size in range(200, 300) if compiles(with_sizes(text, [size, size]))]
    assert (right[0], right[-1], len(right)) == (225, 256, 32)


def test_a_spec_that_is_right_asks_for_no_symbols(monkeypatch: pytest.MonkeyPatch) -> None:
    from netspec import mends

    def never(*_: object) -> list[Diagnostic]:
        raise AssertionError

    monkeypatch.setattr(mends, "proven", never)
    assert netspec.check(ROOT / "specs" / "unet.yaml") == []


def test_a_softmax_gives_way_to_its_logarithm() -> None:
    text = (
        "input: [1, 28, 28]\nlayers: [Flatten, Linear: 10, Softmax: -1]\n"
        "train: {data: MNIST, batch_size: 64, loss: NLLLoss, optimizer: SGD, epochs: 3}\n"
    )
    (d,) = check(text)
    assert d.help is not None
    assert "end the net with `LogSoftmax: {dim: 1}` in the place of `Softmax`" in d.help
    assert d.fix is not None
    assert not d.fix.certain
    assert check(apply(text, d.fix)) == []
