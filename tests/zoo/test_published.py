"""Each network of a family has its published size."""

from __future__ import annotations

import sys

import pytest
import yaml

from tests.benchmarks.cold_check import cost
from tests.zoo import families
from tests.zoo.agreement import SPECS
from tests.zoo.published import SIZES, Published

FROM_TIMM = [row for row in SIZES if row.source.startswith("timm:")]
KNOWN = {
    ("language/llama", "tinyllama"): 1_100_048_384,
    ("language/gpt2", "gpt2_small"): 124_439_808,
    ("language/bert", "bert_base"): 109_482_240,
    ("language/llama", "llama3_8b"): 8_030_261_248,
    ("language/mixtral", "mixtral_8x7b"): 46_702_792_704,
}
"""Language models whose sizes everybody knows."""


@pytest.mark.parametrize("row", SIZES, ids=lambda row: f"{row.spec}-{row.variant}")
def test_a_network_has_its_published_size(row: Published) -> None:
    assert families.counts(row.spec, row.variant)[0] == row.params


def test_every_variant_of_timms_has_a_size() -> None:
    named = {(row.spec, row.variant) for row in SIZES}
    assert len(named) == len(SIZES)
    for spec in {row.spec for row in FROM_TIMM}:
        text = yaml.load((SPECS / f"{spec}.yaml").read_text(encoding="utf-8"), yaml.CSafeLoader)
        assert {variant for name, variant in named if name == spec} == set(text.get("variants", [None])), spec


@pytest.mark.parametrize(("spec", "variant"), KNOWN)
def test_a_known_language_model_is_a_page_of_at_most_sixty_lines(spec: str, variant: str) -> None:
    assert families.counts(spec, variant)[0] == KNOWN[spec, variant]
    assert len((SPECS / f"{spec}.yaml").read_text(encoding="utf-8").splitlines()) <= 60


@pytest.mark.slow
@pytest.mark.parametrize(("spec", "variant"), KNOWN)
def test_a_known_language_model_is_checked_cold_in_under_a_second(spec: str, variant: str) -> None:
    """As a process of its own. The processor's time is what it takes where nothing else runs."""
    command = [sys.executable, "-m", "netspec", "check", f"specs/{spec}.yaml", "--variant", variant]
    assert min(cost(command).processor for _ in range(5)) < 1
