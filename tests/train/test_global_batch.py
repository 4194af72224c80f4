"""`global_batch`: the examples of an optimizer step, whatever the batches are that memory has room for."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import torch
from safetensors.torch import load_file

import netspec
from netspec.compiler import check_source
from netspec.text.source import decode
from netspec.trainer.machine.processes import World
from netspec.trainer.run.sameness import identity
from netspec.trainer.setup.assembly import assemble
from netspec.trainer.setup.memory import _told
from netspec.trainer.setup.options import Options
from tests.train.small_runs import PLAIN, finish, run_until, small_net, whole_state

if TYPE_CHECKING:
    from pathlib import Path


def findings(lines: str) -> list[tuple[str, str, str | None]]:
    text = PLAIN.replace("  batch_size: 8\n", lines)
    return [(d.code, d.message, d.help) for d in check_source(*decode(text.encode(), "net.yaml"))]


def test_it_says_how_many_batches_a_step_has() -> None:
    for size, count in ((32, 1), (8, 4), (1, 32)):
        recipe = small_net(PLAIN, batch_size=size, global_batch=32).recipe
        assert recipe is not None and recipe.accumulate == count
    assert small_net(PLAIN).recipe.accumulate == 1  # type: ignore[union-attr]


@pytest.mark.slow
def test_the_steps_are_the_same_whatever_the_batches(tmp_path: Path) -> None:
    weights = []
    for size in (12, 4, 2):
        result = finish(small_net(PLAIN, batch_size=size, global_batch=12), tmp_path / str(size))
        assert [record.step for record in result.records] == [3, 6, 9]
        weights.append(load_file(tmp_path / str(size) / "model.safetensors"))
    for other in weights[1:]:
        for key, value in other.items():
            torch.testing.assert_close(value, weights[0][key], rtol=1e-4, atol=1e-6)


def test_what_does_not_divide_is_refused_with_both_numbers_and_what_to_write() -> None:
    (found,) = findings("  batch_size: 96\n  global_batch: 256\n")
    assert found == (
        "recipe-conflict",
        "`global_batch: 256` is no whole number of batches: 256 = 2 × `batch_size: 96` + 64",
        "write `batch_size: 64`, or `global_batch: 288`",
    )
    for mended in ("  batch_size: 64\n  global_batch: 256\n", "  batch_size: 96\n  global_batch: 288\n"):
        assert findings(mended) == []
    (found,) = findings("  batch_size: 96\n  global_batch: 32\n")
    assert found[2] == "write `batch_size: 32`, or `global_batch: 96`"
    (found,) = findings("  batch_size: 64\n  global_batch: 256\n  accumulate: 2\n")
    assert found[1] == "`global_batch: 256` is 4 × `batch_size: 64`, but `accumulate` says 2"
    assert findings("  batch_size: 64\n  global_batch: 256\n  accumulate: 4\n") == []
    (found,) = findings("  batch_size: 8\n  effective_batch_size: 16\n")
    assert found[2] == "did you mean `global_batch`?"


@pytest.mark.slow
def test_the_run_keeps_it_and_it_is_the_same_run_as_with_accumulate(tmp_path: Path) -> None:
    net, other = small_net(PLAIN, batch_size=4, global_batch=8), small_net(PLAIN, batch_size=4, accumulate=2)
    finish(net, tmp_path / "whole")
    assert "global_batch: 8" in (tmp_path / "whole" / "spec.yaml").read_text()
    assert netspec.load(tmp_path / "whole" / "spec.yaml").recipe == net.recipe
    smaller = netspec.load(tmp_path / "whole" / "spec.yaml", set={"train.batch_size": 2}).recipe
    assert smaller is not None and smaller.accumulate == 4
    run_until(net, tmp_path / "run", 7)
    finish(other, tmp_path / "run")
    assert whole_state(tmp_path / "run") == whole_state(tmp_path / "whole")
    assert net.recipe is not None and other.recipe is not None
    assert identity(net, net.recipe, "", 1, None) == identity(other, other.recipe, "", 1, None)


@pytest.mark.parametrize(("settings", "said"), [({}, "train.accumulate"), ({"global_batch": 16}, "`global_batch: 16`")])
def test_out_of_memory_advises_a_batch_that_divides_it(settings: dict[str, int], said: str) -> None:
    told = _told(assemble(small_net(PLAIN, **settings), Options(), World(), "cpu"), "no more")
    assert said in told and ("should fit" in told)
