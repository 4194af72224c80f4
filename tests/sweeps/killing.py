"""Several processes on one study, some of which are killed while they train; and what must hold of it at the end."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch

import netspec
from netspec.space.over import VARIANT
from netspec.sweeps.chains import ATTEMPT, ENDED, PROCESS, VALID, chains, origin_of
from netspec.sweeps.running import based
from netspec.sweeps.storage import need_optuna, opened
from netspec.sweeps.study import point_of
from netspec.trainer.run.directory import RunDirectory
from netspec.trainer.run.records import read_records
from netspec.trainer.run.trial import TrialFile

ROOT = Path(__file__).parents[2]


@dataclass
class Scene:
    """A sweep by several processes.

    Args:
        spec: the file of the spec.
        place: an empty directory, for the runs, the study and what the processes say.
        trials: how many are to finish.
        processes: how many there are.
        killed: how many of them are killed, each within a trial that has a checkpoint and is not finished.
        options: further words of the command line.
        storage: the file of the study.
    """

    spec: Path
    place: Path
    trials: int
    processes: int
    killed: int
    options: tuple[str, ...] = ()
    storage: str = "study.db"
    interrupted: list[int] = field(default_factory=list[int])
    """The trials that were under way when their process was killed."""

    @property
    def runs(self) -> Path:
        return self.place / "runs"

    def study(self) -> Any:
        optuna = need_optuna()
        return optuna.load_study(study_name="scene", storage=opened(self.place / self.storage, print))

    def play(self, say: Callable[[str], None] = lambda words: None, patience: float = 1800) -> None:
        """Start the processes, kill some, wait for the others."""
        started = [self._start(number) for number in range(self.processes)]
        try:
            until = time.monotonic() + patience
            for number in range(self.killed):
                self._kill(started[number], until, say)
            for process in started[self.killed :]:
                code = process.wait(timeout=max(until - time.monotonic(), 1))
                assert code == 0, self.said()
        finally:
            for process in started:
                process.kill()
                process.wait()

    def said(self) -> str:
        """What all processes have said."""
        return "\n".join(file.read_text(encoding="utf-8") for file in sorted(self.place.glob("*.log")))

    def _start(self, number: int) -> subprocess.Popen[bytes]:
        words = [
            sys.executable, "-m", "netspec", "sweep", str(self.spec), "--study", "scene", "--storage",
            str(self.place / self.storage), "--runs", str(self.runs), "--trials", str(self.trials),
            "--heartbeat", "0.5",
            *self.options,
        ]  # fmt: skip
        paths = os.pathsep.join([str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])])
        environment = os.environ | {"PYTHONPATH": paths, "OMP_NUM_THREADS": "1", "COLUMNS": "120"}
        with (self.place / f"process-{number}.log").open("wb") as log:
            return subprocess.Popen(words, stdout=log, stderr=log, env=environment, cwd=self.place)

    def _kill(self, process: subprocess.Popen[bytes], until: float, say: Callable[[str], None]) -> None:
        """Kill a process in the middle of a trial: it has a checkpoint, and has not finished."""
        while time.monotonic() < until:
            assert process.poll() is None, f"process {process.pid} has ended before it was killed\n{self.said()}"
            under_way = self._under_way(process.pid) if (self.place / self.storage).is_file() else None
            if under_way is not None:
                process.send_signal(signal.SIGKILL)
                process.wait()
                run = RunDirectory(self.runs / f"trial-{under_way:04}")
                say(f"killed process {process.pid} in trial {under_way}, after {len(read_records(run.path))} epochs")
                self.interrupted.append(under_way)
                return
            time.sleep(0.05)
        raise AssertionError(f"no trial of process {process.pid} had a checkpoint in time\n{self.said()}")

    def _under_way(self, process: int) -> int | None:
        try:
            trials = self.study().get_trials(deepcopy=False)
        except Exception:  # the tables are being made
            return None
        for trial in trials:
            mine = str(trial.user_attrs.get(PROCESS, "")).endswith(f":{process}")
            run = RunDirectory(self.runs / f"trial-{origin_of(trial):04}")
            if mine and trial.state.name == "RUNNING" and trial.user_attrs.get(VALID):
                begun = any(run.checkpoints.glob("step-*")) and not run.weights.is_file()
                return origin_of(trial) if begun else None
        return None

    # ---- what must hold

    def check(self) -> Counter[str]:
        """Hold the study and the run directories against what was asked for. Returns how many chains are in each state.

        Raises:
            AssertionError: a trial is lost or counted twice, a run is not whole, or an invalid point was built.
        """
        found = chains(self.study().get_trials(deepcopy=False), retries=3)
        base = based(str(self.spec), None, {})
        plan = base.sweep()
        finished = [chain for chain in found if chain.state == "finished"]
        assert len(finished) == self.trials, f"{len(finished)} have finished\n{self.said()}"
        complete = [t for t in self.study().get_trials(deepcopy=False) if t.state.name == "COMPLETE"]
        assert len({origin_of(t) for t in complete}) == len(complete) == self.trials  # none twice
        points = {repr(sorted(chain.last.params.items())) for chain in finished}
        assert len(points) == self.trials
        for chain in finished:
            run = RunDirectory(self.runs / f"trial-{chain.number:04}")
            epochs = [record.epoch for record in read_records(run.path)]
            assert epochs == list(range(1, len(epochs) + 1))
            assert run.finished
            last = read_records(run.path)[-1].figure(plan.measure.column)
            assert last == chain.last.value
            assert TrialFile(run.path / "trial.json").read()["trial"] == chain.number
            assert netspec.load(run.spec).params <= plan.limit.counts.get("params", 10**9)
        rejected = [chain for chain in found if chain.state == "rejected"]
        for chain in rejected:
            assert not (self.runs / f"trial-{chain.number:04}").exists()
            assert any(value > 0 for value in chain.last.constraints.values())
        for number in self.interrupted:
            chain = next(chain for chain in found if chain.number == number)
            assert chain.state == "finished"
            assert chain.last.user_attrs[ATTEMPT] >= 1
            ended = [t for t in self.study().get_trials(deepcopy=False) if origin_of(t) == number]
            assert next(t.user_attrs[ENDED] for t in ended if t.state.name == "FAIL") == "killed"
        assert not [(c.number, c.state) for c in found if c.state in ("alive", "owed", "failed")]
        return Counter(chain.state for chain in found)

    def milliseconds(self) -> list[float]:
        """How long each rejected point took, from the draw to the end: compiled, and told to the study."""
        found = chains(self.study().get_trials(deepcopy=False), retries=3)
        times = [(c.last.datetime_start, c.last.datetime_complete) for c in found if c.state == "rejected"]
        return sorted(1000 * (end - begin).total_seconds() for begin, end in times if begin and end)

    def again(self, number: int, place: Path, options: dict[str, Any]) -> Path:
        """Train the point of a trial without a sweep and without a break, on one thread as the processes do: on several
        a sum is another. Returns the run directory."""
        base = based(str(self.spec), None, {})
        trial = next(t for t in self.study().get_trials(deepcopy=False) if t.number == number)
        point = point_of(trial.params, base.sweep().space)
        values = {key: value for key, value in point.items() if key != VARIANT}
        net = netspec.load(self.spec, point.get(VARIANT), values)
        threads = torch.get_num_threads()
        torch.set_num_threads(1)
        try:
            return netspec.train(net, run=place, quiet=True, report=False, **options).run
        finally:
            torch.set_num_threads(threads)
