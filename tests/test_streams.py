"""Commands survive streams that nobody reads: a pipe whose reader has exited, a stream that was closed before."""

from __future__ import annotations

import io
import os
import subprocess
import sys
from pathlib import Path

import pytest

from netspec.trainer.show.reporters import say
from tests.train import programs
from tests.train.small_runs import PLAIN

SPEC = programs.ROOT / "specs" / "alexnet.yaml"


def shell(line: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    """Run a line of sh in which the variable `$netspec` is the command."""
    variables = programs.environment({"netspec": f"{sys.executable} -m netspec"})
    return subprocess.run(["sh", "-c", line], cwd=cwd, env=variables, capture_output=True, text=True, check=False)


@pytest.mark.parametrize(
    "line",
    [
        f"($netspec compile {SPEC} --no-write; echo $? >status) | true",
        f"($netspec compile {SPEC} --no-write; echo $? >status) | head -1",
        f"($netspec check {SPEC} 2>&1; echo $? >status) | true",
        f"$netspec compile {SPEC} --no-write >&-; echo $? >status",
        f"$netspec compile {SPEC} --no-write 2>&-; echo $? >status",
        f"$netspec check {SPEC} <&- >&- 2>&-; echo $? >status",
    ],
)
def test_a_command_without_a_reader_does_its_work(line: str, tmp_path: Path) -> None:
    done = shell(line, tmp_path)
    assert done.stderr == "" or "checked" in done.stderr
    assert (tmp_path / "status").read_text() == "0\n"


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no device that is full")
@pytest.mark.parametrize(
    ("line", "also"),
    [
        (f"compile {SPEC} --no-write >/dev/full", ""),
        (f"check {SPEC} --format json >/dev/full", ""),
        ("check none.yaml --format json >/dev/full", "there is no file 'none.yaml'"),
    ],
)
def test_what_a_full_disk_refuses_is_still_an_error(line: str, also: str, tmp_path: Path) -> None:
    done = shell(f"$netspec {line}", tmp_path)
    assert done.returncode == 5, done.stderr
    assert "disk is full" in done.stderr or "No space left" in done.stderr
    assert also in done.stderr
    assert "Traceback" not in done.stderr


def test_no_file_of_a_command_gets_the_number_of_a_closed_stream(tmp_path: Path) -> None:
    """Otherwise the output of a library, written to descriptor 1 or 2, would go into that file."""
    code = "import os; from netspec.cli.streams import open_streams; open_streams(); os.write(1, b'x'); print('y')"
    done = shell(f"{sys.executable} -c \"{code}; f = open('file', 'w'); assert f.fileno() > 2\" <&- >&-", tmp_path)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "file").read_text() == ""


@pytest.mark.parametrize("behind", ["| head -1", pytest.param("| true", marks=pytest.mark.slow), ">&- 2>&-"])
def test_training_goes_on_without_a_reader(behind: str, tmp_path: Path) -> None:
    (tmp_path / "spec.yaml").write_text(PLAIN)
    done = shell(f"($netspec train spec.yaml --run run --no-report; echo $? >status) {behind}", tmp_path)
    assert done.stderr == ""
    assert (tmp_path / "status").read_text() == "0\n"
    assert (tmp_path / "run" / "model.safetensors").exists()


def test_what_a_program_s_own_streams_refuse_ends_no_run() -> None:
    reader, writer = os.pipe()
    os.close(reader)
    closed = io.StringIO()
    closed.close()
    stream = os.fdopen(writer, "w")
    for target in (None, closed, stream):
        say("an epoch", target)
    with pytest.raises(BrokenPipeError):
        stream.close()
