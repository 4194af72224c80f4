"""Names and where they stand; renames that leave the network as it is."""

from __future__ import annotations

import pytest

pytest.importorskip("lsprotocol", reason="the language server is an extra")

from lsprotocol import types as lsp

from netspec.diagnostics import UsageError
from netspec.lsp.navigation import definition, named_at, references, renamed
from netspec.lsp.outline import folds, symbols
from netspec.lsp.reading import LiveText
from tests.lsp.editor import ROOT, position

TEXT = """\
input: [3, 32, 32]
vars: {width: 8, wide: width * 2}
blocks:
  conv(width, kernel=3):
    - Conv2d: {out_channels: width, kernel_size: kernel, padding: kernel // 2}
    - ReLU
layers:
  - conv: {width: wide, kernel: 5}
    as: skip
  - for: i in range(2)
    do:
      - conv: [width * 2, "3 if i else 1"]
        name: "part{i}"
  - use: skip * 2
  - conv: width
"""


def lines_of(text: LiveText, part: str, nth: int = 0) -> list[int]:
    at = -1
    for _ in range(nth + 1):
        at = text.text.index(part, at + 1)
    return [where.range.start.line for where in references(text, "u", position(text.text, at), declared=True)]


def test_a_name_is_told_from_another_of_its_letters_by_its_place() -> None:
    text = LiveText("spec.yaml", TEXT)
    assert text.found == []
    assert lines_of(text, "width") == [1, 1, 11, 14], "the variable"
    assert lines_of(text, "width, kernel=") == [3, 4, 7], "the parameter of the block"
    assert lines_of(text, "conv(") == [3, 7, 11, 14]
    assert lines_of(text, "skip") == [8, 13]
    assert lines_of(text, "i in range") == [9, 11, 12]


def test_a_definition_is_found_from_where_it_is_used() -> None:
    text = LiveText("spec.yaml", TEXT)
    (where,) = definition(text, "u", position(TEXT, TEXT.index("skip * 2")))
    assert where.range == lsp.Range(lsp.Position(8, 8), lsp.Position(8, 12))


def test_a_rename_changes_all_of_its_places_and_no_other() -> None:
    text = LiveText("spec.yaml", TEXT)
    edits = renamed(text, position(TEXT, TEXT.index("width, kernel=")), "out")
    assert [e.range.start.line for e in edits] == [3, 4, 7]


@pytest.mark.parametrize("name", ["ReLU", "min", "conv", "3a", "kernel"])
def test_a_rename_to_what_is_taken_is_refused(name: str) -> None:
    text = LiveText("spec.yaml", TEXT)
    with pytest.raises(UsageError):
        renamed(text, position(TEXT, TEXT.index("width, kernel=")), name)


SPECS = [path for path in sorted((ROOT / "specs").rglob("*.yaml")) if path.stat().st_size < 2500][:40]


@pytest.mark.parametrize("path", SPECS, ids=lambda path: path.stem)
def test_what_shipped_specs_name_can_be_renamed(path: object) -> None:
    from pathlib import Path

    assert isinstance(path, Path)
    text = LiveText(path.name, path.read_text(encoding="utf-8"))
    key = None if text.spec is None else next((block.key for block in text.spec.blocks.values()), None)
    if key is not None:
        at = position(text.text, key.start)
        found = named_at(text, at)
        assert found is not None
        assert len(renamed(text, at, "another_name_")) == len(found[1]) >= 2


def test_the_outline_has_blocks_and_layers_and_what_is_indented_folds() -> None:
    text = LiveText("spec.yaml", TEXT)
    tree = {s.name: [c.name for c in s.children or ()] for s in symbols(text)}
    assert tree["blocks"] == ["conv(width, kernel=3)"]
    assert tree["layers"] == ["conv", "for", "use", "conv"]
    assert (6, 14) in [(f.start_line, f.end_line) for f in folds(text)]
