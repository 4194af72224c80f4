"""The trainer on a GPU, step by step in the order of their value, each in a process of its own under a time limit.

    NETSPEC_DATA=DIR python tests/benchmarks/gpu.py --out DIR [--only STEP …] [--seconds 600]
    python tests/benchmarks/gpu.py --out DIR --report          # the tables of docs/performance.md

What a step finds goes at once, a line each, into `DIR/results.jsonl`; a step that is done is not done again, so the
command may be killed and repeated. `--device cpu --tiny` goes through the same steps with a few small batches, so that
the script stays alive where there is no GPU; its figures mean nothing.

- `roof`: a large matrix product in each precision, and a copy of 4 GiB: the shares below are shares of these.
- `alexnet`, `lenet`: the notes' recipes over ten epochs, by precision; loss, accuracies, examples per second and wall
  time with data, evaluation and checkpoints.
- `compiled`: both again with `torch.compile`.
- `choices`: eager steps, the CUDA graph and channels last, over 200 steps.
- `peers`: the d2l loop and Lightning, an epoch at most.
- `synthetic`: ResNet-18 and ViT-Tiny on 3 × 224 × 224.
- `memory`: the estimate of `compile --batch` beside `max_memory_allocated`.
- `profile`: where the device's time goes, by kernel.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

sys.path.insert(0, str(Path(__file__).parent))

import gpu_steps
from gpu_steps import Setting


class Step(NamedTuple):
    """One entry of the list above."""

    name: str
    run: Callable[[Setting], None]
    seconds: float
    """After which it is ended; what it has found by then stays."""


STEPS = [
    Step("roof", gpu_steps.roof, 40),
    Step("alexnet bf16", gpu_steps.alexnet("bf16"), 60),
    Step("lenet", gpu_steps.lenet, 60),
    Step("alexnet tf32", gpu_steps.alexnet("tf32"), 90),
    Step("compiled", gpu_steps.compiled, 150),
    Step("memory", gpu_steps.memory, 150),
    Step("profile", gpu_steps.profile, 120),
    Step("peers", gpu_steps.peers, 90),
    Step("synthetic", gpu_steps.synthetic, 100),
    Step("alexnet fp32", gpu_steps.alexnet("fp32"), 150),
    Step("choices", gpu_steps.choices, 60),
]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, required=True, help="folder of results.jsonl")
    parser.add_argument("--device", choices=["cuda", "cpu"], default="cuda")
    parser.add_argument("--tiny", action="store_true", help="a few small batches of everything")
    parser.add_argument("--only", nargs="+", choices=[step.name for step in STEPS], metavar="STEP")
    parser.add_argument("--seconds", type=float, default=840.0, help="begin no step after so many seconds")
    parser.add_argument("--report", action="store_true", help="print the tables and do nothing else")
    arguments = parser.parse_args()
    results = arguments.out / "results.jsonl"
    if arguments.report:
        import gpu_report

        print(gpu_report.tables([json.loads(line) for line in results.read_text().splitlines()]))
        return
    arguments.out.mkdir(parents=True, exist_ok=True)
    lines = [json.loads(line) for line in results.read_text().splitlines()] if results.exists() else []
    done = {line["step"] for line in lines if line["what"] == "done"}
    began, failed = time.perf_counter(), False
    for step in STEPS:
        if step.name in done or (arguments.only and step.name not in arguments.only):
            continue
        if time.perf_counter() - began > arguments.seconds:
            print(f"{step.name}: no time left; the same command goes on from here", flush=True)
            continue
        failed |= not attempt(step, Setting(step.name, arguments.device, arguments.tiny, results))
    sys.exit(1 if failed else 0)


def attempt(step: Step, setting: Setting) -> bool:
    """Run a step in a fork of this process, which has imported everything and not yet touched the GPU."""
    began = time.perf_counter()
    child = multiprocessing.get_context("fork").Process(target=_child, args=(step, setting))
    child.start()
    child.join(None if setting.tiny else step.seconds)
    if child.is_alive():
        child.kill()
        child.join()
        setting.found("ended", seconds=step.seconds)
    elif child.exitcode == 0:
        setting.found("done", seconds=round(time.perf_counter() - began, 1))
    else:
        setting.found("failed", status=child.exitcode)
    return child.exitcode == 0


def _child(step: Step, setting: Setting) -> None:
    step.run(setting)


if __name__ == "__main__":
    main()
