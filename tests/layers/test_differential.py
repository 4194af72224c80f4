"""netspec and torch agree on generated configurations of every layer, on random chains, and on past disagreements.

`python -m tests.layers.differential` compares as many as wanted; this is the share of the ordinary test run.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from pathlib import Path

import pytest

from netspec.layers import layer_class
from netspec.layers.deviations import REFUSED
from tests.layers.differential import (
    REGRESSIONS,
    Tally,
    chain_disagreement,
    chain_of,
    chain_yaml,
    compare,
    compare_chains,
    disagreement,
    opinion,
    shrunk,
)
from tests.layers.excuses import EXCUSES
from tests.layers.generator import LAYERS, Config
from tests.layers.values import fields_of

CONFIGS, CHAINS, SEED = 200, 1000, 0

SHOWN = {
    "another rank": Config("MaxPool2d", {"kernel_size": 2}, (5, 5)),
    "the batch axis": Config("Softmax", {"dim": 0}, (5,)),
    "nothing left": Config("ZeroPad1d", {"padding": (-2, 0)}, (3, 2)),
    "a size below 1": Config("UpsamplingNearest2d", {"size": 3, "scale_factor": 0}, (1, 2, 2)),
    "a stated width that is wrong": Config("InstanceNorm1d", {"num_features": 4}, (3, 5)),
    "no dim": Config("Softmax", {}, (5,)),
    "integers": Config("ReLU", {}, (5,), "int64"),
    "lists of another length": Config("MaxPool2d", {"kernel_size": (2,)}, (1, 4, 4)),
    "negative padding": Config("ReplicationPad1d", {"padding": -1}, (1, 5)),
    "negative eps": Config("LayerNorm", {"eps": -1.0}, (5,)),
    "numbers of another kind": Config(
        "Embedding", {"num_embeddings": 3, "embedding_dim": 2, "norm_type": "big"}, (4,), "int64"
    ),
    "numbers beyond float32": Config("LocalResponseNorm", {"size": 2, "k": 1e39}, (3, 5)),
    "arguments of `Identity`": Config("Identity", {"anything": 1}, (5,)),
    "undefined arguments": Config("Softplus", {"beta": 0}, (5,)),
    "dropout without a place": Config("GRU", {"hidden_size": 2, "dropout": 0.5}, (4, 3)),
}
"""One configuration for each row of the table of deviations."""


@pytest.fixture(autouse=True)
def quiet() -> Iterator[None]:
    """Torch warns of much that is tried here."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


@pytest.mark.parametrize("name", LAYERS)
def test_generated_configurations(name: str) -> None:
    """Same verdict, shape, dtype, parameters and buffers, on legal and on illegal configurations."""
    tally = compare(name, CONFIGS, SEED)
    found = [f"{message}\n{chain_yaml([shrunk(config)])}" for config, message in tally.found[:3]]
    assert not found, "\n".join(found)
    _is_a_fair_sample(name, tally)


def _is_a_fair_sample(name: str, tally: Tally) -> None:
    """At least 30 % illegal for torch and 20 % legal, and every argument away from its default in at least 20 %."""
    if name != "Identity":  # which nothing offends
        assert tally.rejected >= 0.3 * CONFIGS
    assert tally.accepted >= 0.2 * CONFIGS
    for argument, kind in fields_of(layer_class(name)).items():
        if not kind.startswith(("BatchFirst", "Literal['zeros']")):  # which have no other value
            assert tally.changed[argument] >= 0.2 * CONFIGS, argument


@pytest.mark.slow
def test_random_chains() -> None:
    """Chains of 5 to 30 layers, compiled from YAML and run on one real tensor from end to end."""
    accepted, rejected, found = compare_chains(CHAINS, SEED)
    assert not found, "\n".join(f"{message}\n{chain_yaml(chain)}" for chain, message in found[:3])
    assert accepted >= 0.5 * CHAINS
    assert rejected >= 0.05 * CHAINS


@pytest.mark.parametrize("path", sorted(REGRESSIONS.glob("*.yaml")), ids=lambda path: path.stem)
def test_a_past_disagreement_is_settled(path: Path) -> None:
    chain = chain_of(path.read_text())
    assert chain_disagreement(chain) is None


def test_there_is_an_excuse_for_each_row_of_the_table_and_no_other() -> None:
    assert list(EXCUSES) == list(REFUSED) == list(SHOWN)


@pytest.mark.parametrize("name", SHOWN)
def test_torch_accepts_what_the_table_of_deviations_says_and_netspec_refuses_it(name: str) -> None:
    config = SHOWN[name]
    message, verdict = disagreement(config)
    assert message is None
    assert verdict.accepted
    assert opinion(config).layer is None
    assert EXCUSES[name](config, verdict)
    others = [row for row, excuse in EXCUSES.items() if row != name and excuse(config, verdict)]
    assert not others, "one row is enough for one example"


def test_a_disagreement_is_found_and_shrinks(monkeypatch: pytest.MonkeyPatch) -> None:
    """The comparison can fail: with a rule that forgets the padding, the smallest case is a padded one."""
    from netspec.layers import convolution

    monkeypatch.setattr(convolution, "window_size", lambda n, k, s, p, d: (n - d * (k - 1) - 1) // s + 1)
    tally = compare("Conv1d", 100, SEED)
    assert tally.found
    smallest = shrunk(next(config for config, message in tally.found if message.startswith("wrong shape")))
    assert smallest.arguments == {"out_channels": 1, "kernel_size": 1, "padding": 1}
    assert smallest.shape == (1, 1)
