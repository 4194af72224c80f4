"""Train a spec in the workers of Ray Train: `python ray_train.py SPEC RUN [WORKERS]`.

The same call goes on with a run that was interrupted. On several machines, all of them share SPEC and RUN.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import ray
from ray.train import FailureConfig, RunConfig, ScalingConfig
from ray.train.torch import TorchTrainer

import netspec


def work(config: dict[str, Any]) -> None:
    """What each worker does: Ray has joined the processes to a group, which netspec uses."""
    net = netspec.load(config["spec"])
    result = netspec.train(net, run=config["run"], auto_resume=True, quiet=True, device=config["device"])
    ray.train.report({"train_loss": result.records[-1].train_loss})  # all workers must call it


def main(spec: str, run: str, workers: int = 2) -> None:
    """Start the workers, and again up to three times where one fails."""
    gpus = bool(ray.cluster_resources().get("GPU"))
    trainer = TorchTrainer(
        work,
        train_loop_config={
            "spec": str(Path(spec).absolute()),
            "run": str(Path(run).absolute()),
            "device": "cuda" if gpus else "cpu",
        },
        scaling_config=ScalingConfig(num_workers=workers, use_gpu=gpus),
        run_config=RunConfig(failure_config=FailureConfig(max_failures=3)),
    )
    trainer.fit()


if __name__ == "__main__":
    ray.init(include_dashboard=False)
    spec, run, *workers = sys.argv[1:]
    main(spec, run, *map(int, workers))
