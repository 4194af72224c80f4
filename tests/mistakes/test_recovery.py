"""A mistake that keeps a text from being read does not hide another: both are told, each in its place, and no more."""

from __future__ import annotations

import random
import re
from collections.abc import Callable
from pathlib import Path

import pytest

from netspec import compiler
from netspec.diagnostics import Diagnostic
from netspec.layers import MODULE_OF
from netspec.mends import proof, recovery
from netspec.mends.repair import repaired
from netspec.text.source import Mended, Source, decode
from tests.mistakes.check import check, small_specs

Item = re.Match[str]
ITEM = re.compile(r"^(?P<dash> *- )(?P<name>[A-Z]\w+)(?P<rest>(?:: \{[^{}\[\]\"'()#\n]*\})?)$", re.MULTILINE)
"""An item in a line of its own."""

BROKEN: dict[str, Callable[[Item], str]] = {
    "never closed": lambda m: f"{m['dash']}{m['name']}{m['rest'][:-1] or ': {'}",
    "no blank behind the dash": lambda m: f"{m['dash'][:-1]}{m['name']}{m['rest']}",
    "no colon": lambda m: f"{m['dash']}{m['name']}{m['rest'][1:] or ' {}'}",
    "an em dash": lambda m: f"{m['dash'].replace('-', '—')}{m['name']}{m['rest']}",
    "an at sign": lambda m: f"{m['dash']}@@ {m['name']}{m['rest']}",
    "a quote": lambda m: f'{m["dash"]}"{m["name"]}, {m["rest"]}',
    "brackets": lambda m: f"{m['dash']}[{m['name']}{m['rest']}{{)(",
    "an alias": lambda m: f"{m['dash']}*{m['name']} + 1",
    "a tag": lambda m: f"{m['dash']}!{m['name']} 1",
    "a question": lambda m: f"{m['dash']}{{a: ? b: c: d",
}
"""Items that cannot be read: some with a mend that is known, some with none."""

OTHERS: dict[str, Callable[[Item], tuple[str, int]]] = {
    "unknown-layer": lambda m: (f"{m['dash']}Qwrtz{m['rest']}", len(m["dash"]) + 1),
    "unknown-argument": lambda m: (
        f"{m['dash']}{m['name']}: {{qwrtz: 1{', ' if m['rest'] else ''}{m['rest'][3:-1]}}}",
        len(m["dash"]) + len(m["name"]) + 4,
    ),
    "unknown-option": lambda m: (
        f"{m['dash']}{m['name']}{m['rest'] or ':'}\n{' ' * len(m['dash'])}qwrtz: 1", len(m["dash"]) + 1,
    ),
    "yaml-syntax": lambda m: (f"{m['dash']}%{m['name']}{m['rest']}", len(m["dash"]) + 1),
}  # fmt: skip
"""Mistakes of their own: the item, and the column where each is told, on its last line."""


def errors(text: str) -> list[Diagnostic]:
    return [d for d in check(text) if d.severity == "error"]


@pytest.mark.parametrize("slip", BROKEN)
def test_both_are_told_and_no_more(slip: str) -> None:
    rng = random.Random(slip)
    shipped = [each.text for each in small_specs() if len(ITEM.findall(each.text)) > 1]
    for _ in range(6):
        text = rng.choice(shipped)
        broken, other = rng.sample([m for m in ITEM.finditer(text) if m["name"] in MODULE_OF], 2)
        code = rng.choice(sorted(OTHERS))
        wrong, column = OTHERS[code](other)
        more = wrong.count("\n")
        here = text.count("\n", 0, broken.start()) + 1 + (more if other.start() < broken.start() else 0)
        there = text.count("\n", 0, other.start()) + 1 + more
        for start, end, piece in sorted([(*broken.span(), BROKEN[slip](broken)), (*other.span(), wrong)], reverse=True):
            text = text[:start] + piece + text[end:]
        found = errors(text)
        assert sorted((d.span.line, d.code, d.span.column) for d in found if d.span.line != here) == [
            (there, code, column)
        ], (text, found)
        assert len(found) == 2, (text, found)


MANY = """\
input: [1, 28, 28]
layers:
  - Conv2d: {out_channels: 6, kernel_size: 5, padding: 2
  - ReLu
  @@ what is this
  - Flaten
  - Linear: 10
    when foo
  - Linear: {in_features: 11, out_features: 10}
train:
  data: FashionMNIST
  batch_siz 128
  epochs: ten
  optimizer: {SGDD: {lr: 0.01}}
  loss: CrossEntropyLoss
"""


def test_all_mistakes_of_a_file_are_told_at_once() -> None:
    assert [(d.span.line, d.span.column, d.code) for d in errors(MANY)] == [
        (3, 13, "yaml-syntax"), (4, 5, "unknown-layer"), (5, 3, "yaml-syntax"), (6, 5, "unknown-layer"),
        (8, 5, "yaml-syntax"), (12, 3, "yaml-syntax"), (13, 11, "invalid-argument"), (14, 15, "unknown-optimizer"),
    ]  # fmt: skip


@pytest.mark.parametrize(
    "text",
    [
        "input: [8]\nblocks:\n  unit(n):\n    - Linear: n\n  other(n: @\n    - Linear: n\n"
        "layers:\n  - unit: 4\n  - other: 4\n",
        "input: [8]\nvars:\n  width: 4\n  depth @ 4\nlayers:\n  - Linear: depth * width\n",
        "input: [8]\nlayers:\n  - Linear: 4\n  - @Linear: {4\n    as: h\n  - use: h\n",
        "input: [1, 4]\nlayers:\n  - Flatten\n  - BatchNorm1d\n  - @\n",
        "input: @ [8]\nlayers:\n  - Linear: {in_features: 4, out_features: 2}\n",
        "input: [1, 28, 28]\nlayers:\n  - Flatten\n  - @Linear 10]\ntrain:\n  data: FashionMNIST\n  epochs: 1\n"
        "  batch_size: 8\n  optimizer: SGD\n  loss: CrossEntropyLoss\n",
        "input: [1, 28, 28]\nlayers:\n  - Flatten\n  - Linear: 7\ntrain:\n  data @ FashionMNIST\n  epochs: 1\n"
        "  batch_size: 8\n  optimizer: SGD\n  loss: CrossEntropyLoss\n",
        "input: [1, 28, 28]\nlayers: @\n  - Flatten\n  - Linear: 7\ntrain:\n  data: FashionMNIST\n  epochs: 1\n"
        "  batch_size: 8\n  optimizer: SGD\n  loss: CrossEntropyLoss\n",
    ],
    ids=[
        "a block",
        "a variable",
        "a named value",
        "a warning",
        "the input",
        "the last layer",
        "the data",
        "the layers",
    ],
)
def test_what_only_follows_is_not_told(text: str) -> None:
    assert [d.code for d in check(text)] == ["yaml-syntax"]


def test_places_and_lines_in_words_are_those_of_the_file() -> None:
    """Though the mend of the first mistake takes two lines away."""
    text = "```yaml\ninput: [1, 28, 28]\nlayers:\n  - Flatten\n  - Linear: {in_features: 7, out_features: 10}\n```\n"
    found = errors(text)
    assert [(d.code, d.span.line, d.span.column) for d in found] == [("yaml-syntax", 1, 1), ("width-mismatch", 5, 27)]
    assert "(line 4)" in found[1].message
    fixed = repaired(Source("spec.yaml", text), found, check)
    assert fixed.text == "input: [1, 28, 28]\nlayers:\n  - Flatten\n  - Linear: {in_features: 784, out_features: 10}\n"


def test_what_is_no_spec_is_told_once() -> None:
    assert len(check("import torch\n\n\ndef main():\n    x = {1: [2, 3\n    return @x\n\n\n- [\n")) == 1


def test_the_work_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    checked: list[object] = []
    once = compiler.checked

    def counted(*given: object) -> object:
        checked.append(given)
        return once(*given)  # pyright: ignore[reportArgumentType]  # as it is called

    monkeypatch.setattr(compiler, "checked", counted)
    text = "input: [8]\nlayers:\n" + "".join(f"  - @Linear: {{{n}\n  - ReLu\n" for n in range(60))
    found = compiler.check_source(*decode(text.encode(), "spec.yaml"))
    assert len(checked) <= proof.FOR_ALL + 3
    assert [d.code for d in found] == ["yaml-syntax"] * (recovery.MOST + 1)


def test_places_in_a_mended_text_are_those_of_the_text_as_it_was() -> None:
    rng = random.Random(0)
    for _ in range(200):
        text = "".join(rng.choice("ab\n") for _ in range(30))
        cuts = sorted(rng.sample(range(31), 4))
        base = Source("spec.yaml", text)
        mended = Mended(base, [(cuts[0], cuts[1], "xy\nz"), (cuts[2], cuts[3], "")])
        assert mended.text == f"{text[: cuts[0]]}xy\nz{text[cuts[1] : cuts[2]]}{text[cuts[3] :]}"
        for at in [*range(cuts[0]), *range(cuts[1], cuts[2]), *range(cuts[3], 30)]:
            now = mended.offset(*base.position(at))
            assert (mended.position(now), mended.text[now]) == (base.position(at), text[at])
            assert mended.between(now, now + 1) == base.between(at, at + 1)
        assert mended.between(cuts[0] + 1, cuts[0] + 2) == base.between(cuts[0], cuts[1])


def test_a_right_spec_is_not_searched(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recovery, "gaps_of", None)
    assert compiler.check(Path(__file__).parent.parent.parent / "specs" / "alexnet.yaml") == []
