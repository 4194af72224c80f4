"""Programs as processes of their own which find imported what each of them would import first.

A server has imported it, and forks for each program: the process has its own directory, variables, streams and exit
status. Starting Python and importing torch takes longer than most of what tests run.
Tests of what is imported, of how a process begins and of its signals start Python themselves.
"""

from __future__ import annotations

import atexit
import gc
import importlib
import json
import os
import runpy
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Mapping, Sequence
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from select import select
from typing import Any, cast

ROOT = Path(__file__).parent.parent

LIGHT = (
    "netspec.cli.check", "netspec.cli.compile", "netspec.cli.compare", "netspec.cli.draw", "netspec.emit.python",
    "netspec.drawing.dot", "netspec.table", "rich.table",
)  # fmt: skip
"""What most commands import."""
TORCH = (
    "torch",
    "torchvision.transforms.v2",
    "netspec.torch.build",
    "netspec.trainer.jobs.training",
    "netspec.capture.importing",
    *LIGHT,
)
"""What those import that train, or look at modules."""

_AT_THE_START = ("LC_", "LANG", "PYTHON", "OMP_", "MKL_")
"""How the variables begin that an interpreter, or torch, reads when it starts."""
_FOLLOWED = {"PYTHONPATH", "PYTHONIOENCODING"}
"""Those of them that are followed all the same."""


def run(
    *words: str | Path,
    cwd: Path,
    env: Mapping[str, str] | None = None,
    given: bytes = b"",
    torch: bool = False,
    timeout: float = 300,
) -> subprocess.CompletedProcess[str]:
    """Run `python WORDS`: `-m MODULE …`, `-c PROGRAM …` or `FILE …`.

    Args:
        cwd: the directory where it runs.
        env: its variables; those of this process if omitted.
        given: what it reads from its standard input.
        torch: whether the program imports torch.
        timeout: the seconds after which it is killed.
    """
    variables = dict(os.environ if env is None else env)
    return _server(torch).run([str(word) for word in words], cwd, variables, given, timeout)


class _Server:
    """The process that forks."""

    def __init__(self, torch: bool) -> None:
        asked, told = os.pipe(), os.pipe()
        self.env = {**os.environ, "PYTHONPATH": str(ROOT)}
        self._asks, self._hears = asked[1], told[0]
        ends = (asked[0], told[1])
        modules = TORCH if torch and find_spec("torch") else LIGHT  # what is not installed, the program misses too
        command = [sys.executable, "-m", "tests.forking", *map(str, ends), *modules]
        self.process = subprocess.Popen(command, cwd=ROOT, env=self.env, pass_fds=ends, stdin=subprocess.DEVNULL)
        for end in ends:
            os.close(end)
        atexit.register(self.close)

    def close(self) -> None:
        """Let it end, as it does when nothing more can be asked."""
        os.close(self._asks)
        os.close(self._hears)
        self.process.wait()

    def run(
        self, words: list[str], cwd: Path, env: dict[str, str], given: bytes, timeout: float
    ) -> subprocess.CompletedProcess[str]:
        other = {name for name in {*env, *self.env} if env.get(name) != self.env.get(name)} - _FOLLOWED
        if read := sorted(name for name in other if name.startswith(_AT_THE_START)):
            raise ValueError(f"{', '.join(read)}: read when Python starts, so start Python")
        with tempfile.TemporaryDirectory() as place:
            streams = [f"{place}/{name}" for name in ("in", "out", "err")]
            Path(streams[0]).write_bytes(given)
            job = {"words": words, "cwd": str(cwd), "env": env, "streams": streams}
            _tell(self._asks, json.dumps(job).encode())
            child = int(_hear(self._hears))
            if not select([self._hears], [], [], timeout)[0]:
                os.kill(child, signal.SIGKILL)
                _hear(self._hears)
                raise subprocess.TimeoutExpired(words, timeout)
            status = int(_hear(self._hears))
            out, err = (Path(stream).read_text(encoding="utf-8") for stream in streams[1:])
        return subprocess.CompletedProcess([sys.executable, *words], status, out, err)


@cache
def _server(torch: bool) -> _Server:
    return _Server(torch)


def _tell(pipe: int, words: bytes) -> None:
    data = len(words).to_bytes(8, "big") + words
    while data:
        data = data[os.write(pipe, data) :]


def _hear(pipe: int) -> bytes:
    """What was told; nothing where nobody tells any more. No more is read than that, so that `select` knows of more."""
    return _bytes(pipe, int.from_bytes(_bytes(pipe, 8), "big"))


def _bytes(pipe: int, number: int) -> bytes:
    found = b""
    while len(found) < number and (more := os.read(pipe, number - len(found))):
        found += more
    return found


# ---- the server


def _serve(asked: int, told: int, modules: Sequence[str]) -> dict[str, Any]:
    """Fork for each job. In the child: the job."""
    os.environ["PYDANTIC_DISABLE_PLUGINS"] = "__all__"  # as the program does before it imports pydantic
    for module in modules:
        importlib.import_module(module)
    gc.collect()
    gc.freeze()
    while job := _hear(asked):
        child = os.fork()
        if child == 0:
            os.close(asked)
            os.close(told)
            return json.loads(job)
        _tell(told, str(child).encode())
        _tell(told, str(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])).encode())
    os._exit(0)


def _become(job: Mapping[str, Any]) -> None:
    """The program of a job, in the process that was forked for it."""
    os.chdir(job["cwd"])
    os.environ.clear()
    os.environ.update(job["env"])
    flags = (os.O_RDONLY, os.O_WRONLY | os.O_CREAT, os.O_WRONLY | os.O_CREAT)
    for number, (stream, flag) in enumerate(zip(job["streams"], flags, strict=True)):
        opened = os.open(stream, flag, 0o600)
        os.dup2(opened, number)
        os.close(opened)
    encoding, _, errors = os.environ.get("PYTHONIOENCODING", "").partition(":")
    if encoding:
        cast(Any, sys.stdout).reconfigure(encoding=encoding, errors=errors or "strict")
        cast(Any, sys.stderr).reconfigure(encoding=encoding)
    first, *rest = job["words"]
    own = [entry for entry in sys.path if entry and Path(entry) != ROOT]
    path = [*filter(None, os.environ.get("PYTHONPATH", "").split(os.pathsep)), *own]
    match first:
        case "-m":
            sys.argv, sys.path[:] = rest, [str(Path.cwd()), *path]
            runpy.run_module(rest[0], run_name="__main__", alter_sys=True)
        case "-c":
            sys.argv, sys.path[:] = ["-c", *rest[1:]], ["", *path]
            exec(compile(rest[0], "<string>", "exec"), {"__name__": "__main__"})
        case _:
            sys.argv, sys.path[:] = [first, *rest], [str(Path(first).parent), *path]
            runpy.run_path(first, run_name="__main__")


def _ended(job: Mapping[str, Any]) -> int:
    """The status with which the program of a job ends."""
    try:
        _become(job)
    except SystemExit as end:
        if isinstance(end.code, int | None):
            return end.code or 0
        print(end.code, file=sys.stderr)
        return 1
    except BaseException:  # whatever it is, the interpreter prints it
        sys.excepthook(*cast(Any, sys.exc_info()))
        return 1
    return 0


if __name__ == "__main__":
    status = _ended(_serve(int(sys.argv[1]), int(sys.argv[2]), sys.argv[3:]))
    threading._shutdown()  # pyright: ignore[reportAttributeAccessIssue]  # as the interpreter waits for threads
    atexit._run_exitfuncs()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(status)  # to take down what was imported would copy all its memory
