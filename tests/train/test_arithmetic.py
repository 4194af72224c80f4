"""What the precision decides: where losses are computed, which kernels update, how much is evaluated at once."""

from __future__ import annotations

import math
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from netspec.diagnostics import ResourceError
from netspec.trainer.jobs import tune
from netspec.trainer.jobs.dry_run import rehearse
from netspec.trainer.machine.processes import World
from netspec.trainer.setup.assembly import assemble
from netspec.trainer.setup.options import Options
from tests.train.small_runs import PLAIN, finish, small_net

ROOT = Path(__file__).parent.parent.parent
CPU = torch.device("cpu")


def switches() -> dict[str, Any]:
    """All that torch says of TF32, by its new switches and by its old ones; the error where one cannot be read."""
    backends: Any = torch.backends
    readers: dict[str, Callable[[], Any]] = {
        "matmul": lambda: backends.cuda.matmul.fp32_precision,
        "mkldnn": lambda: backends.mkldnn.matmul.fp32_precision,
        "conv": lambda: backends.cudnn.conv.fp32_precision,
        "rnn": lambda: backends.cudnn.rnn.fp32_precision,
        "old matmul": torch.get_float32_matmul_precision,
        "old cuBLAS": lambda: backends.cuda.matmul.allow_tf32,
        "old cuDNN": lambda: backends.cudnn.allow_tf32,
        "benchmark": lambda: backends.cudnn.benchmark,
    }
    found: dict[str, Any] = {}
    for name, read in readers.items():
        try:
            found[name] = read()
        except RuntimeError:
            found[name] = RuntimeError
    return found


SWITCHED = """
import os, sys, torch
from netspec.trainer.machine.device import Arithmetic, numerics
from tests.train.test_arithmetic import switches

def check(before):
    exec(before)
    was = switches()
    for precision in ("fp32", "tf32", "bf16"):
        with numerics(Arithmetic(torch.device("cuda"), precision, None)):
            now = switches()
        assert RuntimeError not in now.values(), now
        assert now["old cuBLAS"] == now["old cuDNN"] == (precision != "fp32"), now
        assert (now["matmul"] == "tf32") == (now["conv"] == "tf32") == (precision != "fp32"), now
        assert switches() == was, (was, switches())

for before in sys.argv[1:]:  # a child each, forked, so that no start costs an import
    if os.fork() == 0:
        check(before)
        os._exit(0)
    assert os.wait()[1] == 0, before
print(len(sys.argv[1:]), "checked")
"""

SETTINGS = [
    "",
    "torch.backends.cuda.matmul.fp32_precision = 'tf32'",
    "torch.backends.cuda.matmul.fp32_precision = 'ieee'; torch.backends.cudnn.conv.fp32_precision = 'ieee'",
    "torch.set_float32_matmul_precision('high')",
    "torch.set_float32_matmul_precision('medium'); torch.backends.cudnn.allow_tf32 = False",
]


@pytest.mark.slow
def test_the_switches_of_tf32_agree_within_a_run_and_are_put_back() -> None:
    """torch.compile and Lightning read the old ones, which raise where only the new ones were set. The switches are
    there without a GPU, and the process's own, so each case has one."""
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", SWITCHED, *SETTINGS], cwd=ROOT, check=True, capture_output=True, text=True
    )
    assert done.stdout == f"{len(SETTINGS)} checked\n"


def test_a_loss_is_computed_outside_of_autocast() -> None:
    """Autocast forbids BCELoss on a GPU, and no loss gains from it."""
    seen: list[bool] = []
    trainer = assemble(small_net(PLAIN, precision="bf16"), Options(), World(), "cpu")

    (term,) = trainer.loss.terms
    term._module.register_forward_hook(lambda *_: seen.append(torch.is_autocast_enabled("cpu")))  # pyright: ignore[reportPrivateUsage]  # the module itself
    trainer.step(trainer.buffers(next(trainer.batches(0, 0)), 0, ()))
    assert seen == [False]


@pytest.mark.parametrize(
    "optimizer", [{"Adafactor": {"lr": 0.01}}, {"SGD": {"lr": 0.1, "momentum": 0.9, "dampening": 0.5}}, {"Rprop": {}}]
)
def test_fp16_trains_with_optimisers_whose_kernels_cannot_skip_a_step(optimizer: Any, tmp_path: Path) -> None:
    result = finish(small_net(PLAIN, precision="fp16", optimizer=optimizer), tmp_path / "run")
    assert all(math.isfinite(record.train_loss) for record in result.records)


def test_a_first_step_that_overflows_leaves_no_momentum_behind_that_nobody_wrote() -> None:
    net = small_net(PLAIN, precision="fp16", optimizer={"SGD": {"lr": 0.1, "momentum": 0.9, "dampening": 0.5}})
    trainer = assemble(net, Options(), World(), "cpu")
    assert trainer.step.scale is not None
    trainer.step.scale.scale.fill_(2.0**40)
    batches = trainer.batches(0, 0)
    trainer.step(trainer.buffers(next(batches), 0, ()))
    assert not trainer.optimization.optimizer.state
    trainer.step.scale.scale.fill_(256.0)
    trainer.step(trainer.buffers(next(batches), 1, ()))
    for parameter, state in trainer.optimization.optimizer.state.items():
        assert torch.equal(state["momentum_buffer"], parameter.grad)  # the first, undamped


def test_evaluation_takes_larger_batches_of_small_examples_on_a_gpu_alone() -> None:
    trainer = assemble(small_net(PLAIN), Options(), World(), "cpu")
    assert trainer.evaluation_batch == 8
    trainer.arithmetic = replace(trainer.arithmetic, device=torch.device("cuda"))  # a name, no tensor goes there
    assert trainer.evaluation_batch == 32
    trainer.recipe = trainer.recipe._replace(batch_size=2**15)
    assert trainer.evaluation_batch == 2**15


def test_what_cannot_be_timed_says_why(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(_: Any) -> float:
        raise RuntimeError("no compiler\nmore lines")

    monkeypatch.setattr(tune, "seconds_per_step", fail)
    with pytest.raises(ResourceError, match=r"no choice could be timed:\n  channels first: no compiler\n"):
        tune.autotune(small_net(PLAIN), {"device": "cpu"})


def test_a_rehearsal_takes_the_precision_that_was_asked_for() -> None:
    assert ", bf16, eager steps" in rehearse(small_net(PLAIN), {"device": "cpu", "precision": "bf16"})
