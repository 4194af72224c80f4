"""`netspec explain` explains every name that a spec may use, and its examples compile."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from netspec.cli import cli
from netspec.cli.explain import explain
from netspec.codes import CODES
from netspec.combinators import COMBINATORS
from netspec.compiler import check_source
from netspec.diagnostics import Defect, DoesNotFit, MissingExtra, NetspecError, ResourceError, UsageError
from netspec.expressions import parse
from netspec.expressions.functions import FUNCTIONS
from netspec.initializers import FUNCTIONS as INITIALIZERS
from netspec.language.glossary import EXPLAINED
from netspec.language.reading import KEYS
from netspec.language.reserved import OVERRIDDEN, RESERVED
from netspec.layers import MODULE_OF, UNOFFERED
from netspec.recipe.read import KEYS as RECIPE_KEYS
from netspec.recipe.vocabulary import OWN as WORDS_OF_RECIPES
from netspec.text.source import decode

ROOT = Path(__file__).parent.parent
SPECS = {name: word.example for name, word in EXPLAINED.items() if word.value is None}


def test_every_word_of_the_language_is_explained() -> None:
    assert (set(KEYS) | set(COMBINATORS) | set(RESERVED) | set(FUNCTIONS)) - set(EXPLAINED) == set()


@pytest.mark.parametrize("name", SPECS)
def test_the_example_of_a_word_is_a_spec_without_mistakes_that_uses_it(name: str) -> None:
    source, problems = decode(SPECS[name].encode(), "example.yaml")
    assert [(d.code, d.message) for d in check_source(source, problems)] == []
    assert re.search(rf"\b{name}\b", SPECS[name])


@pytest.mark.parametrize("name", [name for name in EXPLAINED if name not in SPECS])
def test_the_example_of_a_function_has_the_value_that_it_claims(name: str) -> None:
    word = EXPLAINED[name]
    assert re.search(rf"\b{name}\(", word.example)
    value = parse(word.example).evaluate({})
    assert value == word.value and type(value) is type(word.value)


@pytest.mark.parametrize("name", [*EXPLAINED, *INITIALIZERS])
def test_an_explanation_of_a_word_begins_with_it_and_fits_a_terminal(name: str) -> None:
    text = explain(name)
    assert text.startswith(f"{name} (")
    assert max(map(len, text.splitlines())) <= 80


def test_a_name_of_two_things_gets_both_explanations() -> None:
    text = explain("freeze")
    assert "freeze (option of an item)" in text and "freeze (key of a recipe)" in text


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("Adma", "Adam"),
        ("FashonMNIST", "FashionMNIST"),
        ("flaten", "Flatten"),
        ("Conv2", "Conv2d"),
        ("batchsize", "batch_size"),
        ("Drop", "Dropout"),
        ("repaet", "repeat"),
        ("width-mismach", "width-mismatch"),
        ("CrossEntropyLos", "CrossEntropyLoss"),
        ("kaiming_normal", "kaiming_normal_"),
    ],
)
def test_a_misspelt_name_is_answered_with_the_one_that_was_meant(written: str, meant: str) -> None:
    with pytest.raises(UsageError, match=rf"did you mean `{meant}`\?"):
        explain(written)


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("lstm", "LSTM"),
        ("RELU", "ReLU"),
        ("sgd", "SGD"),
        ("Residual", "residual"),
        ("Width-Mismatch", "width-mismatch"),
    ],
)
def test_a_name_in_another_case_is_explained(written: str, meant: str) -> None:
    assert explain(written) == explain(meant)


def test_what_resembles_nothing_is_answered_with_where_to_look() -> None:
    with pytest.raises(UsageError, match="`netspec explain` lists what there is"):
        explain("xyzzyq")


def test_without_a_name_everything_is_listed(capsys: pytest.CaptureFixture[str]) -> None:
    cli.main(["explain"], standalone_mode=False)
    listed = set(re.findall(r"[\w-]+", capsys.readouterr().out))
    assert {*MODULE_OF, *CODES, *EXPLAINED, *WORDS_OF_RECIPES.names, *RECIPE_KEYS, *INITIALIZERS} - listed == set()


def test_a_layer_that_is_not_offered_says_why() -> None:
    name = next(iter(UNOFFERED))
    assert explain(name).startswith(f"{name} is a layer of torch.nn that netspec does not offer: ")


@pytest.mark.needs_torch
def test_the_page_of_commands_has_every_exit_status_of_an_error() -> None:
    from netspec.trainer.errors import Interrupted, NonFinite

    page = (ROOT / "docs" / "commands.md").read_text(encoding="utf-8")
    listed = {int(status) for status in re.findall(r"^\| (\d+) \|", page, re.MULTILINE)}
    errors = (NetspecError, UsageError, MissingExtra, ResourceError, DoesNotFit, Defect, NonFinite, Interrupted)
    assert listed == {0, 130} | {error.exit_status for error in errors}


@pytest.mark.parametrize("name", [name for name in KEYS if name in RESERVED | {"init"}])
def test_a_key_of_a_spec_that_is_more_is_explained_as_both(name: str) -> None:
    text = explain(name)
    assert "key of a spec" in text
    if name not in OVERRIDDEN:
        assert "item" in text.splitlines()[0]


def test_output_is_explained_as_what_a_network_gives_and_as_what_a_block_gives() -> None:
    text = " ".join(explain("output").split())
    assert text.startswith("output (key of a spec, and item at the end of a block's body)")
    assert "what the network gives" in text and "what the block gives" in text and "{scores: [Linear: 10]" in text


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("nhead", "`nhead` is an argument of TransformerEncoderLayer, TransformerDecoderLayer and\nTransformer."),
        ("tgt_is_causal", "tgt_is_causal        true or false; false if left out"),
        ("kernel_size", "MaxPool2d and 14 more"),
        ("at_most", "expect (key of a spec)"),
        ("rope", "rotary (option of `attend`)"),
        ("deconvolution", "ConvTranspose2d (convolution)"),
        ("find-lr", "find-lr (command)\n\nPropose a learning rate: train while it rises"),
        ("sweep", "`netspec sweep --help` says what it takes."),
        ("balanced", "`balanced` is no key of a recipe: write `sampler: balanced`, which draws every"),
    ],
)
def test_an_argument_and_what_people_call_a_thing_are_explained(name: str, said: str) -> None:
    assert said in explain(name)


@pytest.mark.parametrize(
    ("name", "first"),
    [
        ("IoU", "JaccardIndex (metric)"),
        ("RMSE", "MeanSquaredError (metric)"),
        ("validation_r2", "R2Score (metric)"),
        ("MAE", "MeanAbsoluteError (metric)"),
        ("top5", "Accuracy (metric)"),
        ("balanced_accuracy", "Recall (metric)"),
        ("ce", "CrossEntropyLoss (loss)"),
    ],
)
def test_what_people_call_a_word_of_recipes_leads_to_it(name: str, first: str) -> None:
    assert explain(name).startswith(f"{first}\n")


def test_a_name_of_a_metric_and_of_a_loss_leads_to_both() -> None:
    text = explain("mse")
    assert text.startswith("MeanSquaredError (metric)\n") and "\n\n\nMSELoss (loss)\n" in text
