"""The reference of recipes is complete and true: every name and key is in it, and its examples compile."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from torchvision.transforms import v2  # pyright: ignore[reportMissingTypeStubs]  # torchvision has none

from netspec.compiler import check_source
from netspec.diagnostics import Diagnostic
from netspec.recipe import tables
from netspec.recipe.datasets.torchvision import Torchvision
from netspec.recipe.explained import explain_recipe
from netspec.recipe.figures import figure_name, figures_of_class
from netspec.recipe.read import KEYS
from netspec.recipe.reference import key_facts, recipe_page, usage
from netspec.recipe.vocabulary import OWN
from netspec.text.source import decode
from tests.recipe.least import least

PAGE = recipe_page()
BLOCKS = re.findall(r"^```yaml\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
LEAST = {
    "data": "data: FashionMNIST",
    "loss": "loss: CrossEntropyLoss",
    "optimizer": "optimizer: SGD",
    "batch_size": "batch_size: 128",
    "epochs": "epochs: 10",
}


def findings(text: str) -> list[Diagnostic]:
    source, problems = decode(text.encode(), "example.yaml")
    return check_source(source, problems)


def with_line(line: str, *more: str) -> str:
    """A spec whose recipe has the least that it needs, and these lines."""
    lines = [line, *more]
    given = {text.partition(":")[0] for text in lines}
    lines += [text for key, text in LEAST.items() if key not in given]
    return "input: [1, 28, 28]\nlayers: [Flatten, Linear: 10]\ntrain:\n" + "".join(f"  {text}\n" for text in lines)


def test_the_page_in_the_documents_is_up_to_date() -> None:
    """`python docs/generate.py` writes it."""
    page = Path(__file__).parents[2] / "docs" / "recipes.md"
    assert page.read_text(encoding="utf-8") == PAGE


def test_the_page_has_an_example_for_a_recipe_and_for_each_data_set_of_the_users_own() -> None:
    own = [name for name in tables.DATA_SETS if not issubclass(tables.data_set(name), Torchvision)]
    assert {"folder", "tensors", "synthetic"} <= set(own)
    assert [name for name in ("FashionMNIST", *own) if not any(name in block for block in BLOCKS)] == []


@pytest.mark.parametrize("text", BLOCKS)
def test_every_spec_on_the_page_compiles_without_a_finding(text: str) -> None:
    assert [(d.code, d.message) for d in findings(text)] == []


@pytest.mark.parametrize("name", KEYS)
def test_every_key_is_on_the_page_with_a_type_a_default_and_a_meaning(name: str) -> None:
    row = next(line for line in PAGE.splitlines() if line.startswith(f"| `{name}` |"))
    assert all(len(part.strip()) > 0 for part in row.strip("|").split("|"))
    assert key_facts(name)[2].endswith(".")


@pytest.mark.parametrize("name", OWN.names)
def test_every_name_is_on_the_page_with_each_of_its_arguments(name: str) -> None:
    kind = OWN.kinds[OWN.names[name]]
    section = PAGE.partition(f"\n## {kind.title}\n")[2].partition("\n## ")[0]
    assert f"`{name}" in section
    if kind.key == "data":
        return
    row = next(line for line in section.splitlines() if line.startswith(f"| `{name}` |"))
    places = [re.search(rf"`{argument}[:`]", row) for argument in kind.load(name).model_fields]
    assert None not in places
    starts = [place.start() for place in places if place]
    assert starts == sorted(starts)


@pytest.mark.parametrize("name", OWN.names)
def test_an_explanation_names_every_argument_and_fits_a_terminal(name: str) -> None:
    text = explain_recipe(name)
    assert text is not None
    assert max(map(len, text.splitlines())) <= 80
    cls = OWN.kinds[OWN.names[name]].load(name)
    assert all(f"\n  {argument} " in text for argument in cls.model_fields)
    assert all(re.search(rf"Not offered: [^;]*\b{argument}\b", text) for argument in cls.omitted)


@pytest.mark.parametrize("name", [*KEYS, "train"])
def test_a_key_is_explained_on_a_terminal(name: str) -> None:
    text = explain_recipe(name)
    assert text is not None
    assert max(map(len, text.splitlines())) <= 80
    if name == "train":
        assert all(f"\n  {key} " in text for key in KEYS)


@pytest.mark.parametrize("name", [*OWN.names, *KEYS])
def test_what_is_shown_as_written_is_read_without_a_mistake_in_names_or_arguments(name: str) -> None:
    """What it does to this particular net, 28 × 28 with ten classes, may be another matter."""
    held_out = {"early_stopping": "0.1", "best": "0.1", "fold": "0.2"}
    more = [f"validation: {held_out[name]}"] if name in held_out else []
    if name == "schedule_by":
        more = ["scheduler: CosineAnnealingLR"]
    if name in tables.SCHEDULERS:  # one may follow a metric, another change the momentum
        more = ["validation: 0.1", "optimizer: {SGD: {momentum: 0.9}}"]
    found = findings(with_line(usage(name), *more))
    assert {d.code for d in found} <= {"data-mismatch", "loss-mismatch", "classes-mismatch", "metric-mismatch"}, [
        d.message for d in found
    ]


def test_a_word_that_no_recipe_has_is_not_explained() -> None:
    assert explain_recipe("Conv2d") is None


def test_no_word_of_a_recipe_is_that_of_two_kinds() -> None:
    assert len(OWN.names) == sum(len(kind.names) for kind in OWN.kinds.values())
    assert set(OWN.names) & set(KEYS) == set()


def test_the_page_marks_as_random_exactly_what_draws_parameters_in_torchvision() -> None:
    marked = {line.split("`")[1] for line in PAGE.splitlines() if "Random: for `augment`." in line}
    assert marked == {name for name in tables.TRANSFORMS if _draws(getattr(v2, name))}


def _draws(transform: Any) -> bool:
    """True if it has parameters, or a decision, to draw."""
    policy = hasattr(transform, "_AUGMENTATION_SPACE")  # those draw where they are called
    return (
        policy
        or transform.make_params is not v2.Transform.make_params
        or hasattr(transform(**least(tables.transform(transform.__name__))), "p")
    )


NETS = {
    "values": ("Linear: 1", "MSELoss"),
    "labels": ("Linear: 3", "BCEWithLogitsLoss"),
    "classes": ("Linear: 10", "CrossEntropyLoss"),
}
"""What a metric reads → a last layer, and a loss."""


@pytest.mark.parametrize("name", tables.METRICS)
def test_the_page_and_an_explanation_say_what_the_figure_of_a_metric_is_called(name: str) -> None:
    cls = tables.metric(name)
    row = next(line for line in PAGE.splitlines() if line.startswith(f"| `{name}` |"))
    assert f"| {figure_name(cls)} |" in row
    assert f"Its figure is {figure_name(cls)}, in records" in " ".join((explain_recipe(name) or "").split())
    layer, loss = NETS[cls.reads[0]]
    for label, arguments in figures_of_class(cls).items():
        assert f"`{label}`" in figure_name(cls)
        given = ", ".join(f"{key}: {str(value).lower()}" for key, value in arguments.items())
        metrics = "" if label == "accuracy" else f"  metrics: [{name}: {{{given}}}]\n"  # it is always there
        text = (
            f"input: [4]\nlayers: [{layer}]\ntrain:\n  data: synthetic\n  validation: 0.1\n  batch_size: 8\n"
            f"  epochs: 1\n  optimizer: SGD\n  loss: {loss}\n{metrics}  best: validation_{label}\n"
        )
        assert [d.message for d in findings(text) if d.severity == "error"] == []
