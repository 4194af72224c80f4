"""An installed netspec: its specs, its type information, and hints that fit the way it was installed."""

from __future__ import annotations

import json
import os
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from netspec.cli import report
from netspec.cli.new import command
from netspec.cli.shipped import shipped
from netspec.compiler import check_source
from netspec.diagnostics import MissingExtra, UsageError
from netspec.extras import (
    _requirement,  # pyright: ignore[reportPrivateUsage]  # given what pip wrote, without pip
    install,
)
from netspec.text.source import read
from tests.commands import invoke

ROOT = Path(__file__).parent.parent
SPECS = sorted(path.relative_to(ROOT / "specs").with_suffix("").as_posix() for path in (ROOT / "specs").rglob("*.yaml"))


# ---- netspec new --from


@pytest.mark.parametrize("name", SPECS)
def test_every_spec_of_the_checkout_can_be_started_from(name: str) -> None:
    assert shipped(name) == ROOT / "specs" / f"{name}.yaml"


@pytest.mark.parametrize(
    ("name", "file"),
    [("lenet", "lenet"), ("alexnet", "alexnet"), ("unet", "unet"), ("resnet18", "d2l/resnet18"), ("vit", "d2l/vit"),
     ("resnet", "torchvision/resnet")],
)  # fmt: skip
def test_a_name_without_its_folder_is_enough_where_only_one_has_it(name: str, file: str) -> None:
    assert shipped(name) == shipped(file)


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("densenet", "several specs are called `densenet`: say `d2l/densenet` or `torchvision/densenet`"),
        ("resnet50", "say `--from torchvision/resnet`, and then `--variant resnet50`"),
        ("alexnett", "there is no spec `alexnett` to start from; did you mean `alexnet`?"),
        ("vit_b16", "did you mean `vit_b_16`?"),
        ("nonsense", "there is no spec `nonsense` to start from; there are alexnet, "),
        ("../../etc/passwd", "there is no spec `../../etc/passwd` to start from; there are alexnet, "),
    ],
)
def test_a_name_that_no_spec_has_is_answered_with_those_that_there_are(name: str, words: str) -> None:
    with pytest.raises(UsageError) as caught:
        shipped(name)
    assert words in str(caught.value)


def test_what_is_written_is_the_spec_under_the_name_given(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for arguments in (["--from", "lenet"], ["mine", "--from", "lenet"], ["--from", "resnet"]):
        result = invoke(command, *arguments)
        assert result.exit_code == 0, result.exception
    original = (ROOT / "specs/lenet.yaml").read_text(encoding="utf-8")
    assert Path("lenet.yaml").read_text(encoding="utf-8") == original
    assert Path("mine.yaml").read_text(encoding="utf-8") == original.replace("name: lenet\n", "name: mine\n")
    assert check_source(*read("mine.yaml")) == []
    assert result.stderr == "wrote resnet.yaml; next: netspec compile resnet.yaml --variant resnet18\n"
    assert isinstance(invoke(command, "--from", "lenet").exception, UsageError), "it is there already"
    assert isinstance(invoke(command).exception, UsageError), "neither a name nor a spec"


def test_a_directory_that_is_not_there_is_told_to_be_made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert str(invoke(command, "nets/mine").exception).endswith("there is no directory nets; make it first")
    Path("nets").mkdir()
    assert invoke(command, "nets/mine").exception is None


# ---- hints


@pytest.mark.parametrize(
    ("origin", "given"),
    [
        (None, ["netspec-compiler[torch]"]),
        ({"url": "file:///home/ada/my%20nets", "dir_info": {"editable": True}}, ["-e", "/home/ada/my nets[torch]"]),
        ({"url": "file:///home/ada/netspec", "dir_info": {}}, ["/home/ada/netspec[torch]"]),
        (
            {"url": "file:///tmp/netspec-0.1.whl", "archive_info": {"hash": "sha256=0"}},
            ["netspec-compiler[torch] @ file:///tmp/netspec-0.1.whl"],
        ),
        (
            {"url": "https://example.org/n.git", "vcs_info": {"vcs": "git", "commit_id": "ab12"}},
            ["netspec-compiler[torch] @ git+https://example.org/n.git@ab12"],
        ),
    ],
)
def test_an_extra_is_asked_for_where_netspec_came_from(origin: dict[str, Any] | None, given: list[str]) -> None:
    """The JSON follows the specification of `direct_url.json`."""
    assert _requirement("torch", None if origin is None else json.dumps(origin)) == given


def test_a_checkout_that_is_only_on_the_path_is_installed_from_where_it_lies() -> None:
    run = subprocess.run(
        [sys.executable, "-S", "-c", "from netspec.extras import install; print(install('torch'))"],
        env=os.environ | {"PYTHONPATH": str(ROOT)}, cwd="/", capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert run.stdout == shlex.join([sys.executable, "-m", "pip", "install", "-e", f"{ROOT}[torch]"]) + "\n"


def test_the_command_that_installs_an_extra_is_one_line_on_every_terminal(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for columns in (20, 80):
        monkeypatch.setenv("COLUMNS", str(columns))
        report(MissingExtra("drawing needs Graphviz: neither `dot` nor pygraphviz is here", install("draw")))
        *_, copied = capsys.readouterr().err.splitlines()
        assert shlex.split(copied)[1:4] == ["-m", "pip", "install"]
        assert copied.strip() == install("draw")


# ---- in an environment of its own


def run(*arguments: str | Path, cwd: Path, status: int = 0) -> str:
    """Run a program with an empty PATH and without the checkout on PYTHONPATH; its stdout and stderr, merged."""
    environment = {k: v for k, v in os.environ.items() if k not in ("PYTHONPATH", "VIRTUAL_ENV")} | {"PATH": ""}
    done = subprocess.run(
        [str(a) for a in arguments], cwd=cwd, env=environment, text=True, check=False,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
    )  # fmt: skip
    assert done.returncode == status, done.stdout
    return done.stdout


@pytest.mark.slow
@pytest.mark.parametrize("way", ["wheel", "editable"])
def test_an_installation_has_specs_and_types_and_its_hint_installs_what_is_missing(way: str, tmp_path: Path) -> None:
    run(sys.executable, "-m", "venv", "fresh", cwd=tmp_path)
    python, netspec = tmp_path / "fresh/bin/python", tmp_path / "fresh/bin/netspec"
    what: list[str | Path] = ["-e", ROOT]
    if way == "wheel":
        run(python, "-m", "pip", "wheel", "--no-deps", "--wheel-dir", "wheels", ROOT, cwd=tmp_path)
        what = list((tmp_path / "wheels").glob("netspec_compiler-*.whl"))
    run(python, "-m", "pip", "install", *what, cwd=tmp_path)

    package = Path(run(python, "-c", "import netspec; print(netspec.__path__[0])", cwd=tmp_path).strip())
    assert package.is_relative_to(ROOT if way == "editable" else tmp_path)
    assert (package / "py.typed").is_file()
    found = run(python, "-c", "from netspec.cli.shipped import specs; print(*specs(), sep='\\n')", cwd=tmp_path)
    assert sorted(found.split()) == SPECS
    for name in ("lenet", "vit", "resnet"):
        run(netspec, "new", "--from", name, cwd=tmp_path)
        run(netspec, "check", f"{name}.yaml", cwd=tmp_path)

    draw = (netspec, "draw", "lenet.yaml", "-o", "lenet.svg")
    hint = run(*draw, cwd=tmp_path, status=3).splitlines()[-1]
    run(*shlex.split(hint), cwd=tmp_path)
    run(*draw, cwd=tmp_path)
    assert (tmp_path / "lenet.svg").is_file()
