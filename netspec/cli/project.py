"""`[tool.netspec]` of the nearest `pyproject.toml`: which specs are checked, and defaults of options.

It may say what is shown. Nothing that lies in a checkout loads code, writes or fetches: only the command line does.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final, NamedTuple, cast, get_args

import click

from netspec.diagnostics import Code, UsageError, did_you_mean

PROJECT: Final = "netspec.project"
"""Where a command's context has what the project says."""
_FILE: Final = "pyproject.toml"
_TABLE: Final = b"[tool.netspec"
_REMARKS: Final[Mapping[str, type]] = {"ignore": list, "strict": bool, "notes": bool}
"""Keys that are options of every command which shows findings."""
_PICTURES: Final[Mapping[str, type]] = {"style": str, "theme": str, "lang": str, "fit": str}
"""Keys of `[tool.netspec.draw]`, which are options of `netspec draw`."""
_KEYS: Final[Mapping[str, type]] = {"specs": list, **_REMARKS, "draw": dict}
_KINDS: Final = {list: "a list of texts", bool: "true or false", str: "a text", dict: "a table"}


class ProjectSettings(NamedTuple):
    """What a project says."""

    specs: tuple[str, ...] = ()
    """The specs that are checked where a command line names none: files, directories and patterns."""
    defaults: Mapping[str, Any] = {}
    """Of every command that has such an option."""
    pictures: Mapping[str, Any] = {}
    """Of `netspec draw`."""


def project_specs() -> tuple[str, ...]:
    """The specs that the project names, for where a command line names none."""
    context = click.get_current_context(silent=True)
    said: ProjectSettings = ProjectSettings() if context is None else context.meta.get(PROJECT, ProjectSettings())
    return said.specs


def project_settings(here: Path | None = None) -> ProjectSettings:
    """The settings of the project that a directory lies in: of the first `pyproject.toml` from there upwards.

    Args:
        here: the directory; None for the current one.

    Raises:
        UsageError: the table says what it cannot.
    """
    here = Path.cwd() if here is None else here
    file = next((found for above in (here, *here.parents) if (found := above / _FILE).is_file()), None)
    if file is None:
        return ProjectSettings()
    try:
        data = file.read_bytes()
    except OSError:  # it is not netspec's
        return ProjectSettings()
    if _TABLE not in data:
        return ProjectSettings()
    file = _below(file.parent, _FILE)  # as messages name it
    import tomllib  # imported here: few projects say anything

    try:
        table = tomllib.loads(data.decode())["tool"]["netspec"]
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise UsageError(f"{file}: {error}") from None
    except (KeyError, TypeError):  # in a comment
        return ProjectSettings()
    return _read(table, file)


def _read(table: Any, file: Path) -> ProjectSettings:
    said = _checked(table, _KEYS, "tool.netspec", file)
    known: tuple[str, ...] = get_args(Code)
    for name in said.get("ignore", ()):
        if name not in known:
            near = did_you_mean(name, known)
            hint = f"did you mean `{near}`?" if near else "`netspec explain` lists them"
            raise UsageError(f"{file}: `ignore` of [tool.netspec] names no code with `{name}`; {hint}")
    pictures = _checked(said.get("draw", {}), _PICTURES, "tool.netspec.draw", file)
    specs = tuple(str(_below(file.parent, name)) for name in said.get("specs", ()))
    return ProjectSettings(specs, {key: said[key] for key in _REMARKS if key in said}, pictures)


def _checked(table: Any, kinds: Mapping[str, type], name: str, file: Path) -> dict[str, Any]:
    if not isinstance(table, dict):
        raise UsageError(f"{file}: [{name}] is a table")
    found = cast("dict[str, Any]", table)
    for key, value in found.items():
        if key in ("plugin", "plugins"):
            raise UsageError(
                f"{file}: [{name}] cannot say `{key}`: a plugin is code, and nothing that lies in a checkout loads "
                "code; `--plugin` on the command line does"
            )
        if key not in kinds:
            near = did_you_mean(key, kinds)
            hint = f"did you mean `{near}`?" if near else f"its keys are {', '.join(f'`{known}`' for known in kinds)}"
            raise UsageError(f"{file}: [{name}] has no `{key}`; {hint}")
        texts = kinds[key] is not list or all(isinstance(item, str) for item in value if isinstance(value, list))
        if not isinstance(value, kinds[key]) or not texts:
            raise UsageError(f"{file}: `{key}` of [{name}] wants {_KINDS[kinds[key]]}, not {value!r}")
    return found


def _below(root: Path, name: str) -> Path:
    """A path of the table, which counts from its file, as seen from where one stands."""
    if Path(name).is_absolute():
        return Path(name)
    try:
        return Path(os.path.relpath(root / name))
    except ValueError:  # it is on another drive than where one stands
        return root / name
