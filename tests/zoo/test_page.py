"""`docs/zoo.md` says what `python -m tests.zoo` found, and every shipped network is held by something."""

from __future__ import annotations

import pytest

from tests.zoo import families, page, proof
from tests.zoo.__main__ import asked
from tests.zoo.libraries import MODELS
from tests.zoo.published import SIZES

TEXT = page.PAGE.read_text(encoding="utf-8")
OUTPUTS, ROWS = page.rows_of(TEXT)
LIBRARIES = {"timm", "transformers", "diffusers"}


@pytest.mark.slow
def test_the_sizes_are_those_of_all_that_is_shipped() -> None:
    """If this fails, run `python -m tests.zoo NAME … --write` for the specs that have changed."""
    assert page.size_rows() == ROWS


def test_the_outputs_of_each_network_of_a_library_are_compared() -> None:
    said = {(row.spec.strip("`"), row.variant or None) for row in OUTPUTS}
    assert said >= {proof.place_of(name) for name in proof.names()}
    assert said >= {(row.spec, row.variant) for row in SIZES if row.pixels}
    assert said >= {(row.spec, row.variant) for row in MODELS if row.small is not None}


@pytest.mark.slow
def test_the_outputs_of_each_network_with_a_module_of_its_own_are_compared() -> None:
    others = {row.spec.strip("`") for row in OUTPUTS if row.cells[0].partition(":")[0] not in LIBRARIES}
    assert {spec for spec in others if not spec.startswith("torchvision/")} == families.compared_by_hand()


def test_every_spec_is_held_by_a_module_or_a_published_size() -> None:
    held = {row.spec.strip("`") for row in OUTPUTS} | {row.spec for row in SIZES}
    assert {spec for spec, _ in families.shipped()} <= held


@pytest.mark.slow
def test_a_page_that_is_read_and_written_again_is_the_same() -> None:
    assert page.written(OUTPUTS, page.last_of(TEXT)) == TEXT


def test_names_are_specs_and_variants() -> None:
    assert asked(["cait_s24"]) == [("vision/cait", "cait_s24")]
    assert asked(["lenet"]) == [("d2l/lenet", None), ("lenet", None)]
    assert {spec for spec, _ in asked(["vision/cait", "gpt2"])} == {"language/gpt2", "vision/cait"}
    assert asked([]) == families.shipped()
    with pytest.raises(LookupError, match="no spec and no variant is called nix"):
        asked(["nix"])
