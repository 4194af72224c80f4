"""`docs/study-alexnet.md` shows the rows of `docs/study/results.json`, and says nothing that they do not bear out."""

from __future__ import annotations

import copy
import shlex
from typing import Any

import pytest
import yaml

import netspec
from docs.study import tables, training
from docs.study.store import ROOT, Results

RESULTS = Results()


def changed(results: Results) -> Results:
    """The same rows, every figure another one."""

    def other(value: Any) -> Any:
        if isinstance(value, dict):
            return {key: other(item) for key, item in value.items()}
        if isinstance(value, list):
            return [other(item) for item in value]
        return value * 1.5 + 1 if isinstance(value, float) else value + 1 if isinstance(value, int) else value

    found = copy.copy(results)
    kept = {"layers", "seed", "tried", "chosen"}
    found.parts = {
        part: {key: {name: v if name in kept else other(v) for name, v in row.items()} for key, row in rows.items()}
        for part, rows in results.parts.items()
    }
    for row in found.parts["counts"].values():
        row["layers"] = [other(layer) for layer in row["layers"]]
    for row in found.parts["tuning"].values():
        row["tried"] = [one | {"validation_accuracy": one["validation_accuracy"] / 2} for one in row["tried"]]
    return found


# ---- the page


def test_the_page_shows_the_tables_of_the_results() -> None:
    """If this fails, run `python docs/study/run.py tables`, and read what the page says of them."""
    text = tables.PAGE.read_text(encoding="utf-8")
    assert tables.filled(text, RESULTS) == text


@pytest.mark.parametrize("name", tables.TABLES)
def test_every_table_stands_on_the_page_and_one_of_other_figures_is_found(name: str) -> None:
    text = tables.PAGE.read_text(encoding="utf-8")
    assert tables.TABLES[name](RESULTS) in text
    assert tables.TABLES[name](changed(RESULTS)) not in text


def test_the_results_are_written_as_they_are_read() -> None:
    assert RESULTS.text() == RESULTS.file.read_text(encoding="utf-8")


# ---- trainings


@pytest.mark.parametrize("part", training.PARTS)
def test_the_rows_of_trainings_are_those_of_the_plan_with_their_commands(part: str) -> None:
    plan = {one.key: one for one in training.PARTS[part](RESULTS)}
    rows = RESULTS.part(part)
    assert set(rows) == set(plan)
    for key, row in rows.items():
        assert row["command"] == shlex.join(["netspec", "train", *plan[key].arguments])
        words = shlex.split(row["command"])
        settings = dict(words[at + 1].split("=", 1) for at, word in enumerate(words) if word == "--set")
        values = {name: yaml.safe_load(value) for name, value in settings.items()}
        recipe = netspec.load(ROOT / words[2], variant=plan[key].variant, set=values).recipe
        assert recipe is not None
        assert (row["seed"], row["epochs"]) == (recipe.seed, recipe.epochs)
        assert row["examples"]["train"] == plan[key].examples
        assert row["steps"] == recipe.epochs * -(-plan[key].examples // recipe.batch_size)
