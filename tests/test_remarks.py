"""Notes, comments and options that silence findings, and what is offered for warnings; the findings themselves are in
`tests/specs`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import NamedTuple

import pytest

import netspec
from netspec.cli import cli
from netspec.compiler import check_source
from netspec.diagnostics import Diagnostic, NetspecError, Span
from netspec.layers.base import Example, Layer, TensorType
from netspec.mends.edits import applied
from netspec.render import render_github, render_text
from netspec.text.source import Source
from tests.commands import invoke

ROOT = Path(__file__).parent.parent

PAIR = "input: [784]\nlayers:\n  - Linear: 64\n  - Linear: 10\n"
BIAS = "input: [3, 8, 8]\nlayers:\n  - Conv2d: {out_channels: 4, kernel_size: 3}\n  - BatchNorm2d\n"
WRONG = "input: [784]\nlayers:\n  - Linear: {in_features: 10, out_features: 10}\n"


class Run(NamedTuple):
    status: int
    out: str
    err: str


def run(*arguments: object) -> Run:
    """Run a netspec command."""
    result = invoke(cli, *arguments)
    if result.exception is None:
        return Run(result.return_value, result.stdout, result.stderr)
    assert isinstance(result.exception, NetspecError)
    return Run(result.exception.exit_status, result.stdout, str(result.exception))


def found(text: str, *, notes: bool = False) -> list[Diagnostic]:
    return check_source(Source("spec.yaml", text), notes=notes)


@pytest.fixture
def spec(tmp_path: Path) -> Path:
    return tmp_path / "spec.yaml"


# ---- severities


def test_notes_are_shown_where_they_are_asked_for_and_are_no_failure(spec: Path) -> None:
    spec.write_text(BIAS)
    for command in (("check",), ("compile", "--no-write")):
        silent = run(*command, str(spec))
        assert silent.status == 0 and "bias-before-norm" not in silent.out + silent.err
        told = run(*command, str(spec), "--notes", "--strict")
        assert told.status == 0 and "note[bias-before-norm]" in told.out + told.err


def test_programs_get_notes_where_they_ask_for_them(spec: Path) -> None:
    spec.write_text(BIAS)
    assert json.loads(run("check", "--format", "json", str(spec)).out) == []
    (note,) = json.loads(run("check", "--format", "json", "--notes", str(spec)).out)
    assert (note["severity"], note["code"], note["line"]) == ("note", "bias-before-norm", 3)


def test_strict_makes_a_warning_a_failure(spec: Path) -> None:
    spec.write_text(PAIR)
    for command in (("check",), ("compile", "--no-write")):
        assert run(*command, str(spec)).status == 0
        assert run(*command, str(spec), "--strict").status == 1


def test_the_count_names_all_three_and_github_calls_a_note_a_notice() -> None:
    span = Span("a.yaml", 1, 1, 1, 2)
    three = [Diagnostic("no-head", "m", span, "error"), Diagnostic("no-layers", "m", span, "warning"),
             *[Diagnostic("cut-off", "m", span, "note")] * 2]  # fmt: skip
    assert render_text(three, {}).splitlines()[-1] == "1 error, 1 warning and 2 notes in a.yaml"
    assert render_text(three[2:], {}).splitlines()[-1] == "2 notes in a.yaml"
    assert [line.split()[0] for line in render_github(three).splitlines()] == [
        "::error", "::warning", "::notice", "::notice",
    ]  # fmt: skip


def test_the_python_interface_gives_notes_if_asked(spec: Path) -> None:
    spec.write_text(BIAS)
    assert netspec.check(spec) == []
    assert [d.severity for d in netspec.check(spec, notes=True)] == ["note"]


# ---- comments


@pytest.mark.parametrize(
    ("line", "codes"),
    [
        ("  - Linear: 10 # netspec: ignore[nothing-between]", []),
        ("  - Linear: 10 #netspec:ignore[ nothing-between ,low-rank ] why", []),
        ("  # netspec: ignore[nothing-between]\n  - Linear: 10", []),
        ("  # netspec: ignore[nothing-between]\n  # and why\n  - Linear: 10", []),
        ("  # netspec: ignore[nothing-between]\n\n  - Linear: 10", ["unused-ignore", "nothing-between"]),
        ("  - Linear: 10\n  # netspec: ignore[nothing-between]", ["nothing-between", "unused-ignore"]),
        ("  - Linear: 10 # netspec: ignore[no-layers]", ["nothing-between", "unused-ignore"]),
        ("  - Linear: 10 # netspec: ignore[cut-off]", ["nothing-between"]),
        ("  - Linear: 10 # netspec: ignore", ["nothing-between", "unknown-ignore"]),
        ("  - Linear: 10 # netspec: ignore[]", ["nothing-between", "unknown-ignore"]),
        ("  - Linear: 10 # netspec: ignore[nothing-betwen]", ["nothing-between", "unknown-ignore"]),
        ("  - Linear: 10 # spec: ignore[nothing-between]", ["nothing-between"]),
    ],
)
def test_a_comment_silences_its_line_or_the_next(line: str, codes: list[str]) -> None:
    assert [d.code for d in found(f"input: [784]\nlayers:\n  - Linear: 64\n{line}\n")] == codes


@pytest.mark.parametrize("text", ['"see # netspec: ignore[cut-of]"', "|\n  see\n  # netspec: ignore[cut-of]\n"])
def test_what_stands_in_a_text_is_no_comment(text: str) -> None:
    assert found(f"description: {text}\ninput: [784]\nlayers:\n  - Linear: 64\n") == []


def test_a_comment_that_silences_a_note_is_used_where_notes_are_asked_for() -> None:
    text = BIAS.replace("3}\n", "3} # netspec: ignore[bias-before-norm]\n")
    assert found(text) == [] == found(text, notes=True)
    assert [d.code for d in found(text.replace("bias-before-norm", "cut-off"), notes=True)] == [
        "bias-before-norm", "unused-ignore",
    ]  # fmt: skip


def test_an_error_cannot_be_ignored_and_that_is_said() -> None:
    error, told = found(WRONG.replace("10}", "10} # netspec: ignore[width-mismatch]"))
    assert (error.code, error.severity) == ("width-mismatch", "error")
    assert (told.code, told.severity) == ("ignored-error", "warning")
    assert "cannot be ignored" in told.message and "line 3" in told.message


def test_a_comment_that_silences_something_in_one_variant_is_used(spec: Path) -> None:
    spec.write_text(
        "input: [784]\nvars: {act: ReLU}\nvariants: {linear: {act: Identity}}\nlayers:\n  - Linear: 64\n  - $act\n"
        "  - Linear: 10 # netspec: ignore[nothing-between]\n"
    )
    assert netspec.check(spec) == []
    assert run("compile", "--no-write", "--strict", str(spec)).status == 0
    spec.write_text(spec.read_text().replace(" # netspec: ignore[nothing-between]", ""))
    (only,) = netspec.check(spec)
    assert only.code == "nothing-between" and "in the variant `linear`" in [r.message for r in only.related]


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("  - ReLU # netspec: ignore[cut-off, unknown-layer]", "  - ReLU # netspec: ignore[cut-off]"),
        ("  - ReLU # netspec: ignore[unknown-layer, cut-off]", "  - ReLU # netspec: ignore[cut-off]"),
        ("  - ReLU # netspec: ignore[unknown-layer] why", "  - ReLU"),
        ("  # netspec: ignore[unknown-layer]\n  - ReLU", "  - ReLU"),
        ("  - ReLU # netspec: ignore[cut-of]", "  - ReLU # netspec: ignore[cut-off]"),
    ],
)
def test_a_needless_comment_is_taken_out_and_a_misspelt_one_is_mended(before: str, after: str) -> None:
    head = "input: [784]\nlayers:\n"
    (told,) = found(f"{head}{before}\n")
    assert told.fix is not None and not told.fix.certain
    changed = applied(Source("spec.yaml", f"{head}{before}\n"), told.fix.edits)
    assert changed is not None and changed.text == f"{head}{after}\n"


# ---- options


def test_ignore_leaves_a_code_out(spec: Path) -> None:
    spec.write_text(PAIR)
    for command in (("check",), ("compile", "--no-write")):
        ran = run(*command, "--strict", "--ignore", "no-layers", "--ignore", "nothing-between", str(spec))
        assert ran.status == 0 and "nothing-between" not in ran.out + ran.err


def test_ignore_wants_a_code_that_there_is(spec: Path) -> None:
    spec.write_text(PAIR)
    ran = run("check", "--ignore", "nothing-betwen", str(spec))
    assert ran.status == 2 and "did you mean `nothing-between`?" in ran.err
    assert run("compile", "--ignore", "zzzz", str(spec)).status == 2


def test_ignore_keeps_errors_and_says_so(spec: Path) -> None:
    spec.write_text(WRONG)
    ran = run("check", "--ignore", "width-mismatch", str(spec))
    assert ran.status == 1 and "error[width-mismatch]" in ran.out
    assert "--ignore width-mismatch: this is an error here, and errors cannot be ignored" in ran.err


def test_a_setting_is_warned_of_too(spec: Path) -> None:
    spec.write_text("input: [784]\nvars: {act: ReLU}\nlayers:\n  - Linear: 64\n  - $act\n  - Linear: 10\n")
    assert run("check", "--strict", str(spec)).status == 0
    ran = run("check", "--strict", str(spec), "--set", "act=Identity")
    assert ran.status == 1 and "nothing-between" in ran.out


def test_loading_says_nothing(spec: Path, recwarn: pytest.WarningsRecorder) -> None:
    spec.write_text(PAIR)
    assert netspec.load(spec).params == 50_890
    assert not recwarn.list


# ---- plugins


class Odd(Layer):
    """What it says of itself beside its rule is nonsense."""

    family = "pooling"
    is_matrix = True
    examples = (Example({}, (3, 8, 8), (3, 8, 8)),)

    def output(self, x: TensorType) -> TensorType:
        return x

    def spreads(self) -> float:
        raise AssertionError("nobody asks")

    def sliding(self) -> list[tuple[int, int, int, int]]:
        raise AssertionError("nobody asks")


def test_a_layer_of_a_plugin_is_not_asked_and_nothing_is_said_of_what_stands_beside_it(spec: Path) -> None:
    spec.write_text(
        "input: [3, 8, 8]\nlayers:\n  - Linear: 8\n  - Odd\n  - Linear: 8 # netspec: ignore[linear-on-map]\n  - Odd\n"
    )
    told = netspec.check(spec, layers=[Odd], notes=True)
    assert [(d.span.line, d.code) for d in told] == [(3, "linear-on-map"), (5, "unused-ignore")]


# ---- mends


@pytest.mark.parametrize(
    ("lines", "mended"),
    [
        ("input: [3, 8, 8]\nlayers:\n  - MaxPool2d: 2\n  - Linear: 10", "  - Flatten\n  - Linear: 10"),
        ("input: [8, 9, 3]\nlayers:\n  - Conv2d: {out_channels: 4, kernel_size: 3}", "input: [3, 8, 9]"),
        ("input: [8]\nlayers: [Linear: 8, Linear: 4]", "layers: [Linear: 8, ReLU, Linear: 4]"),
        ("input: [8, 3, 4]\nlayers:\n  - AdaptiveAvgPool2d: 7", "AdaptiveAvgPool2d: {output_size: [3, 4]}"),
        ("input: [8]\nlayers:\n  - Linear: 1\n  - Softmax: 1", "  - Sigmoid"),
        ("input: [8]\nlayers:\n  - Linear: 4\n  - Tanh\n  - ELU: {inplace: true}", "  - ELU: {inplace: false}"),
        (BIAS.rstrip("\n"), "kernel_size: 3, bias: false}"),
    ],
)
def test_a_mend_of_what_may_be_meant_is_proven_and_never_certain(lines: str, mended: str) -> None:
    text = lines + "\n"
    (told,) = found(text, notes=True)
    assert told.fix is not None and not told.fix.certain and told.help
    changed = applied(Source("spec.yaml", text), told.fix.edits)
    assert changed is not None and mended in changed.text
    assert found(changed.text, notes=True) == []


@pytest.mark.parametrize("end", ["  - Softmax: 1\n", "  - ReLU # at the end\n", "  - Sigmoid\n  - Identity\n"])
def test_an_activation_in_front_of_a_loss_of_scores_is_left_out(end: str) -> None:
    text = f"input: [3, 32, 32]\nlayers:\n  - Flatten\n  - Linear: 10\n{end}" + (
        "train: {data: CIFAR10, batch_size: 8, epochs: 1, optimizer: SGD, loss: CrossEntropyLoss}\n"
    )
    (told,) = found(text)
    assert (told.code, told.severity) == ("loss-mismatch", "warning")
    assert told.fix is not None and not told.fix.certain
    changed = applied(Source("spec.yaml", text), told.fix.edits)
    assert changed is not None and found(changed.text) == []


@pytest.mark.parametrize(
    ("router", "experts", "codes"),
    [
        ("[Linear: 4, Softmax: -1]", 4, ["softmax-twice"]),
        ("[Linear: 4, Softmax: 2]", 4, ["softmax-twice"]),
        ("[Linear: 4, Softmax: 1]", 4, []),  # over the positions
        ("[Linear: 4, LogSoftmax: -1]", 4, []),  # its softmax is that of the scores
        ("[Linear: 4, Sigmoid]", 4, []),
        ("[Linear: 1]", 1, ["untaught-router"]),
    ],
)
def test_a_router_is_warned_of_only_where_it_learns_less(router: str, experts: int, codes: list[str]) -> None:
    top = min(2, experts)
    text = f"- {{mixture: {{repeat: {experts}, do: [Linear: 16, ReLU]}}, router: {router}, top: {top}}}"
    findings = found(f"input: [10, 16]\nlayers:\n  {text}\n")
    assert [d.code for d in findings] == codes
    if experts == 1:
        assert findings[0].message.startswith("a single expert has the weight 1")


def test_a_heavy_table_is_told_by_its_rows_and_not_by_what_it_reads() -> None:
    layers = "- Embedding: {num_embeddings: 5000, embedding_dim: 64}\n" + "- Linear: 8\n- ReLU\n" * 5
    (told,) = found(f"input: [7, int64]\nlayers:\n{layers}", notes=True)
    assert (told.code, told.help) == ("heavy-layer", "fewer rows, or narrower ones, make the network that much smaller")
    assert told.message.endswith("as its table is 5000 × 64")


def test_fix_leaves_what_may_be_meant(spec: Path) -> None:
    spec.write_text(PAIR)
    ran = run("check", "--fix", str(spec))
    assert ran.status == 0 and spec.read_text() == PAIR
