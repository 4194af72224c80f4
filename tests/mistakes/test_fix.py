"""`netspec check --fix`: mends written into files, and nothing else touched."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import netspec
from netspec.cli import cli
from netspec.diagnostics import is_slip

WRONG = """\
# A small net, for a test.
input: [1, 28, 28]   # one channel

layers:
  - Conv2d: {out_channels: 6, kernel_size: 5, padding: 2}  # kept
  - ReLu
  - 'MaxPool2d': 2
  - Linear: {in_features: 1176, out_features: 10}   # the sizes agree behind a `Flatten`
"""
RIGHT = WRONG.replace("ReLu", "ReLU").replace("  - Linear", "  - Flatten\n  - Linear")


def run(*arguments: object) -> int:
    """The status of a command, whose streams are those of the test."""
    try:
        return int(cli([str(argument) for argument in arguments], standalone_mode=False))
    except netspec.NetspecError as error:
        return error.exit_status


@pytest.mark.parametrize("ending", ["\n", "\r\n"], ids=["lf", "crlf"])
@pytest.mark.parametrize("mark", ["", "\ufeff"], ids=["plain", "byte-order mark"])
def test_a_file_keeps_all_but_what_is_mended(ending: str, mark: str, tmp_path: Path) -> None:
    path = tmp_path / "net.yaml"
    path.write_bytes((mark + WRONG).replace("\n", ending).encode())
    assert run("check", "--fix", path) == 0
    assert path.read_bytes() == (mark + RIGHT).replace("\n", ending).encode()


def test_what_was_done_is_told_and_what_is_left_too(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "net.yaml"
    path.write_text(WRONG + "  - Nonsense\n")
    assert run("check", "--fix", path) == 1
    out, err = capsys.readouterr()
    assert "write `ReLU`" in err
    assert "which turns 6 × 14 × 14 into 1176" in err
    assert "there is no layer or block `Nonsense`" in err
    assert out == ""
    assert path.read_text() == RIGHT + "  - Nonsense\n"


def test_a_diff_is_shown_and_nothing_written(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "net.yaml"
    path.write_text(WRONG)
    assert run("check", "--diff", path) == 0
    assert [line for line in capsys.readouterr().out.splitlines() if line[:1] in "+-"][2:] == [
        "-  - ReLu",
        "+  - ReLU",
        "+  - Flatten",
    ]
    assert path.read_text() == WRONG


def test_what_cannot_be_mended_is_not_touched(tmp_path: Path) -> None:
    path = tmp_path / "net.yaml"
    path.write_text("input: [1, 28, 28]\nlayers:\n  - Nonsense\n")
    before = path.stat()
    assert run("check", "--fix", path) == 1
    assert (path.stat().st_mtime_ns, path.stat().st_ino) == (before.st_mtime_ns, before.st_ino)


def test_a_mend_that_is_not_certain_is_shown_only(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "net.yaml"
    path.write_text(wrong := "input: [6, 8, 8]\nlayers:\n  - Conv2d: {out_channels: 4, kernel_size: 9}\n")
    assert run("check", "--fix", path) == 1
    assert path.read_text() == wrong
    assert "perhaps: write `kernel_size: 8`, which turns 6 × 8 × 8 into 4 × 1 × 1" in capsys.readouterr().err
    assert run("check", "--format", "json", path) == 1
    (found,) = json.loads(capsys.readouterr().out)
    assert found["fix"]["certain"] is False


def test_a_link_stays_one(tmp_path: Path) -> None:
    (tmp_path / "net.yaml").write_text(WRONG)
    (tmp_path / "link.yaml").symlink_to("net.yaml")
    assert run("check", "--fix", tmp_path / "link.yaml") == 0
    assert (tmp_path / "link.yaml").is_symlink()
    assert (tmp_path / "net.yaml").read_text() == RIGHT


def test_a_directory_stands_for_its_specs_alone(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "deep").mkdir()
    (tmp_path / "deep" / "net.yaml").write_text(WRONG)
    (tmp_path / "right.yml").write_text(RIGHT)
    (tmp_path / "compose.yaml").write_text(other := "services:\n  web: {image: nginx}\n")
    (tmp_path / ".hidden.yaml").write_text(WRONG)
    assert run("check", tmp_path) == 1
    assert "1 error in" in capsys.readouterr().out
    assert run("check", "--fix", tmp_path) == 0
    assert (tmp_path / "deep" / "net.yaml").read_text() == RIGHT
    assert (tmp_path / "compose.yaml").read_text() == other
    assert (tmp_path / ".hidden.yaml").read_text() == WRONG


def test_a_pattern_stands_for_what_it_matches(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "a.yaml").write_text(RIGHT)
    (tmp_path / "b.yaml").write_text(RIGHT)
    assert run("check", f"{tmp_path}/*.yaml") == 0
    assert "2 specs checked" in capsys.readouterr().err


@pytest.mark.parametrize("name", ["empty", "empty/*.yaml"])
def test_nothing_to_check_is_an_error_of_the_command_line(name: str, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    assert run("check", tmp_path / name) == 2


def test_a_variant_is_not_mended_alone(tmp_path: Path) -> None:
    (tmp_path / "net.yaml").write_text(WRONG)
    assert run("check", "--fix", "--variant", "small", tmp_path / "net.yaml") == 2


def test_mends_are_bounded_by_count(monkeypatch: pytest.MonkeyPatch) -> None:
    """However much is wrong: at most forty specs are compiled to prove mends, and the first findings get theirs."""
    from netspec import compiler
    from netspec.mends import proof

    checked: list[str] = []
    check = compiler.checked

    def counted(source: object, *rest: object) -> object:
        checked.append("")
        return check(source, *rest)  # pyright: ignore[reportArgumentType]  # as it is called

    monkeypatch.setattr(compiler, "checked", counted)
    layers = "".join(f"  - Linear: {{in_features: {n + 900}, out_features: {n + 10}}}\n" for n in range(60))
    with pytest.raises(netspec.SpecError):
        netspec.loads(f"input: [8]\nlayers:\n{layers}")
    source, problems = compiler.decode(f"input: [8]\nlayers:\n{layers}".encode(), "spec.yaml")
    found = compiler.check_source(source, problems)
    assert len(checked) <= proof.FOR_ALL + 1
    mended = [d.fix is not None for d in found]
    assert mended == [True] * (proof.FOR_ALL - proof.FOR_AGREEMENT) + [False] * (len(found) - sum(mended))
    spent = [d for d in found if d.help is not None and "so many and no more" in d.help]
    assert spent == [found[sum(mended)]]  # told where it begins


@pytest.mark.parametrize(
    ("word", "near"), [("skp", "skip"), ("shorcut", "shortcut"), ("batchsize", "batch_size"), ("Hidden", "hidden")]
)
def test_a_name_is_mended_where_it_is_mistyped(word: str, near: str) -> None:
    assert is_slip(word, near)


@pytest.mark.parametrize(
    ("word", "near"), [("skip3", "skip2"), ("skip_lo", "skip_hi"), ("conv_a", "conv_b"), ("c1", "c2"), ("x", "y")]
)
def test_a_name_is_not_mended_where_it_may_be_another(word: str, near: str) -> None:
    assert not is_slip(word, near)
