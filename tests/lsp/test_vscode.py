"""The extension for VS Code: what it says of the language is true, and no workspace decides what it starts."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

import netspec
from netspec.combinators import COMBINATORS, OWNERS
from netspec.language.reading import KEYS
from netspec.language.reserved import WORDS
from tests.commands import ROOT

PLACE = ROOT / "netspec" / "lsp" / "vscode"
PACKAGE: Any = json.loads((PLACE / "package.json").read_text(encoding="utf-8"))
GRAMMAR: Any = json.loads((PLACE / "syntaxes" / "netspec.tmLanguage.json").read_text(encoding="utf-8"))


@pytest.mark.parametrize(
    ("rule", "words"),
    [
        ("key-of-spec", set(KEYS)),
        ("word", WORDS | set(OWNERS)),
        ("beside", WORDS - set(COMBINATORS) - set(OWNERS)),
    ],
)
def test_the_grammar_has_the_words_of_the_language(rule: str, words: set[str]) -> None:
    listed = re.findall(r"\(\?:([a-z_|]+)\)", GRAMMAR["repository"][rule]["match"])
    assert set(listed[0].split("|")) == words


def test_every_rule_of_the_grammar_is_there_and_is_read() -> None:
    text = json.dumps(GRAMMAR)
    included = set(re.findall(r'"include": "#([\w-]+)"', text))
    assert included == set(GRAMMAR["repository"])


def test_what_is_started_and_loaded_is_for_the_user_alone_to_say() -> None:
    settings = PACKAGE["contributes"]["configuration"]["properties"]
    assert {name: settings[name].get("scope") for name in ("netspec.command", "netspec.plugins")} == {
        "netspec.command": "machine", "netspec.plugins": "machine",
    }  # fmt: skip
    script = (PLACE / "extension.js").read_text(encoding="utf-8")
    assert re.findall(r"\.get\((.*?)\)", script) == ['"netspec.files"']  # which takes a workspace's value
    assert "globalValue" in script


def test_its_version_is_that_of_netspec_and_its_files_are_there() -> None:
    assert PACKAGE["version"] == netspec.__version__
    contributed = PACKAGE["contributes"]
    named = [PACKAGE["main"], *(grammar["path"] for grammar in contributed["grammars"])]
    named += [language["configuration"] for language in contributed["languages"]]
    assert all((PLACE / name).is_file() for name in named)
    (language,) = contributed["languages"]
    assert re.match(language["firstLine"], "netspec: 1")


@pytest.mark.skipif(shutil.which("node") is None, reason="there is no node")
def test_its_script_is_read_by_node() -> None:
    run = subprocess.run(
        ["node", "--check", str(PLACE / "extension.js")], capture_output=True, encoding="utf-8", check=False
    )
    assert (run.returncode, run.stderr) == (0, "")


@pytest.mark.slow
def test_it_is_built_into_a_file_that_holds_what_it_needs() -> None:
    import zipfile

    from tests.lsp.vscode import PLACE as BUILT
    from tests.lsp.vscode import main

    if shutil.which("npm") is None:
        pytest.skip("there is no npm")
    assert main() == 0
    with zipfile.ZipFile(BUILT / "netspec.vsix") as file:
        names = {Path(name).as_posix() for name in file.namelist()}
    assert {
        f"extension/{name}" for name in ("extension.js", "package.json", "syntaxes/netspec.tmLanguage.json")
    } <= names
    assert "extension/node_modules/vscode-languageclient/package.json" in names
