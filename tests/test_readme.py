"""The README is what a newcomer runs: its two commands are the ones that continuous integration runs."""

from __future__ import annotations

from pathlib import Path

ROOT = Path(__file__).parent.parent


def test_continuous_integration_runs_the_two_commands_of_the_readme_as_they_stand_there() -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8").splitlines()
    commands = [line for line in (ROOT / ".ci" / "run").read_text().splitlines() if line.startswith("python3 -m venv")]
    assert len(commands) == 2
    assert [c for c in commands if c not in readme] == []
    assert commands[0].endswith("netspec compile specs/alexnet.yaml --verify")
    assert commands[1].endswith("pytest")
