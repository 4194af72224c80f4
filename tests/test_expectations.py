"""`expect:` in a spec: what holds is silent, what does not is an error with both numbers at the place of the bound."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

import netspec
from netspec.cli import cli
from netspec.compiler import check_source, compile_source
from netspec.cost import estimate
from netspec.diagnostics import Diagnostic
from netspec.text.source import Source
from netspec.views.describe import bytes_of, bytes_text
from tests.commands import invoke

LENET = (Path(__file__).parent.parent / "specs" / "lenet.yaml").read_text(encoding="utf-8")
MLP = "name: mlp\ninput: [784]\nvars: {width: 64}\nlayers: [Linear: width, ReLU, Linear: 10]\n"
TWO = "name: two\ninput: [4]\nlayers: [Linear: 8, ReLU]\noutput: {kind: [Linear: 3], size: [Linear: 1]}\n"
PAIR = "name: pair\ninput: [4]\nlayers: [{Linear: 8, as: a}, {Linear: 3, as: b}]\noutput: [a, b]\n"
ALIKE = PAIR.replace("Linear: 3", "Linear: 8")
MAPS = "name: maps\ninput: [3, H, W]\nlayers: [Conv2d: {out_channels: 8, kernel_size: 3}, ReLU]\n"


def found(text: str) -> list[Diagnostic]:
    return check_source(Source("spec.yaml", text))


@pytest.mark.parametrize(
    ("spec", "expectation"),
    [
        (MLP, "params: 50_890"),
        (MLP, "params: {exactly: 50890}"),
        (MLP, "params: {at_most: 50_890, at_least: 50_890}"),
        (MLP, "trainable_params: {at_least: 5e4}"),
        (MLP, "macs: {at_most: 50_816}"),
        (MLP, "params: width * 794 + 74"),
        (MLP, "output: [10]"),
        (MLP, "output: 10"),
        (MLP, "memory: {batch: 128, at_most: 1 GiB, precision: bf16, optimizer: Adam, device: cpu}"),
        (MLP, "params:"),
        (TWO, "output: {kind: [3]}"),
        (TWO, "output: {kind: [3], size: 1}"),
        (MAPS, "params: 224"),
        (PAIR, "output: [[8], [3]]"),
        (PAIR, "output: [[8], 3]"),
        (ALIKE, "output: [[8], [8]]"),
        (ALIKE, "output: [8]"),
    ],
)
def test_what_holds_is_silent(spec: str, expectation: str) -> None:
    assert found(f"{spec}expect:\n  {expectation}\n") == []


class Unmet(NamedTuple):
    spec: str
    expectation: str
    code: str
    message: str
    at: str
    """What is marked."""


@pytest.mark.parametrize(
    "case",
    [
        Unmet(MLP, "params: {at_most: 50_000}", "expectation-unmet",
              "`mlp` has 50,890 parameters, but at most 50,000 are expected: 890 too many", "50_000"),
        Unmet(MLP, "params: {at_least: 1e6}", "expectation-unmet",
              "`mlp` has 50,890 parameters, but at least 1,000,000 are expected: 949,110 too few", "1e6"),
        Unmet(MLP, "macs: 50_817", "expectation-unmet",
              "`mlp` has 50,816 multiply-accumulates for one example, but 50,817 are expected: 1 too few", "50_817"),
        Unmet(MLP, "output: [10, 1]", "expectation-unmet", "the output of `mlp` is 10, but 10 × 1 is expected",
              "[10, 1]"),
        Unmet(TWO, "output: {size: [2]}", "expectation-unmet",
              "output `size` of `two` is 1, but 2 is expected", "[2]"),
        Unmet(TWO, "output: {sise: [1]}", "unknown-output",
              "`two` has no output `sise`: there are `kind`, `size`", "sise"),
        Unmet(TWO, "output: [3]", "wrong-form", "`two` has 2 outputs: name each with its shape", "[3]"),
        Unmet(PAIR, "output: [3]", "wrong-form", "the output of `pair` is 2 tensors, but one shape stands here", "[3]"),
        Unmet(PAIR, "output: [[8], [3], [1]]", "wrong-form",
              "the output of `pair` is 2 tensors, but 3 shapes stand here", "[[8]"),
        Unmet(PAIR, "output: [[8], [4]]", "expectation-unmet",
              "tensor 1 of the output of `pair` is 3, but 4 is expected", "[4]"),
        Unmet(MLP, "output: [[10], [1]]", "wrong-form", "the output of `mlp` is 1 tensor, but 2 shapes stand here",
              "[[10]"),
        Unmet(MLP, "macs: {}", "invalid-argument", "`macs: {}` says nothing", "{}"),
        Unmet(MLP, "flops: 9", "unknown-key", "nothing called `flops` can be expected", "flops"),
        Unmet(MLP, "output: {y: [10]}", "unknown-output", "`mlp` has no output `y`: its output has no name", "y"),
        Unmet(MAPS, "output: [8, 30, 30]", "needs-number",
              "the output of `maps` is 8 × (H - 2) × (W - 2), which depends on the symbols of the input",
              "[8, 30, 30]"),
        Unmet(MAPS, "memory: {batch: 8, at_most: 1 GiB}", "needs-number",
              "the memory of training is a formula, which depends on the symbols of the input",
              "{batch: 8, at_most: 1 GiB}"),
        Unmet(MLP, "memory: 1 GiB", "missing-argument", "`memory` needs `batch`: there is no recipe that says it",
              "memory"),
        Unmet(MLP, "memory: {batch: 8, at_most: 5 apples}", "invalid-argument",
              "`at_most` of `memory` wants a size such as 8 GiB or 500 MB, not '5 apples'", "5 apples"),
        Unmet(MLP, "memory: {batch: 8, at_most: 1 GiB, optimizer: Sgd}", "unknown-optimizer",
              "there is no optimizer `Sgd` whose memory is known; did you mean `SGD`?", "Sgd"),
        Unmet(MLP, "parms: 4", "unknown-key", "nothing called `parms` can be expected", "parms"),
        Unmet(MLP, "params: 5M", "invalid-argument",
              "`exactly` of `params` wants a whole number of at least 0, such as 5_000_000 or 6e8, and `5M` is no "
              "number",
              "5M"),
        Unmet(MLP, "params: -4", "invalid-argument",
              "`exactly` of `params` wants a whole number of at least 0, such as 5_000_000 or 6e8, not -4", "-4"),
        Unmet(MLP, "params: 0.5", "invalid-argument",
              "`exactly` of `params` wants a whole number of at least 0, such as 5_000_000 or 6e8, not 0.5", "0.5"),
        Unmet(MLP, "params: {at_least: 5, at_most: 4}", "invalid-argument",
              "`params`: no number is at least 5 and at most 4", "params"),
        Unmet(MLP, "params: {exactly: 5, at_most: 9}", "invalid-argument",
              "`params`: `exactly` stands alone: what is met exactly needs no bounds", "params"),
    ],
)  # fmt: skip
def test_what_does_not_hold_is_told_with_both_numbers(case: Unmet) -> None:
    text = f"{case.spec}expect:\n  {case.expectation}\n"
    (d,) = found(text)
    assert (d.code, d.message) == (case.code, case.message)
    line = text.splitlines()[d.span.line - 1]
    assert line[d.span.column - 1 :].startswith(case.at)


@pytest.mark.parametrize(("text", "number"), [("5M", "5_000_000"), ("2.5k", "2_500"), ("7B", "7_000_000_000")])
def test_a_number_of_thousands_and_more_is_written_out(text: str, number: str) -> None:
    (d,) = found(f"{MLP}expect: {{params: {{at_most: {text}}}}}\n")
    assert d.help == f"write `at_most: {int(number)}`"
    assert [d.code for d in found(f"{MLP}expect: {{params: {{at_most: {int(number)}}}}}\n")] in (
        [],
        ["expectation-unmet"],
    )


def test_the_help_for_a_shape_of_several_can_be_pasted() -> None:
    for wrong in ("output: [3]", "output: [[8], [3], [1]]"):
        (d,) = found(f"{PAIR}expect: {{{wrong}}}\n")
        assert d.help == "write `output: [[8], [3]]`, a shape for each"
    (d,) = found(f"{MLP}expect: {{output: [[10], [1]]}}\n")
    assert d.help == "write `output: [10]`"


@pytest.mark.parametrize(("word", "own"), [("max", "at_most"), ("minimum", "at_least"), ("equals", "exactly")])
def test_another_word_for_a_bound_is_mended(word: str, own: str) -> None:
    d = next(d for d in found(f"{MLP}expect: {{params: {{{word}: 50_890}}}}\n") if d.code == "unknown-argument")
    assert d.fix is not None
    assert [edit.text for edit in d.fix.edits] == [own]


def test_a_variant_may_expect_nothing() -> None:
    text = f"{MLP}expect: {{params: 1}}\nvariants: {{free: {{expect: null}}, bare: {{expect: {{params: null}}}}}}\n"
    source = Source("spec.yaml", text)
    assert [d.code for d in compile_source(source).diagnostics] == ["expectation-unmet"]
    for variant in ("free", "bare"):
        assert compile_source(source, variant=variant).diagnostics == []


def test_a_layer_without_a_share_is_not_among_those_that_weigh_most() -> None:
    text = "input: [784]\nlayers: [Linear: 300, BatchNorm1d, ReLU]\nexpect: {params: {at_most: 9}}\n"
    (d,) = (d for d in found(text) if d.code == "expectation-unmet")
    assert [r.message for r in d.related] == ["235,500, 100 %"]


def test_expect_is_a_mapping() -> None:
    (d,) = found(f"{MLP}expect: 50_890\n")
    assert d.code == "wrong-form"
    assert d.message == "`expect` is a mapping: `params`, `trainable_params`, `macs`, `memory`, `output`"


def test_the_layers_that_weigh_most_are_marked_once_for_each_place() -> None:
    nine = "input: [64]\nlayers:\n  - Linear: 64\n    repeat: 9\n  - ReLU\n  - Linear: 10\n"
    text = nine + "expect: {params: {at_most: 9}}\n"
    (d,) = (d for d in found(text) if d.code == "expectation-unmet")
    assert [(r.span.line, r.message) for r in d.related] == [
        (3, "37,440, 98 %, in 9 layers from here"),
        (6, "650, 2 %"),
    ]


@given(
    batch=st.integers(1, 4096), optimizer=st.sampled_from(["SGD", "Adam", "Adafactor"]), off=st.sampled_from([-1, 0])
)
def test_memory_is_what_the_estimate_says_to_the_byte(batch: int, optimizer: str, off: int) -> None:
    cost = estimate(netspec.loads(MLP), batch, "fp32", optimizer)
    at_most = f"{{batch: {batch}, optimizer: {optimizer}, at_most: {cost.peak + off} B}}"
    unmet = found(f"{MLP}expect: {{memory: {at_most}}}\n")
    assert [d.code for d in unmet] == (["expectation-unmet"] if off else [])
    for d in unmet:
        assert bytes_text(cost.peak) in d.message and f"a batch of {batch} in fp32 by {optimizer}" in d.message


def test_memory_is_that_of_the_recipe_where_it_is_not_said() -> None:
    net = netspec.loads(LENET)
    assert net.recipe is not None
    cost = estimate(net, net.recipe.batch_size, net.recipe.precision or "fp32", net.recipe.optimizer.name(),
                    arguments=net.recipe.optimizer.model_dump())  # fmt: skip
    assert found(f"{LENET}expect: {{memory: {cost.peak} B}}\n") == []
    (d,) = found(f"{LENET}expect: {{memory: {cost.peak - 1} B}}\n")
    assert f"a batch of {net.recipe.batch_size} " in d.message


def test_a_variant_replaces_what_it_names() -> None:
    text = (
        "name: mlp\ninput: [784]\nvars: {width: 64}\nlayers: [Linear: width, ReLU, Linear: 10]\n"
        "variants:\n  wide: {width: 128, expect: {params: 101_770}}\n  other: {width: 32, expect: {params: }}\n"
        "  wrong: {width: 65}\nexpect: {params: 50_890, output: [10]}\n"
    )
    (d,) = found(text)
    assert d.message == "`mlp-wrong` has 51,685 parameters, but 50,890 are expected: 795 too many"
    assert d.span.line == 9 and any("variant `wrong`" in r.message for r in d.related)


def test_every_command_holds_it_and_what_is_set_is_held_too(tmp_path: Path) -> None:
    spec = tmp_path / "mlp.yaml"
    spec.write_text(f"{MLP}expect: {{params: {{at_most: 60_000}}}}\n")
    assert invoke(cli, "compile", "--no-write", str(spec)).return_value == 0
    for command in (["compile", "--no-write"], ["check"]):
        result = invoke(cli, *command, str(spec), "--set", "width=128")
        assert result.return_value == 1
        assert "`mlp` has 101,770 parameters, but at most 60,000 are expected" in result.stdout + result.stderr
    with pytest.raises(netspec.SpecError, match="at most 60,000 are expected"):
        netspec.load(spec, set={"width": 128})


def test_nothing_is_held_against_a_network_that_has_mistakes() -> None:
    text = MLP.replace("Linear: 10", "Linear: {in_features: 63, out_features: 10}") + "expect: {params: 1}\n"
    assert [d.code for d in found(text)] == ["width-mismatch"]
    assert compile_source(Source("spec.yaml", MLP + "expect: {output: [3]}\n")).net is not None


@pytest.mark.parametrize(
    ("text", "count"),
    [("1", 1), ("8 GiB", 8 * 1024**3), ("8gib", 8 * 1024**3), ("500MB", 500_000_000), ("1.5 K", 1500), ("2TI", 2 << 40),
     ("8 G iB", None), ("", None), ("-1", None), ("1e9", None), ("8 PiB", None)],
)  # fmt: skip
def test_sizes(text: str, count: int | None) -> None:
    assert bytes_of(text) == count


def test_what_is_only_not_as_expected_can_be_looked_at(tmp_path: Path) -> None:
    (tmp_path / "fat.yaml").write_text(f"{MLP}expect: {{params: {{at_most: 9}}}}\n")
    fat, out = str(tmp_path / "fat.yaml"), tmp_path / "out"
    compiled = invoke(cli, "compile", fat, "--batch", 8, "-o", out)
    assert (compiled.return_value, out.exists()) == (1, False)
    assert "3 layers" in compiled.stdout
    assert "peak of a training step" in compiled.stdout
    drawn = invoke(cli, "draw", fat, "-o", tmp_path / "fat.svg")
    assert (drawn.return_value, (tmp_path / "fat.svg").exists()) == (0, True)
    compared = invoke(cli, "compare", fat, fat, "--set", "width=32")
    assert compared.return_value == 0
    for run in (compiled, drawn, compared):
        assert "but at most 9 are expected" in run.stderr
    assert isinstance(invoke(cli, "train", fat, "--dry-run").exception, netspec.SpecError)
