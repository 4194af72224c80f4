"""`[tool.netspec]` of a project's pyproject.toml: what it says, and what it cannot."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.commands import ROOT, program

GOOD = "input: [4]\nlayers: [Linear: 3]\n"
TWICE = "input: [4]\nlayers: [Linear: 3, Linear: 2]\n"


@pytest.fixture
def project(tmp_path: Path) -> Path:
    (tmp_path / "nets" / "below").mkdir(parents=True)
    (tmp_path / "nets" / "good.yaml").write_text(GOOD, encoding="utf-8")
    (tmp_path / "nets" / "twice.yaml").write_text(TWICE, encoding="utf-8")
    return tmp_path


def says(project: Path, text: str) -> None:
    (project / "pyproject.toml").write_text(text, encoding="utf-8")


def test_specs_that_are_named_once_are_checked_also_from_a_directory_below(project: Path) -> None:
    says(project, '[tool.netspec]\nspecs = ["nets"]\n')
    for place, shown in ((project, "nets/twice.yaml"), (project / "nets" / "below", "../twice.yaml")):
        run = program("check", cwd=place)
        assert (run.returncode, run.stderr) == (0, "")
        assert f" --> {shown}:2:" in run.stdout
    run = program("check", "nets/good.yaml", cwd=project)
    assert (run.returncode, run.stdout, run.stderr) == (0, "", "1 spec checked, no mistakes\n")


def test_findings_are_left_out_and_warnings_count(project: Path) -> None:
    says(project, '[tool.netspec]\nspecs = ["nets"]\nstrict = true\n')
    assert program("check", cwd=project).returncode == 1
    assert program("compile", "nets/twice.yaml", "--no-write", cwd=project).returncode == 1
    says(project, '[tool.netspec]\nspecs = ["nets"]\nstrict = true\nignore = ["nothing-between"]\n')
    assert program("check", cwd=project).returncode == 0
    assert program("compile", "nets/twice.yaml", "--no-write", cwd=project).returncode == 0


def test_pictures_have_the_look_of_the_project_unless_the_line_says_another(project: Path) -> None:
    says(project, '[tool.netspec.draw]\ntheme = "dark"\nstyle = "stack"\nlang = "zh"\n')
    assert program("draw", "nets/good.yaml", "-o", "a.svg", cwd=project).returncode == 0
    assert program("draw", "nets/good.yaml", "-o", "b.svg", "--theme", "light", cwd=project).returncode == 0
    dark, light = ((project / name).read_text(encoding="utf-8") for name in ("a.svg", "b.svg"))
    assert ("#0d1117" in dark, "#0d1117" in light) == (True, False)
    assert "\N{CJK UNIFIED IDEOGRAPH-8F93}" in dark  # the first sign of "input"
    assert program("draw", "nets/good.yaml", "-o", "a.html", cwd=project).returncode == 0
    says(project, '[tool.netspec.draw]\ntheme = "dusk"\n')
    run = program("draw", "nets/good.yaml", "-o", "c.svg", cwd=project)
    assert run.returncode == 2
    assert "'dusk' is not one of" in run.stderr


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('plugins = ["my_layers"]', "[tool.netspec] cannot say `plugins`: a plugin is code"),
        ('plugin = "my_layers"', "[tool.netspec] cannot say `plugin`: a plugin is code"),
        ('spec = ["nets"]', "[tool.netspec] has no `spec`; did you mean `specs`?"),
        ("fix = true", "[tool.netspec] has no `fix`; its keys are `specs`, `ignore`, `strict`, `notes`, `draw`"),
        ('specs = "nets"', "`specs` of [tool.netspec] wants a list of texts, not 'nets'"),
        ("specs = [3]", "`specs` of [tool.netspec] wants a list of texts, not [3]"),
        ("strict = 1", "`strict` of [tool.netspec] wants true or false, not 1"),
        ('ignore = ["nothing-betwen"]', "names no code with `nothing-betwen`; did you mean `nothing-between`?"),
        ("[tool.netspec.draw]\noutput = 'x.svg'", "[tool.netspec.draw] has no `output`; its keys are `style`"),
        ("[tool.netspec.draw]\ntheme = 3", "`theme` of [tool.netspec.draw] wants a text, not 3"),
        ("specs = [", "pyproject.toml: "),
    ],
)
def test_what_the_table_cannot_say_is_told_with_its_file(project: Path, text: str, said: str) -> None:
    says(project, f"[tool.netspec]\n{text}\n")
    run = program("check", "nets/good.yaml", cwd=project)
    assert (run.returncode, run.stdout) == (2, "")
    assert run.stderr.startswith("error[wrong-usage]: pyproject.toml: ")
    assert said in run.stderr
    below = program("check", "good.yaml", cwd=project / "nets")
    assert below.stderr.startswith("error[wrong-usage]: ../pyproject.toml: ")


@pytest.mark.parametrize(
    "text", ["", "# [tool.netspec] is for another day\n", "[tool.other]\nx = '[tool.netspec]'\n", "[tool\n"]
)
def test_a_file_without_the_table_says_nothing(project: Path, text: str) -> None:
    says(project, text)
    assert program("check", "nets/good.yaml", cwd=project).returncode == 0


def test_the_table_of_the_page_is_one(project: Path) -> None:
    page = (ROOT / "docs" / "commands.md").read_text(encoding="utf-8")
    (table,) = re.findall(r"^```toml\n(.*?)^```$", page, re.MULTILINE | re.DOTALL)
    says(project, table.replace('"specs"', '"nets"'))
    assert program("check", cwd=project).returncode == 1  # which is strict
    assert program("draw", "nets/good.yaml", "-o", "a.svg", "--style", "stack", cwd=project).returncode == 0
