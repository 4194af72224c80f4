"""A sweep over LeNet by four processes on one study, two of which are killed: exactly 60 valid trials finish.

    python -m tests.sweeps DIR                   # 60 trials, 600 examples of Fashion-MNIST each
    python -m tests.sweeps DIR --journal         # the study in a journal file in place of SQLite
    python -m tests.sweeps DIR --trials 20

DIR is made, and holds the runs, the study, what the processes said, and the plots at the end. It takes some minutes.
Ends with an AssertionError if a trial was lost, counted twice or trained otherwise than without a break.
"""

from __future__ import annotations

import statistics
import sys
import time
from pathlib import Path

from netspec.sweeps.running import based, rehearsed
from netspec.trainer.run.overview import find_runs
from netspec.trainer.show.sweep_plot import draw_runs
from tests.sweeps.killing import Scene

SPEC = Path(__file__).parent / "lenet.yaml"
EXAMPLES = 600


def main(arguments: list[str]) -> int:
    """Play the scene, and check it."""
    words = [word for word in arguments if not word.startswith("--") and not word.isdecimal()]
    trials = int(arguments[arguments.index("--trials") + 1]) if "--trials" in arguments else 60
    place = Path(words[0])
    place.mkdir(parents=True)
    base = based(str(SPEC), None, {})
    space = rehearsed(base, base.sweep(), 1000)
    invalid = 1 - space.valid / space.tried
    print(f"{100 * invalid:.0f} % of the space is invalid, by 1,000 points at random; "
          f"{1000 * space.seconds / space.tried:.1f} ms each to compile")  # fmt: skip
    assert invalid >= 0.2
    storage = "study.journal" if "--journal" in arguments else "study.db"
    options = ("--examples", str(EXAMPLES), "--device", "cpu")
    scene = Scene(SPEC, place.resolve(), trials, 4, 2, options, storage)
    began = time.monotonic()
    scene.play(print)
    print(f"4 processes, 2 of them killed: {time.monotonic() - began:.0f} s")
    states = scene.check()
    print(", ".join(f"{count} {state}" for state, count in states.most_common()))
    times = scene.milliseconds()
    print(f"rejected points: median {statistics.median(times):.0f} ms, at most {times[-1]:.0f} ms, "
          "with all that the study is told")  # fmt: skip
    for number in scene.interrupted:
        alone = scene.again(number, place / f"again-{number}", {"examples": EXAMPLES, "device": "cpu"})
        same = (alone / "model.safetensors").read_bytes() == (
            scene.runs / f"trial-{number:04}" / "model.safetensors"
        ).read_bytes()
        print(
            f"trial {number}, killed and gone on with: {'the same bits as' if same else 'OTHER than'} without a break"
        )
        assert same
    runs = find_runs((), scene.runs)
    draw_runs(runs, place / "parallel.png")
    draw_runs(runs, place / "against.png", against=("width", "kernel", "act", "pool", "lr", "params"))
    print(f"{place / 'parallel.png'}, {place / 'against.png'}: {len(runs)} runs")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
