"""Positions are units of UTF-16, held against Python's own encoder; changes are applied as a client means them."""

from __future__ import annotations

import random

import pytest

pytest.importorskip("lsprotocol", reason="the language server is an extra")

from lsprotocol import types as lsp

from netspec.lsp.positions import Places, changed, readable
from netspec.text.source import Source
from tests.lsp.editor import position


def test_offsets_and_positions_are_each_others_inverse() -> None:
    rng = random.Random(3)
    for _ in range(200):
        text = "".join(rng.choices(["a", "é", "😀", "\u2028", "\x0b", "\n", "\r\n", "\r"], k=30))
        places = Places(Source("spec.yaml", text))
        for offset in range(len(text) + 1):
            if text[offset - 1 : offset + 1] == "\r\n":
                continue
            assert places.position(offset) == position(text, offset)
            assert places.offset(position(text, offset)) == offset


def test_what_is_no_place_is_the_nearest_one() -> None:
    places = Places(Source("spec.yaml", "a😀b\nc"))
    assert places.offset(lsp.Position(0, 2)) == 2, "within a pair: behind it"
    assert places.offset(lsp.Position(0, 99)) == 3
    assert places.offset(lsp.Position(7, 0)) == 5


def test_changes_are_applied_one_behind_another() -> None:
    rng = random.Random(5)
    text = "input: [3]\r\nlayers: [😀, ReLU]\r# \u2028\n"
    for _ in range(300):
        start = rng.randrange(len(text) + 1)
        end = rng.randrange(start, len(text) + 1)
        if any(text[i - 1 : i + 1] == "\r\n" for i in (start, end)):
            continue
        new = rng.choice(["", "x", "😀\n", "\r"])
        where = lsp.Range(position(text, start), position(text, end))
        after = changed(text, [lsp.TextDocumentContentChangePartial(range=where, text=new)])
        assert after == text[:start] + new + text[end:]
        text = after if len(after) < 200 else after[:50]


def test_half_a_pair_of_surrogates_is_replaced_and_keeps_its_place() -> None:
    assert readable("a\ud83d\ude00b") == "a😀b"
    assert readable("a\ud83db") == "a\ufffdb"
