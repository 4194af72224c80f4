"""Names and where they stand; renames that leave the network as it is."""

from __future__ import annotations

import pytest

pytest.importorskip("lsprotocol", reason="the language server is an extra")

from lsprotocol import types as lsp

import netspec
from netspec.diagnostics import UsageError
from netspec.lsp.navigation import definition, named_at, references, renamed
from netspec.lsp.outline import folds, symbols
from netspec.lsp.reading import LiveText
from tests.lsp.editor import ROOT, edited_by, position

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


@pytest.mark.parametrize(
    ("part", "name", "why"),
    [
        ("width, kernel=", "kernel", "`kernel` is a parameter of a block already"),
        ("conv(", "Conv", "CapWords names are layers, blocks are lowercase"),
        ("skip", "", "at least one of them"),
    ],
)
def test_a_refused_rename_says_why(part: str, name: str, why: str) -> None:
    with pytest.raises(UsageError) as caught:
        renamed(LiveText("spec.yaml", TEXT), position(TEXT, TEXT.index(part)), name)
    assert why in str(caught.value)


MODULES = """\
input: [8, int64]
blocks:
  tower(width):
    - {Embedding: {num_embeddings: 10, embedding_dim: width}, name: tokens}
    - {Linear: width, shared: twice}
    - {Linear: width, shared: twice}
layers:
  - {tower: 4, name: tower}
  - for: i in range(2)
    do: [{Linear: 4, name: "part{i}"}]
  - {Linear: {out_features: 10, bias: false}, name: tokens, tie: {weight: tower.tokens.weight}}
  - Flatten
  - Linear: 10
train:
  data: {synthetic: {classes: 10, train: 8, test: 8}}
  optimizer: {SGD: {lr: 0.1}}
  loss: CrossEntropyLoss
  batch_size: 4
  epochs: 1
  freeze: ["tower.twice.*", "part*.bias", "*.tokens.weight"]
"""


def module_lines(part: str, add: int = 0) -> list[int]:
    text = LiveText("spec.yaml", MODULES)
    where = references(text, "u", position(MODULES, MODULES.index(part) + add), declared=True)
    return [w.range.start.line for w in where]


def test_a_module_is_found_from_all_that_refers_to_it() -> None:
    assert module_lines("name: tower", 6) == [7, 10, 19]
    assert module_lines("name: tokens", 6) == [3, 10, 19], "the one in the block, in a tie and a pattern"
    assert module_lines("name: tokens, tie", 6) == [10], "the other of that name"
    assert module_lines("shared: twice", 8) == [4, 5, 19]
    assert module_lines("{i}", 1) == [8, 9], "a name within a name"
    text = LiveText("spec.yaml", MODULES)
    (where,) = definition(text, "u", position(MODULES, MODULES.index("tokens.weight}")))
    assert (where.range.start.line, where.range.start.character) == (3, MODULES.splitlines()[3].index("tokens"))


def test_a_module_is_renamed_wherever_it_is_named_and_its_parameters_stay_tied_and_frozen() -> None:
    text = LiveText("spec.yaml", MODULES)
    edits = renamed(text, position(MODULES, MODULES.index("name: tokens") + 6), "words")
    after = edited_by(MODULES, edits)
    assert "name: words}" in after and "tower.words.weight}}" in after and '"*.words.weight"' in after
    assert "name: tokens, tie" in after
    assert netspec.loads(after).layers[0].path == "tower.words"
    edits = renamed(text, position(MODULES, MODULES.index("shared: twice") + 8), "both")
    assert edited_by(MODULES, edits).count("both") == 3


@pytest.mark.parametrize(
    ("part", "add", "name", "why"),
    [
        ("name: tokens", 6, "twice", "something else"),
        ("name: tokens", 6, "weight.x", "is no name"),
        ("name: tokens", 6, "forward", "something else"),
        ('name: "part', 8, "other", "holds an expression"),
        ("range(2)", 0, "other", "name of the language"),
    ],
)
def test_a_rename_of_a_module_that_says_something_else_is_refused(part: str, add: int, name: str, why: str) -> None:
    text = LiveText("spec.yaml", MODULES)
    with pytest.raises(UsageError, match=why):
        renamed(text, position(MODULES, MODULES.index(part) + add), name)


def test_a_pattern_that_would_match_others_after_a_rename_refuses_it() -> None:
    spec = MODULES.replace('"*.tokens.weight"', '"*.tok*.weight"')
    text = LiveText("spec.yaml", spec)
    with pytest.raises(UsageError, match="something else"):
        renamed(text, position(spec, spec.index("name: tokens") + 6), "words")
    assert renamed(text, position(spec, spec.index("name: tokens") + 6), "tokens2")


def test_a_variable_is_not_looked_for_in_a_text() -> None:
    spec = "input: [4, 8]\nlayers:\n  - for: c in [2, 3]\n    do: [Rearrange: n c h -> n h c, Linear: c]\n"
    text = LiveText("spec.yaml", spec)
    assert text.found == []
    edits = renamed(text, position(spec, spec.index("c in")), "width")
    assert [(e.range.start.line, e.range.start.character) for e in edits] == [(2, 9), (3, 44)]


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
    (loop,) = [c for s in symbols(text) for c in s.children or () if c.name == "for"]
    assert (loop.detail, [(c.name, c.detail) for c in loop.children or ()]) == ("i in range(2)", [("conv", "part{i}")])
    assert (loop.range.start.line, loop.range.end.line) == (9, 12)
    (block,) = [c for s in symbols(text) if s.name == "blocks" for c in s.children or ()]
    assert [c.name for c in block.children or ()] == ["Conv2d", "ReLU"]
    nested = LiveText("spec.yaml", "layers:\n  - add: [[ReLU, residual: [Tanh]], [{Linear: 3}]]\n    when: true\n")
    (outer,) = symbols(nested)[0].children or ()
    assert [(c.name, [d.name for d in c.children or ()]) for c in outer.children or ()] == [
        ("ReLU", []), ("residual", ["Tanh"]), ("Linear", []),
    ]  # fmt: skip
    assert (6, 14) in [(f.start_line, f.end_line) for f in folds(text)]
