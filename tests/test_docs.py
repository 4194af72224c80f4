"""The documents are correct: their specs compile, and generated parts are up to date."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import netspec
from netspec.cli.check import command
from netspec.compiler import check_source
from netspec.text.source import decode
from tests.commands import invoke

ROOT = Path(__file__).parent.parent
HAND_WRITTEN = [
    ROOT / "README.md",
    *(ROOT / "docs" / f"{name}.md" for name in ("index", "language", "tutorial", "architecture")),
]
WRONG = {path.read_text(encoding="utf-8"): path for path in (ROOT / "docs" / "examples").glob("*_wrong.yaml")}
"""The examples that are shown for their mistakes, by their texts."""


def yaml_examples() -> list[tuple[str, str]]:
    found: list[tuple[str, str]] = []
    for path in HAND_WRITTEN:
        text = path.read_text(encoding="utf-8")
        blocks = re.finditer(r"^```yaml\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
        found += [(f"{path.name}:{text.count(chr(10), 0, block.start()) + 1}", block[1]) for block in blocks]
    return found


EXAMPLES = [(name, text) for name, text in yaml_examples() if text not in WRONG]


@pytest.mark.parametrize("text", [t for _, t in EXAMPLES], ids=[n for n, _ in EXAMPLES])
def test_every_yaml_example_is_a_spec_without_mistakes(text: str) -> None:
    source, problems = decode(text.encode(), "example.yaml")
    assert [(d.span.line, d.code, d.message) for d in check_source(source, problems)] == []


def test_what_the_first_pages_show_as_wrong_is_the_file_that_they_check_and_mended_the_one_that_they_draw(
    tmp_path: Path,
) -> None:
    for page in (ROOT / "README.md", ROOT / "docs" / "index.md"):
        text = page.read_text(encoding="utf-8")
        ((wrong, file),) = ((wrong, file) for wrong, file in WRONG.items() if f"```yaml\n{wrong}```" in text)
        assert f"$ netspec check {file.relative_to(ROOT).as_posix()}\n" in text
        assert wrong.count("\n") == 6
        copy = tmp_path / "spec.yaml"
        copy.write_text(wrong, encoding="utf-8")
        assert [found.code for found in netspec.check(copy)] == ["width-mismatch"]
        invoke(command, copy, "--fix")
        mended = copy.read_text(encoding="utf-8")
        assert mended == file.with_name(file.name.replace("_wrong", "")).read_text(encoding="utf-8")
        assert netspec.check(copy) == []


@pytest.mark.slow
def test_what_is_generated_is_up_to_date() -> None:
    """If this fails, run `python docs/generate.py`."""
    from docs.generate import stale

    assert stale() == []


# ---- what a page names


PAGES = [ROOT / "README.md", ROOT / "CHANGELOG.md", *sorted((ROOT / "docs").glob("*.md"))]
_HERE = [
    path.relative_to(ROOT).as_posix()
    for folder in ("netspec", "tests", "docs", "specs", ".ci")
    for path in (ROOT / folder).rglob("*")
    if "__pycache__" not in path.parts
] + [path.name for path in ROOT.iterdir()]  # fmt: skip
_READERS_OWN = {
    "README.md": {"alexnet.json", "build/alexnet/alexnet.py"},
    "CHANGELOG.md": {
        "config.json", "my_layers.py", "net.keys.json", "net.py", "net.yaml", "netspec.lock.json", "table.json",
    },
    "editor.md": {"netspec.json", "source.yaml"},  # a scope of Helix's
    "ci.md": {"comment.md", "net.svg", "netspec.lock.json", "specs/net.yaml"},
    "commands.md": {"NAME.yaml", "config.json"},
    "tutorial.md": {"config.json"},
    "contributing.md": {
        "netspec/cli/count.py", "netspec/combinators/halves.py", "netspec/layers/pointwise.py",
        "netspec/recipe/datasets/patterns.py", "netspec/trainer/data/stripes.py",
    },
    "importing.md": {
        "config.json", "family.yaml", "my_layers.py", "net.py", "net.yaml", "reader.yaml", "scaled.keys.json",
        "scaled.py", "scaled.yaml", "shares.py",
    },
    "errors.md": {"net.keys.json", "net.yaml", "netspec.lock.json", "other.yaml"},
    "machines.md": {"small-sky.yaml", "small.yaml"},
    "recipes.md": {"spec.yaml", "table.json", "tokenizer.json"},
    "symptoms.md": {"netspec.lock.json"},
    "serving.md": {"ask.py", "netspec.json", "serve.py", "shoes.yaml", "tokenizer.json"},
    "training.md": {"lr.svg", "rings.py", "rings.yaml"},
    "programs.md": {"sweep.yaml"},
    "sweeps.md": {"FILE.svg", "small.yaml"},
    "mamba.md": {"mamba.yaml", "mamba_layers.py", "mamba_modules.py"},
    "plugins.md": {
        "my_layers.py", "my_modules.py", "my_parts.py", "my_training.py", "net.yaml", "rings.yaml",
    },
}  # fmt: skip
"""Files that a command writes, and placeholders for a file of the reader's."""


def is_here(name: str) -> bool:
    """Whether a file of the repository has this path or one that ends with it: pages may shorten paths."""
    return any(f"/{path}".endswith(f"/{name.removeprefix('../').rstrip('/')}") for path in _HERE)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_a_page_names_files_that_are_there(page: Path) -> None:
    text = re.sub(r"^```console.*?^```$", "", page.read_text(encoding="utf-8"), flags=re.MULTILINE | re.DOTALL)
    named = set(re.findall(r"(?<![\w/.<*-])[\w.-]+(?:/[\w.-]+)*\.(?:py|md|yaml|svg|json)\b", text))
    folders = set(re.findall(r"`([a-z_]+(?:/[a-z_]+)*/)`", text)) if page.name == "architecture.md" else set[str]()
    assert [name for name in sorted(named | folders) if not is_here(name)] == sorted(_READERS_OWN.get(page.name, ()))


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_a_link_leads_to_a_file_and_a_heading_that_are_there(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    for link in [*re.findall(r"\]\(([^)\s]+)\)", text), *re.findall(r'<img src="([^"]+)"', text)]:
        if "://" in link:
            continue
        name, _, anchor = link.partition("#")
        target = page.parent / name if name else page
        assert target.exists(), link
        if anchor:
            headings = re.findall(r"^#+ (.*)$", target.read_text(encoding="utf-8"), re.MULTILINE)
            assert anchor in {re.sub(r"[^\w -]", "", heading).lower().replace(" ", "-") for heading in headings}, link
