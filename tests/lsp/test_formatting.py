"""Formatting over the wire: edits of white space alone, and none where a text cannot be read."""

from __future__ import annotations

import asyncio
import random

import pytest

pytest.importorskip("pygls", reason="the language server is an extra")

from lsprotocol import types as lsp

from netspec.lsp.formatting import changes
from tests.lsp.editor import edited_by, editor

WRONG = "# 😀\ninput:   [ 3 ]\n\n\nlayers:   # é\n- Linear:  4\n-   {ReLU: ,name: x }"
RIGHT = "# 😀\ninput: [3]\n\nlayers:   # é\n  - Linear: 4\n  - {ReLU: , name: x}\n"


def test_the_edits_of_an_editor_put_a_text_in_order() -> None:
    async def scenario() -> None:
        async with editor() as it:
            it.open(WRONG)
            asked = lsp.DocumentFormattingParams(it.document, lsp.FormattingOptions(4, insert_spaces=False))
            edits = list(await it.client.text_document_formatting_async(asked) or [])
            assert edited_by(WRONG, edits) == RIGHT
            assert all(not edit.new_text.strip() for edit in edits)
            it.edit(0, len(it.text), RIGHT)
            assert list(await it.client.text_document_formatting_async(asked) or []) == []
            it.edit(len(it.text), len(it.text), "  - Conv2d: {")
            assert list(await it.client.text_document_formatting_async(asked) or []) == []

    asyncio.run(scenario())


def test_edits_are_of_white_space_wherever_it_differs() -> None:
    rng = random.Random(3)
    for _ in range(300):
        signs = [rng.choice("ab😀:[") for _ in range(rng.randrange(8))]
        one, other = ("".join(c + rng.choice(("", " ", "\n", " \r\n ")) for c in ["", *signs]) for _ in range(2))
        text = one
        for start, end, blanks in reversed(list(changes(one, other))):
            assert not text[start:end].strip() and not blanks.strip()
            text = text[:start] + blanks + text[end:]
        assert text == other
