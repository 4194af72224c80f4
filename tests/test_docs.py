"""The documents are true: their specs compile, and what is generated is what a fresh run would generate."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from netspec.compiler import check_source
from netspec.text.source import decode

ROOT = Path(__file__).parent.parent
HAND_WRITTEN = [
    ROOT / "README.md",
    *(ROOT / "docs" / f"{name}.md" for name in ("language", "tutorial", "architecture")),
]


def yaml_examples() -> list[tuple[str, str]]:
    found: list[tuple[str, str]] = []
    for path in HAND_WRITTEN:
        text = path.read_text(encoding="utf-8")
        blocks = re.finditer(r"^```yaml\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
        found += [(f"{path.name}:{text.count(chr(10), 0, block.start()) + 1}", block[1]) for block in blocks]
    return found


EXAMPLES = yaml_examples()


@pytest.mark.parametrize("text", [t for _, t in EXAMPLES], ids=[n for n, _ in EXAMPLES])
def test_every_yaml_example_is_a_spec_without_mistakes(text: str) -> None:
    source, problems = decode(text.encode(), "example.yaml")
    assert [(d.span.line, d.code, d.message) for d in check_source(source, problems)] == []


def test_what_is_generated_is_up_to_date() -> None:
    """`python docs/generate.py` mends it."""
    from docs.generate import stale

    assert stale() == []
