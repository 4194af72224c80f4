"""A step that is recorded and replayed is the step, to the bit, and it never asks the host for a value."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode

from netspec.net import Net
from netspec.trainer.machine.processes import World
from netspec.trainer.setup.assembly import assemble
from netspec.trainer.setup.options import Options
from netspec.trainer.setup.trainer import Trainer
from netspec.trainer.step.feed import Phase
from tests.train.small_runs import EVERYTHING, PLAIN, finish, small_net, whole_state

pytestmark = pytest.mark.usefixtures("replay")

RECIPES: dict[str, dict[str, Any]] = {
    "everything": {},
    "adam": {"optimizer": {"AdamW": {"lr": 0.01}}, "ema": {"decay": 0.9, "every": 2, "warmup": True}},
    "accumulate": {"accumulate": 3, "mixup": 0.0, "cutmix": 1.0},
    "smoothing": {"loss": {"CrossEntropyLoss": {"label_smoothing": 0.1}}, "clip_grad_value": 0.1, "ema": None},
    "groups": {"no_decay": ["norm", "bias"], "groups": [{"parameters": ["Linear"], "lr": 0.01}]},
    "weights": {"loss": {"CrossEntropyLoss": {"weight": [0.1, 1.0, 5.0, 0.2]}}, "accumulate": 2},
    "ignored": {"loss": {"CrossEntropyLoss": {"ignore_index": 2}}, "optimizer": {"AdamW": {"lr": 0.01}}},
    "bf16": {"precision": "bf16"},
    "fp16": {"precision": "fp16"},
}


@pytest.mark.slow
@pytest.mark.parametrize("name", RECIPES)
def test_replayed_steps_equal_eager_steps_to_the_bit(name: str, tmp_path: Path) -> None:
    net = small_net(EVERYTHING, epochs=2, **RECIPES[name])
    finish(net, tmp_path / "eager", driver="eager")
    finish(net, tmp_path / "replay", driver="replay")
    assert whole_state(tmp_path / "eager") == whole_state(tmp_path / "replay")


def test_replay_runs_no_python_of_the_model(tmp_path: Path) -> None:
    """Otherwise it would be no replay: after the recording the forward pass is never called again."""
    trainer = assemble(small_net(EVERYTHING), Options(driver="replay"), World(), "cpu")
    calls: list[int] = []
    trainer.model.register_forward_hook(lambda *_: calls.append(1))
    for number, batch in zip(range(8), trainer.batches(0, 0), strict=False):
        trainer.driver(trainer.buffers(batch, number, (0.7, 0.7, 0.0, 0.0, 0.0, 0.0)), Phase(average=True))
    assert len(calls) == 3


class NoReads(TorchDispatchMode):
    """Refuses every operation that brings a value to the host."""

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if func in (torch.ops.aten._local_scalar_dense.default, torch.ops.aten.is_nonzero.default):
            raise AssertionError(f"{func} reads a value back to the host")
        return func(*args, **(kwargs or {}))


def _one_step(net: Net, mix: tuple[float, ...] = ()) -> tuple[Trainer, Any]:
    trainer = assemble(net, Options(), World(), "cpu")
    return trainer, trainer.buffers(next(trainer.batches(0, 0)), 0, mix)


@pytest.mark.parametrize("name", RECIPES)
def test_no_step_reads_a_value_back_to_the_host(name: str) -> None:
    trainer, buffers = _one_step(small_net(EVERYTHING, **RECIPES[name]), (0.7, 0.7, 0.0, 2.0, 0.0, 2.0))
    with NoReads():
        trainer.step(buffers, Phase(average=True))
        trainer.step(buffers, Phase(average=True))


@pytest.mark.parametrize("kind", ["SGD", "Adam", "AdamW", "Adagrad"])
def test_no_fused_optimiser_reads_a_value_back_to_the_host(kind: str) -> None:
    trainer, buffers = _one_step(small_net(PLAIN, optimizer={kind: {"lr": 0.1}}))
    assert trainer.optimization.fused
    with NoReads():
        trainer.step(buffers)


def test_the_watch_for_reads_sees_one() -> None:
    with pytest.raises(AssertionError, match="reads a value"), NoReads():
        torch.ones(()).item()


def test_looking_at_metrics_waits_for_the_epochs_end_or_the_monitor() -> None:
    """A whole epoch with its batches and schedule reads nothing: reads are the monitor's, every sixteenth step."""
    trainer = assemble(small_net(EVERYTHING), Options(), World(), "cpu")
    with NoReads():
        for number, batch in enumerate(trainer.batches(0, 0)):
            phase = trainer.phase(number, number)
            trainer.driver(trainer.buffers(batch, number, trainer.draw_mix()), phase)
            trainer.schedule.after_step()


def test_a_driver_that_cannot_follow_the_recipe_says_why_and_runs_eagerly() -> None:
    for settings, words in (
        ({"optimizer": {"RMSprop": {"lr": 0.01}}}, "RMSprop keeps its learning rate on the host"),
        (
            {"optimizer": {"SGD": {"lr": 0.01, "momentum": 0.9}}, "scheduler": {"OneCycleLR": {"max_lr": 0.1}}},
            "momentum",
        ),
    ):
        trainer = assemble(small_net(PLAIN, **settings), Options(driver="replay"), World(), "cpu")
        assert trainer.driver.name == "eager"
        assert words in (trainer.driver.reason or "")


@pytest.mark.skipif(torch.cuda.is_available(), reason="the message for machines without a GPU")
def test_a_graph_without_a_gpu_says_why_it_is_none() -> None:
    trainer = assemble(small_net(PLAIN), Options(driver="graph"), World(), "cpu")
    assert (trainer.driver.name, trainer.driver.reason) == ("eager", "CUDA graphs need an NVIDIA GPU")


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs an NVIDIA GPU")
@pytest.mark.parametrize("name", [n for n in RECIPES if n != "fp16"])
def test_graph_steps_equal_eager_steps_on_a_gpu(name: str, tmp_path: Path) -> None:
    net = small_net(EVERYTHING.replace("  - Dropout: 0.3\n", ""), epochs=2, **RECIPES[name])
    for driver in ("eager", "graph"):
        finish(net, tmp_path / driver, driver=driver, device="cuda", deterministic=True)
    assert whole_state(tmp_path / "eager")["model"] == whole_state(tmp_path / "graph")["model"]
