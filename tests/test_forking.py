"""A program that is forked ends as one that Python starts: status, streams, directory, variables, arguments."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests import forking

PROGRAMS = {
    "prints": "import os, sys; print(sys.argv[1:], os.getcwd(), os.environ['MINE'], sys.stdin.read())",
    "writes to the descriptors": "import os; os.write(1, b'out\\n'); os.write(2, b'err\\n')",
    "ends with a number": "import sys; print('before', end=''); sys.exit(3)",
    "ends with words": "import sys; sys.exit('no')",
    "ends without": "raise SystemExit",
    "waits for its threads": "import threading; threading.Timer(0.1, lambda: print('late')).start()",
    "has something to do at its end": "import atexit; atexit.register(print, 'at the end'); raise SystemExit(4)",
    "starts another": "import subprocess; print(subprocess.run(['echo', 'child'], capture_output=True).stdout)",
    "is killed": "import os, signal; os.kill(os.getpid(), signal.SIGTERM)",
    "imports what lies beside it": "import beside; print(beside.__name__)",
}


@pytest.mark.parametrize("name", PROGRAMS)
def test_a_forked_program_does_as_one_that_is_started(name: str, tmp_path: Path) -> None:
    (tmp_path / "beside.py").write_text("")
    env = os.environ | {"MINE": "a variable", "PYTHONIOENCODING": "utf-8"}
    words, given = ("-c", PROGRAMS[name], "größer", "2"), b"read\n"
    done = forking.run(*words, cwd=tmp_path, env=env, given=given)
    alone = subprocess.run(
        [sys.executable, *words], cwd=tmp_path, env=env, input=given, capture_output=True, check=False
    )
    assert (done.returncode, done.stdout, done.stderr) == (
        alone.returncode,
        alone.stdout.decode(),
        alone.stderr.decode(),
    )


def test_what_fails_is_told_with_the_status_of_a_traceback(tmp_path: Path) -> None:
    (tmp_path / "file.py").write_text("def fail():\n    raise KeyError('gone')\n\n\nfail()\n")
    done = forking.run(tmp_path / "file.py", cwd=tmp_path)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("Traceback") and done.stderr.endswith("KeyError: 'gone'\n")


def test_one_program_leaves_nothing_to_the_next(tmp_path: Path) -> None:
    first = (
        "import os, sys, netspec; netspec.mark = 1; os.environ['LEFT'] = '1'; os.chdir('/'); sys.path.insert(0, 'x')"
    )
    assert forking.run("-c", first, cwd=tmp_path).returncode == 0
    second = (
        "import os, sys, netspec; print(hasattr(netspec, 'mark'), 'LEFT' in os.environ, os.getcwd(), 'x' in sys.path)"
    )
    assert forking.run("-c", second, cwd=tmp_path).stdout == f"False False {tmp_path} False\n"


def test_what_lasts_too_long_is_killed_and_the_next_runs(tmp_path: Path) -> None:
    with pytest.raises(subprocess.TimeoutExpired):
        forking.run("-c", "import time; time.sleep(60)", cwd=tmp_path, timeout=0.2)
    assert forking.run("-c", "print(1)", cwd=tmp_path).stdout == "1\n"


def test_variables_that_python_reads_when_it_starts_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="PYTHONWARNINGS: read when Python starts"):
        forking.run("-c", "", cwd=tmp_path, env=os.environ | {"PYTHONWARNINGS": "error"})
