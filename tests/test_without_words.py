"""No decision depends on the text of a message: with every text replaced by "x", the results, codes, spans, fixes and
exit statuses are the same."""

from __future__ import annotations

import ast
import inspect
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from pydantic_core import PydanticCustomError

import netspec
from netspec import arguments, cli, diagnostics, dims, errors, kinds
from netspec.codes import CODES
from netspec.compiler import check_source
from netspec.diagnostics import Diagnostic
from netspec.expressions import evaluation, operations
from netspec.language import arithmetic
from netspec.text import syntax, traps
from netspec.text.source import decode
from netspec.validation import mistakes
from tests.recipe.test_check import KINDS, WRONG, spec
from tests.symbolic_nets import ALEXNET_6400, NETS

ROOT = Path(__file__).parent.parent
PACKAGE = ROOT / "netspec"

CARRIERS: dict[type, tuple[str, ...]] = {
    diagnostics.Diagnostic: ("message", "help", "label"),
    diagnostics.Related: ("message",),
    diagnostics.Fix: ("title",),
    dims.Problem: ("message", "help"),
    traps.Trap: ("message", "help"),
    syntax.Mistake: ("message", "help", "label"),
    evaluation.ExpressionError: ("message",),
    operations.Refused: ("message",),
    arithmetic.ValueMistake: ("message", "help"),
    kinds.FieldKind: ("wish", "phrase"),
}
"""Every class that contains text for the user, with the names of the fields."""


def blank(patch: pytest.MonkeyPatch, cls: type, fields: tuple[str, ...]) -> None:
    """Patch a class so that each new object, and each `FieldKind` there is, has "x" in its text fields."""
    if cls is kinds.FieldKind:
        for field in fields:
            patch.setattr(cls, field, property(lambda self: "x", lambda self, words: None))
        return
    name = "__new__" if issubclass(cls, tuple) else "__init__"
    make: Callable[..., Any] = getattr(cls, name)
    signature = inspect.signature(make)

    def made(*given: Any, **named: Any) -> Any:
        bound = signature.bind(*given, **named)
        for field in fields:
            if bound.arguments.get(field):
                bound.arguments[field] = "x"
        return make(*bound.args, **bound.kwargs)

    patch.setattr(cls, name, made)


def speechless(kind: Any, template: str, context: dict[str, Any]) -> PydanticCustomError:
    """A `PydanticCustomError` with "x" for each value in its message."""
    return PydanticCustomError(kind, template, dict.fromkeys(context, "x"))  # type: ignore[arg-type]  # any template


@pytest.fixture
def wordless(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[], None]]:
    """A function; from its call to the end of the test all messages are "x"."""

    def begin() -> None:
        for cls, fields in CARRIERS.items():
            blank(monkeypatch, cls, fields)
        monkeypatch.setattr(arguments, "PydanticCustomError", speechless)
        monkeypatch.setattr(mistakes, "refusal", lambda *given: "x")
        for error in (diagnostics.NetspecError, errors.SpecError):
            monkeypatch.setattr(error, "__str__", lambda self: "x", raising=False)

    yield begin
    monkeypatch.undo()


def told(found: list[Diagnostic]) -> list[object]:
    """Diagnostics without their texts."""
    return [
        (
            d.code, d.severity, d.span, [r.span for r in d.related], d.help is None, not d.label,
            [(edit.span, edit.text) for edit in d.fix.edits] if d.fix else None,
        )
        for d in found
    ]  # fmt: skip


def verdict(text: str) -> list[object]:
    source, problems = decode(text.encode(), "spec.yaml")
    return told(check_source(source, problems))


TEXTS = {
    **{f"code {code}": page.bad for code, page in CODES.items() if page.bad},
    **{
        f"spec {path.stem}": path.read_text(encoding="utf-8")
        for path in sorted((ROOT / "tests/specs").glob("*/*.yaml"))
    },
    **{f"recipe {name}": spec(lines) for name, lines in WRONG.items()},
    **{f"value {lines}": spec(lines) for lines in KINDS},
    **{f"symbols {name}": text for name, text in NETS.items()},
    "symbols that conflict": ALEXNET_6400.replace("input: [1, H, W]", "input: [1, H, H]"),
}


@pytest.mark.slow
def test_the_findings_in_a_spec_are_the_same_whatever_the_messages_say(wordless: Callable[[], None]) -> None:
    before = {name: verdict(text) for name, text in TEXTS.items()}
    assert sum(map(len, before.values())) > 200
    wordless()
    assert netspec.check(ROOT / "tests/specs/bad/concat.yaml")[0].message == "x"
    changed = [name for name, text in TEXTS.items() if verdict(text) != before[name]]
    assert changed == []


COMMANDS = [
    ("check", "missing.yaml"),
    ("check", str(ROOT / ".ci")),
    ("check", str(ROOT / "tests/specs/bad/concat.yaml"), "--format", "json"),
    ("compile", str(ROOT / "tests/specs/bad/concat.yaml"), "--no-write"),
    ("compile", str(ROOT / "specs/lenet.yaml"), "--no-write", "--set", "nothing=1"),
    ("compile", str(ROOT / "specs/lenet.yaml"), "--no-write", "--set", "train.epochs=0"),
    ("compile", str(ROOT / "specs/lenet.yaml"), "--no-write", "--batch", "8", "--memory", "1KiB"),
    ("compile", str(ROOT / "specs/lenet.yaml"), "--no-write", "--memory", "much"),
    ("compile", str(ROOT / "specs/lenet.yaml"), "--no-write", "--variant", "none"),
    ("draw", str(ROOT / "specs/lenet.yaml"), "-o", "lenet.doc"),
    ("explain", "nothing-of-the-kind"),
    ("new", "no/such/name"),
    pytest.param(("train", str(ROOT / "specs/lenet.yaml"), "--device", "abacus"), marks=pytest.mark.needs_torch),
    pytest.param(("train", "--resume", "missing"), marks=pytest.mark.needs_torch),
    pytest.param(("eval", "missing"), marks=pytest.mark.needs_torch),
    pytest.param(
        ("train", "{spec}", "--set", "train.optimizer.SGD.lr=1e30", "--quiet", "--device", "cpu"),
        marks=pytest.mark.needs_torch,
    ),
    pytest.param(
        ("train", "{spec}", "--set", "train.data={tensors: {train: missing.pt}}", "--device", "cpu"),
        marks=pytest.mark.needs_torch,
    ),
]

TRAINED = """
name: tiny
input: [8]
layers: [{Linear: 8}, ReLU, {Linear: 3}]
train:
  data: {synthetic: {train: 64, test: 8}}
  batch_size: 8
  epochs: 3
  loss: CrossEntropyLoss
  optimizer: {SGD: {lr: 0.1}}
"""


def ended(
    words: tuple[str, ...], patch: pytest.MonkeyPatch, folder: Path, capsys: pytest.CaptureFixture[str]
) -> object:
    """Run a command in this process; its exit status and the codes in its output."""
    folder.mkdir()
    (folder / "tiny.yaml").write_text(TRAINED)
    patch.chdir(folder)
    patch.setattr("sys.argv", ["netspec", *(word.replace("{spec}", "tiny.yaml") for word in words)])
    with pytest.raises(SystemExit) as end:
        cli.main()
    shown = capsys.readouterr()
    return end.value.code, re.findall(r'error\[[a-z0-9-]+\]|"code": "[a-z0-9-]+"', shown.out + shown.err)


@pytest.mark.parametrize("words", COMMANDS, ids=lambda words: " ".join(words).replace(f"{ROOT}/", ""))
def test_a_command_ends_in_the_same_way_whatever_the_messages_say(
    words: tuple[str, ...],
    wordless: Callable[[], None],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    before = ended(words, monkeypatch, tmp_path / "before", capsys)
    assert before != (0, [])
    wordless()
    assert ended(words, monkeypatch, tmp_path / "after", capsys) == before


@pytest.mark.slow
def test_every_class_that_holds_a_message_is_among_those_that_are_blanked() -> None:
    """Such classes are recognized by a field `message`, or by an argument `message` of `__init__`."""
    holding = {
        cls.name
        for path in PACKAGE.rglob("*.py")
        for cls in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(cls, ast.ClassDef)
        for part in cls.body
        if (isinstance(part, ast.AnnAssign) and isinstance(part.target, ast.Name) and part.target.id == "message")
        or (
            isinstance(part, ast.FunctionDef)
            and part.name == "__init__"
            and "message" in [argument.arg for argument in part.args.args]
        )
    }
    assert holding == {cls.__name__ for cls in CARRIERS} - {"Fix", "FieldKind"}


MESSAGE = re.compile(r"(^|\.)(message|help)$|^str\(error\)$|\.name\(\)$")
"""Source of expressions whose value is text for the user, or the name of a kind of node."""
FOREIGN = {"netspec.torch.foreign"}
"""Modules that must search messages: another project reports the error only as text."""


def looked_into(tree: ast.Module) -> list[str]:
    """The places, as `line: source`, that search a message or compare the name of a kind with a string."""
    found: list[str] = []
    for node in ast.walk(tree):
        looked: list[ast.expr] = []
        if isinstance(node, ast.Compare) and any(
            isinstance(op, ast.In | ast.NotIn | ast.Eq | ast.NotEq) for op in node.ops
        ):
            sides = [node.left, *node.comparators]
            if any(
                isinstance(part, ast.Constant) and isinstance(part.value, str) for s in sides for part in ast.walk(s)
            ):
                looked = sides
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            if node.func.attr in ("startswith", "endswith", "partition", "rpartition", "removeprefix", "find"):
                looked = [node.func.value]
            elif node.func.attr in ("match", "search", "fullmatch", "findall"):
                looked = list(node.args)
        found += [f"{node.lineno}: {ast.unparse(node)}" for part in looked if MESSAGE.search(ast.unparse(part))]
    return found


@pytest.mark.slow
def test_no_message_is_searched_and_no_kind_is_known_by_its_name() -> None:
    found = {
        str(path.relative_to(ROOT)): places
        for path in sorted(PACKAGE.rglob("*.py"))
        if ".".join(path.relative_to(ROOT).with_suffix("").parts) not in FOREIGN
        and (places := looked_into(ast.parse(path.read_text(encoding="utf-8"))))
    }
    assert found == {}


def test_searching_a_message_is_found_however_it_is_done() -> None:
    text = (
        "if 'step' in problem.message: pass\n"
        "if loss.name().startswith('BCE'): pass\n"
        "re.match('wants', message)\n"
        "if data.name() == 'synthetic': pass\n"
        "place = message.partition(': ')[0]\n"
        "if 'a' in names: pass\n"
    )
    assert [place.partition(":")[0] for place in looked_into(ast.parse(text))] == ["1", "2", "3", "4", "5"]
