"""The white space of specs in order: shipped specs stay as they are, and whatever white space is changed comes back to
the same spec."""

from __future__ import annotations

import random
import time
from itertools import pairwise
from typing import Any

import pytest
import yaml
from click.testing import CliRunner
from hypothesis import given, settings
from hypothesis import strategies as st

from netspec.cli.format import command
from netspec.language.clues import Clues
from netspec.passes import Terms, checked
from netspec.text.formatting import formatted
from netspec.text.source import Source
from tests.commands import APART, ROOT, invoke
from tests.test_docs import EXAMPLES

SPECS = sorted((ROOT / "specs").rglob("*.yaml"))
SMALL = [path for path in SPECS if path.stat().st_size < 3000]
OPENS = (yaml.FlowMappingStartToken, yaml.FlowSequenceStartToken)
CLOSES = (yaml.FlowMappingEndToken, yaml.FlowSequenceEndToken)


@pytest.mark.parametrize("path", SPECS, ids=lambda path: path.stem)
def test_a_shipped_spec_is_in_order(path: Any) -> None:
    text = path.read_text(encoding="utf-8")
    assert formatted(text) == text


@pytest.mark.parametrize("text", [text for _, text in EXAMPLES], ids=[name for name, _ in EXAMPLES])
def test_an_example_of_the_pages_is_in_order(text: str) -> None:
    assert formatted(text) == text


def events(text: str) -> list[tuple[Any, ...]]:
    """What a reader of YAML has of a text, by the parser that is written in Python."""
    names = ("anchor", "tag", "value", "style", "flow_style")
    return [(type(e), *(getattr(e, name, None) for name in names)) for e in yaml.parse(text, Loader=yaml.SafeLoader)]


def respaced(text: str, rng: random.Random) -> str:
    """The same spec with other white space: other blanks between words, other indentation, more blank lines."""
    words = [t for t in yaml.scan(text, Loader=yaml.SafeLoader) if t.end_mark.index > t.start_mark.index]
    parts: list[str] = []
    at = depth = 0
    for before, word in pairwise(words):
        start, end = before.end_mark.index, word.start_mark.index
        depth += isinstance(before, OPENS) - isinstance(before, CLOSES)
        parts.append(text[at:start])
        at = start
        if "\n" in text[start:end] or "#" in text[start:end] or text[before.start_mark.index] in "|>":
            continue
        free = depth > 0 and not isinstance(before, yaml.ValueToken) and not isinstance(word, yaml.ValueToken)
        if rng.random() < 0.3 and (free or isinstance(before, yaml.ValueToken)):
            parts.append(" " * rng.randrange(0 if free else 1, 4))
            at = end
    parts.append(text[at:])
    factor = rng.choice((1, 1.5, 2))
    lines = [
        " " * int((len(line) - len(line.lstrip())) * factor) + line.lstrip() for line in "".join(parts).split("\n")
    ]
    lines = [line + " " * rng.choice((0, 0, 3)) + "\n" * (rng.random() < 0.1) * 2 for line in lines]
    return rng.choice(("\n", "\r\n")).join("\n".join(lines).split("\n"))


def compiled(text: str) -> object:
    source = Source("spec.yaml", text)
    nets: dict[Any, Any] = {}
    _, found = checked(source, (), Terms(remarks="warnings"), Clues(), nets)
    layers = [[(leaf.path, leaf.layer, leaf.output) for leaf in net.layers] for net in nets.values() if net]
    return layers, [(d.code, d.message.partition(" (line")[0]) for d in found]


@pytest.mark.slow
@settings(max_examples=60, deadline=None)
@given(st.sampled_from(SMALL), st.integers(0, 2**32))
def test_other_white_space_is_brought_back_to_the_same_spec(path: Any, seed: int) -> None:
    text = path.read_text(encoding="utf-8")
    other = respaced(text, random.Random(seed))
    if not _same(other, text):  # where the blanks that are left make other words
        return
    new = formatted(other)
    assert new is not None
    assert events(new) == events(text)
    assert [line.strip() for line in new.splitlines() if line.strip()] != [] and comments(new) == comments(text)
    assert formatted(new) == new
    assert "\n\n\n" not in new.replace("\r\n", "\n") and not any(line.endswith(" ") for line in new.splitlines())
    assert compiled(new) == compiled(text)


def _same(a: str, b: str) -> bool:
    try:
        return events(a) == events(b)
    except yaml.YAMLError:
        return False


def comments(text: str) -> list[str]:
    return ["".join(line.partition("#")[2].split()) for line in text.splitlines() if "#" in line]


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("layers:\n- ReLU\n-   Linear:   3\n", "layers:\n  - ReLU\n  - Linear: 3\n"),
        ("layers:\n    - Conv2d:\n        stride:   2   # two\n", "layers:\n  - Conv2d:\n      stride: 2   # two\n"),
        ("a: { b: [ 1,2 ,3 ] , c : 4 }", "a: {b: [1, 2, 3], c: 4}\n"),
        ("- {Flatten: , as: x}\n- [Exp: ]\n", "- {Flatten: , as: x}\n- [Exp: ]\n"),
        ("\n\na: 1  \n\n\n\nb: 2\n\n\n", "a: 1\n\nb: 2\n"),
        (
            "# head\na:\n      # of b\n      b: 1\n      # end\n# tail\n",
            "# head\na:\n  # of b\n  b: 1\n  # end\n# tail\n",
        ),
        ("a:   1   # x\nbbb:  2  # y\n", "a: 1     # x\nbbb: 2   # y\n"),
        ("a: 1     # x\nbbb: 22  # y\n", "a: 1     # x\nbbb: 22  # y\n"),
        ("a:    {b: 1,   c: 2}\nlong: {b: 100, c: 3}\n", "a:    {b: 1,   c: 2}\nlong: {b: 100, c: 3}\n"),
        ("t:\n  aa:  {b: 1}\n  bbb: {b:   2}\n", "t:\n  aa:  {b: 1}\n  bbb: {b: 2}\n"),
        ("a: [1,\n    2]\nb:   [1,\n      2]\n", "a: [1,\n    2]\nb: [1,\n    2]\n"),
        ("d: |\n     one\n       two \n\n\n     three\nb: 1\n", "d: |\n     one\n       two \n\n\n     three\nb: 1\n"),
        ("a:\n    d: >-\n        one\n        two\n", "a:\n  d: >-\n      one\n      two\n"),
        ("a:\n    d: one\n      two\n    e: 'x\n\n      y'\n", "a:\n  d: one\n    two\n  e: 'x\n\n    y'\n"),
        ("a: &x [1,2]\nb:  *x\n", "a: &x [1, 2]\nb: *x\n"),
        ("a: 1\r\nb: [ ]\r\n", "a: 1\r\nb: []\r\n"),
        ("-   - 1\n    - 2\n-  a: 1\n   b: 2\n", "- - 1\n  - 2\n- a: 1\n  b: 2\n"),
        ("a: '\N{GRINNING FACE}\u2028'   \nb:  1\n", "a: '\N{GRINNING FACE}\u2028'\nb: 1\n"),
    ],
)
def test_white_space_is_put_in_order(before: str, after: str) -> None:
    assert formatted(before) == after
    assert formatted(after) == after


@pytest.mark.parametrize(
    "text",
    ["a: [1, 2", "a: {b: 1\nc: 2\n", "- a\nb: 1\n", "a: 'x\n", "a:\n\t- b\n", "", "# only\n", "%YAML 1.2\n---\na: 1\n"],
)
def test_what_cannot_be_read_or_is_no_spec_has_no_order(text: str) -> None:
    assert formatted(text) is None


def test_half_typed_texts_are_left_alone_or_stay_what_they_are() -> None:
    text = (ROOT / "specs" / "unet.yaml").read_text(encoding="utf-8")
    for end in range(0, len(text), 7):
        new = formatted(text[:end])
        if new is not None:
            assert events(new) == events(text[:end]), end


def test_the_marks_of_a_document_stay() -> None:
    text = "--- # of one network\ninput:  [ 3 ]\nlayers:\n    - ReLU\n...\n"
    assert formatted(text) == "--- # of one network\ninput: [3]\nlayers:\n  - ReLU\n...\n"


@pytest.mark.slow
def test_a_long_text_is_formatted_in_time_that_grows_as_it_does() -> None:
    def seconds(rows: int) -> float:
        text = "layers:\n" + "    - Conv2d:  {out_channels: 8, kernel_size: 3}  # c\n    # own\n" * rows
        started = time.process_time()
        assert formatted(text) is not None
        return time.process_time() - started

    seconds(10)
    assert seconds(4000) < 40 * seconds(400)  # 100 times where it grew with the square


def test_the_command_writes_what_changes_and_check_names_it(tmp_path: Any) -> None:
    wrong, right, broken = (tmp_path / f"{name}.yaml" for name in ("wrong", "right", "broken"))
    wrong.write_bytes("\ufeffinput:    [3]\nlayers: [ReLU ]\n".encode())
    right.write_text("input: [3]\nlayers: [ReLU]\n", encoding="utf-8")
    broken.write_text("layers: [ReLU\n", encoding="utf-8")
    run = invoke(command, "--check", wrong, right)
    assert (run.return_value, run.stdout.count("\n")) == (1, 1) and "wrong.yaml" in run.stdout
    assert wrong.read_bytes() == "\ufeffinput:    [3]\nlayers: [ReLU ]\n".encode()
    before = right.stat().st_mtime_ns
    run = invoke(command, wrong, right)
    assert run.return_value == 0 and run.stderr == f"{wrong}: written\n"
    assert wrong.read_bytes() == "\ufeffinput: [3]\nlayers: [ReLU]\n".encode()
    assert right.stat().st_mtime_ns == before
    run = invoke(command, broken)
    assert run.return_value == 1 and "cannot be read" in run.stderr
    assert broken.read_text(encoding="utf-8") == "layers: [ReLU\n"
    options: dict[str, Any] = APART
    run = CliRunner(**options).invoke(command, ["-"], input="a:   1\n", standalone_mode=False)
    assert (run.return_value, run.stdout) == (0, "a: 1\n")
    run = invoke(command, "--check", right)
    assert (run.return_value, run.stderr) == (0, "1 spec in order\n")
