"""The JSON Schema of the language: it admits what netspec reads, and refuses mistakes of form."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from netspec.combinators import COMBINATORS, joining_class
from netspec.language.glossary import EXPLAINED
from netspec.layers import MODULE_OF, layer_class
from netspec.layers.reference import spelled
from netspec.recipe.examples import RECIPE, SEVERAL, VALUES
from netspec.recipe.read import KEYS, REQUIRED
from netspec.recipe.reference import usage
from netspec.recipe.vocabulary import OWN as WORDS_OF_RECIPES
from netspec.schema import schema
from tests.commands import program
from tests.mistakes.check import small_specs
from tests.schema.held import data, refused, shares
from tests.test_docs import EXAMPLES

Draft7Validator = pytest.importorskip("jsonschema", reason="jsonschema is not installed").Draft7Validator

ROOT = Path(__file__).parent.parent.parent
SPECS = sorted(path for folder in ("specs", "tests/specs/good") for path in (ROOT / folder).rglob("*.yaml"))
"""Specs without errors."""


@pytest.mark.slow
def test_it_is_a_schema_of_draft_7_of_which_every_part_is_reached() -> None:
    made = schema()
    Draft7Validator.check_schema(made)
    text = json.dumps(made)
    assert [name for name in made["definitions"] if f'"#/definitions/{name}"' not in text] == []
    assert [name for name in MODULE_OF if f"layer.{name}" not in made["definitions"]] == []


@pytest.mark.parametrize("path", SPECS, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_a_spec_without_errors_is_admitted(path: Path) -> None:
    assert refused(path.read_text(encoding="utf-8")) == []


@pytest.mark.parametrize("text", [t for _, t in EXAMPLES], ids=[n for n, _ in EXAMPLES])
def test_the_examples_of_the_pages_are_admitted(text: str) -> None:
    assert refused(text) == []


@pytest.mark.parametrize("word", [word for word, told in EXPLAINED.items() if "layers:" in told.example])
def test_the_example_of_a_word_is_admitted(word: str) -> None:
    assert refused(EXPLAINED[word].example) == []


@pytest.mark.parametrize("name", MODULE_OF)
def test_a_layer_is_admitted_as_its_examples_write_it(name: str) -> None:
    cls = layer_class(name)
    for example in cls.examples:
        assert refused(f"layers:\n  - {spelled(cls, example.arguments)}\n") == []


@pytest.mark.parametrize("word", COMBINATORS)
def test_a_combinator_is_admitted_as_its_examples_write_it(word: str) -> None:
    cls = joining_class(word)
    for example in (*cls.examples, *(option.example for option in cls.options.values())):
        lines = "".join(f"  {line}\n" for line in example.layers.strip().splitlines())
        assert refused(f"layers:\n{lines}") == []


@pytest.mark.parametrize("name", [*WORDS_OF_RECIPES.names, *KEYS])
def test_what_a_recipe_may_name_is_admitted_as_the_reference_writes_it(name: str) -> None:
    line = usage(name)
    others = "".join(f"  {key}: {VALUES[key]}\n" for key in REQUIRED if key != line.partition(":")[0])
    assert refused(f"layers: []\ntrain:\n{others}  {line}\n") == []


def test_the_recipes_of_the_reference_are_admitted() -> None:
    assert refused(RECIPE) == []
    assert refused(SEVERAL) == []


WRONG = {
    "- Lniear: 10": "layers[0]",
    "- {Linear: 10, ReLU: }": "layers[0]",
    "- {Linear: 10, nmae: head}": "layers[0]",
    "- {block: 10, nmae: head}": "layers[0]",
    "- Linear": "layers[0]",
    "- Linear: [3, 4]": "layers[0]",
    "- Linear: '10'": "layers[0]",
    "- Linear: {out_features: 0}": "layers[0]",
    "- Linear: {features: 3}": "layers[0]",
    "- for: i in range(3)": "layers[0]",
    "- [Linear: 3]": "layers[0]",
    "- concat: 3": "layers[0]",
    "- {mixture: [[Linear: 3]], top: 1}": "layers[0]",
    "- {Linear: 10, init: xavier}": "layers[0]",
    "- {Linear: 10, parametrize: weight_norms}": "layers[0]",
}


@pytest.mark.parametrize("item", WRONG)
def test_a_mistake_of_form_is_refused_at_its_item(item: str) -> None:
    assert refused(f"input: [4]\nlayers:\n  {item}\n") == [f"$.{WRONG[item]}"]


@pytest.mark.parametrize(
    ("text", "at"),
    [
        ("input: [4]\n", "$"),
        ("layer: []\nlayers: []\n", "$"),
        ("input: [0]\nlayers: []\n", "$.input"),
        ("input: [4]\nlayers: []\nvars: {width: '3'}\n", "$.vars.width"),
        ("input: [4]\nlayers: []\nblocks: {Conv(a): []}\n", "$.blocks"),
        ("input: [4]\nlayers: []\nvariants: {wide: {layers: []}}\n", "$.variants.wide"),
        ("input: [4]\nlayers: []\nvariants: {wide: {train: {epoch: 3}}}\n", "$.variants.wide.train"),
        ("input: [4]\nlayers: []\nexpect: {param: 3}\n", "$.expect"),
        ("input: [4]\nlayers: []\ntrain: {data: MNIST, optimizer: SGD, loss: MSELoss, epochs: 1}\n", "$.train"),
    ],
)
def test_a_mistake_in_another_part_is_refused_where_it_stands(text: str, at: str) -> None:
    assert refused(text) == [at]


@pytest.mark.slow
def test_at_least_95_of_100_random_mistakes_of_form_are_refused() -> None:
    """In small specs; `python -m tests.schema` tries more, in all of them."""
    number, admitted = shares(range(300), small_specs)
    assert number > 60
    assert sum(map(len, admitted.values())) <= 0.05 * number, admitted


def test_what_a_thing_is_and_takes_stands_beside_it() -> None:
    made: dict[str, Any] = schema()["definitions"]
    convolution = made["layer.Conv2d"]
    assert convolution["description"].startswith("(in_channels, H, W) → (out_channels, H', W')")
    arguments = next(form for form in convolution["anyOf"] if form.get("type") == "object")
    assert arguments["properties"]["kernel_size"]["description"] == "an integer ≥ 1 or a list of 2; required"
    assert arguments["required"] == ["out_channels", "kernel_size"]
    assert "optimizer" in made["recipe"]["properties"]
    assert made["recipe"]["properties"]["epochs"]["description"].endswith("an integer ≥ 1; required.")


@pytest.mark.slow
def test_the_command_writes_it_with_the_layers_of_plugins(tmp_path: Path) -> None:
    plain, own = tmp_path / "plain.json", tmp_path / "own.json"
    run = program("schema", "-o", str(plain), cwd=ROOT)
    assert (run.returncode, run.stdout) == (0, "")
    assert run.stderr == f"wrote {plain}; the first line of a spec names it: # yaml-language-server: $schema={plain}\n"
    assert json.loads(plain.read_text(encoding="utf-8")) == schema()
    assert json.loads(program("schema", cwd=ROOT).stdout) == schema()
    assert program("schema", "-o", str(own), "--plugin", "tests.plugged", cwd=ROOT).returncode == 0
    spec = data("layers: [SquaredReLU, ChannelScale: 0.5]\n")
    assert not Draft7Validator(schema()).is_valid(spec)
    assert Draft7Validator(json.loads(own.read_text(encoding="utf-8"))).is_valid(spec)
    run = program("schema", "-o", str(tmp_path / "missing" / "s.json"), cwd=ROOT)
    assert (run.returncode, run.stderr.startswith("error[wrong-usage]: ")) == (2, True)


def test_a_new_spec_names_its_schema_in_its_first_line(tmp_path: Path) -> None:
    (tmp_path / "deep" / "er").mkdir(parents=True)
    (tmp_path / "deep" / "netspec.json").write_text("{}")
    for name, file in (
        ("mine", "deep/netspec.json"),
        ("deep/x", "deep/netspec.json"),
        ("deep/er/y", "deep/netspec.json"),
    ):
        assert program("new", name, "--schema", file, cwd=tmp_path).returncode == 0
    assert program("new", "--from", "lenet", "--schema", "https://example.org/s.json", cwd=tmp_path).returncode == 0
    for name, address in (
        ("mine", "deep/netspec.json"),
        ("deep/x", "netspec.json"),
        ("deep/er/y", "../netspec.json"),
        ("lenet", "https://example.org/s.json"),
    ):
        text = (tmp_path / f"{name}.yaml").read_text(encoding="utf-8")
        assert text.splitlines()[0] == f"# yaml-language-server: $schema={address}"
        assert program("check", f"{name}.yaml", cwd=tmp_path).returncode == 0
    run = program("new", "other", "--schema", "a b.json", cwd=tmp_path)
    assert (run.returncode, (tmp_path / "other.yaml").exists()) == (2, False)
    assert "cannot stand in the line by which editors find a schema" in run.stderr
    run = program("new", "other", "--schema", "deep/s.json", cwd=tmp_path)
    assert (run.returncode, (tmp_path / "other.yaml").exists()) == (2, False)
    assert "--schema deep/s.json: there is no such file; `netspec schema -o deep/s.json` writes it" in run.stderr
