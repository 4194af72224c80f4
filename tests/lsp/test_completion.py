"""What completion offers, by places in texts that are half typed: `|` is the cursor."""

from __future__ import annotations

import pytest

pytest.importorskip("lsprotocol", reason="the language server is an extra")

from lsprotocol import types as lsp

from netspec.lsp.completion import complete
from netspec.lsp.places import cursor_at
from netspec.lsp.reading import LiveText
from tests.lsp.editor import edited_by

HEAD = """\
input: [3, 32, 32]
vars: {width: 8}
blocks:
  conv(out, kernel=3):
    - Conv2d: {out_channels: out, kernel_size: kernel}
      as: seen
    - ReLU
"""
WHOLE = HEAD + "layers:\n  - conv: width\n    as: skip\n  - use: skip\n"


def offered(text: str) -> list[str]:
    at = text.index("|")
    live = LiveText("spec.yaml", text.replace("|", ""))
    known = live if live.spec is not None else LiveText("spec.yaml", WHOLE)
    return [item.label for item in complete(live, known, live.places.position(at))]


@pytest.mark.parametrize(
    ("text", "first", "absent"),
    [
        ("lay|", ["layers", "train"], ["Conv2d"]),
        (HEAD + "layers:\n  - |", ["conv", "Conv2d", "residual", "$width"], ["layers"]),
        (HEAD + "layers:\n  - Conv2d: {|", ["out_channels", "kernel_size", "stride"], ["Conv2d"]),
        (HEAD + "layers:\n  - Conv2d: {out_channels: 3, |", ["kernel_size"], ["out_channels"]),
        (HEAD + "layers:\n  - Conv2d: {padding: |", ["same", "width", "in_channels", "min"], ["out_channels"]),
        (HEAD + "layers:\n  - Conv2d: {out_channels: 8, kernel_size: [|", ["width"], ["Conv2d"]),
        (HEAD + "layers:\n  - conv: {|", ["out", "kernel"], ["Conv2d"]),
        (HEAD + "layers:\n  - conv: 8\n    |", ["name", "as", "when"], ["conv"]),
        (HEAD + "layers:\n  - residual: [ReLU]\n    sh|", ["shortcut", "shared"], ["dim"]),
        (HEAD + "layers:\n  - for: i in range(3)\n    |", ["do"], ["residual"]),
        (HEAD + "layers:\n  - conv: width\n    as: skip\n  - use: |", ["skip"], ["Conv2d"]),
        ("blocks:\n  b(size):\n    - Linear: |\nlayers: [b: 3]\n", ["size", "in_features"], ["Conv2d"]),
        ("train:\n  |", ["data", "loss", "optimizer", "scheduler"], ["layers"]),
        ("train:\n  optimizer: |", ["SGD", "AdamW"], ["StepLR"]),
        ("train:\n  optimizer: {SGD: {|", ["lr", "momentum"], ["SGD"]),
        ("train:\n  scheduler: |", ["StepLR", "OneCycleLR"], ["SGD"]),
        ("train:\n  data: Fash|", ["FashionMNIST", "folder"], ["SGD"]),
        ("train:\n  augment: [|", ["RandomCrop"], ["Resize"]),
        ("train:\n  transforms: [|", ["Resize"], ["RandomCrop"]),
        (HEAD + "layers: [conv: 8]\ninit:\n  |", ["Conv2d"], ["ReLU"]),
        ("init: {Linear: |", ["zeros_", "kaiming_normal_"], ["Linear"]),
        ("init: {Linear: {kaiming_normal_: {|", ["mode", "nonlinearity"], ["weight"]),
    ],
)  # fmt: skip
def test_what_fits_is_offered_in_its_order_and_nothing_else(text: str, first: list[str], absent: list[str]) -> None:
    found = offered(text)
    places = [found.index(word) for word in first]
    assert places == sorted(places)
    assert not set(absent) & set(found)


@pytest.mark.parametrize(
    ("text", "label", "after"),
    [
        ("train:\n  optimizer:|", "SGD", "train:\n  optimizer: SGD"),
        ("train:\n  optimizer:S|", "SGD", "train:\n  optimizer: SGD"),
        ("train:\n  optimizer: S|", "SGD", "train:\n  optimizer: SGD"),
        ("layers:\n  - Conv2d: {out|", "out_channels", "layers:\n  - Conv2d: {out_channels: "),
        ("layers:\n  - Conv2d: {out|: 3}", "out_channels", "layers:\n  - Conv2d: {out_channels: 3}"),
        ("la|:\n", "layers", "layers:\n"),
        ("la|", "layers", "layers: "),
    ],
)
def test_what_is_taken_is_read_as_it_was_meant(text: str, label: str, after: str) -> None:
    at = text.index("|")
    live = LiveText("spec.yaml", text.replace("|", ""))
    (item,) = [item for item in complete(live, live, live.places.position(at)) if item.label == label]
    assert edited_by(live.text, [item.text_edit]) == after


def test_beside_an_argument_stands_its_kind_and_the_rest_is_documentation() -> None:
    """An editor cuts the name itself off where much stands beside it."""
    for text, name, kind, rest in (
        ("layers:\n  - Linear: {|", "out_features", "an integer ≥ 1", "required; a bare value sets it"),
        ("train:\n  optimizer: {SGD: {|", "momentum", "a number ≥ 0", "0 if left out"),
    ):
        at = text.index("|")
        live = LiveText("spec.yaml", text.replace("|", ""))
        (item,) = [item for item in complete(live, live, live.places.position(at)) if item.label == name]
        assert item.detail == kind
        assert isinstance(item.documentation, lsp.MarkupContent) and rest in item.documentation.value


def test_a_cursor_behind_any_text_is_somewhere() -> None:
    for end in range(len(WHOLE)):
        cursor = cursor_at(WHOLE, end)
        assert len(cursor.prefix) <= end
