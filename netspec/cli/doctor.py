"""`netspec doctor`: versions, devices, the diagram engine and data: what works, and what to install."""

from __future__ import annotations

import os
import platform
import shutil
import subprocess
import sys
from importlib import metadata, util
from pathlib import Path
from typing import Any, cast

import click

from netspec.extras import DISTRIBUTION, install

_CORE = ("pydantic", "pyyaml", "networkx", "graphviz", "click", "rich")
_TORCH = ("torch", "torchvision", "safetensors", "matplotlib")
_SERVERS = {"pygls": "lsp", "mcp": "mcp"}
"""Distribution → the extra that has it, and the command that needs it, of one name."""


@click.command()
def command() -> None:
    """Show versions, devices, the diagram engine and data: what works, and what to install for what does not."""
    lines = [("netspec", True, f"{_version(DISTRIBUTION)} on Python {platform.python_version()}, {sys.platform}")]
    lines += [(name, _version(name) is not None, _version(name) or "not installed") for name in _CORE]
    lines.append(_yaml_parser())
    lines += [_extra(name, "torch", "build, --verify and train need it") for name in _TORCH]
    lines += [_extra(name, extra, f"`netspec {extra}` needs it") for name, extra in _SERVERS.items()]
    lines += [*_devices(), _engine(), _data()]
    wide = max(len(name) for name, _, _ in lines)
    for name, good, text in lines:
        click.echo(f"{'ok' if good else '--'}  {name:<{wide}}  {text}")


def _version(distribution: str) -> str | None:
    try:
        return metadata.version(distribution)
    except metadata.PackageNotFoundError:
        return None


def _extra(name: str, extra: str, what: str) -> tuple[str, bool, str]:
    version = _version(name)
    if version is None:
        return name, False, f"not installed; {what}: {install(extra)}"
    return name, True, version


def _yaml_parser() -> tuple[str, bool, str]:
    import yaml

    fast = hasattr(yaml, "CSafeLoader")
    return (
        "libyaml",
        fast,
        "PyYAML has its C parser" if fast else "PyYAML lacks its C parser: reading is slow",
    )


def _devices() -> list[tuple[str, bool, str]]:
    if util.find_spec("torch") is None:
        return []
    import torch

    threads = torch.get_num_threads()
    found = [("cpu", True, f"{os.cpu_count()} cores, torch uses {threads} thread{'s' if threads > 1 else ''}")]
    if torch.cuda.is_available():
        for i in range(torch.cuda.device_count()):
            properties = cast("Any", torch.cuda.get_device_properties(i))  # pyright: ignore[reportUnknownMemberType]  # torch leaves it untyped
            found.append((f"cuda:{i}", True, f"{properties.name}, {properties.total_memory / 2**30:.0f} GiB"))
    else:
        found.append(("cuda", False, "no GPU that this torch can use; training runs on the CPU"))
    return found


def _engine() -> tuple[str, bool, str]:
    dot = shutil.which("dot")
    if dot is not None:
        shown = subprocess.run([dot, "-V"], capture_output=True, text=True, check=False)
        return "diagrams", True, f"{(shown.stderr or shown.stdout).strip()} ({dot})"
    if util.find_spec("pygraphviz") is not None:
        return "diagrams", True, f"pygraphviz {_version('pygraphviz')}, which carries Graphviz"
    return "diagrams", False, f"no engine draws them: install Graphviz, or {install('draw')}"


def _data() -> tuple[str, bool, str]:
    root = os.environ.get("NETSPEC_DATA")
    if not root:
        return "data", False, "NETSPEC_DATA is not set: data sets are looked for, and downloaded, under ./data"
    path = Path(root)
    if not path.is_dir():
        return "data", False, f"NETSPEC_DATA is {root}, which is no directory"
    sets = sorted(child.name for child in path.iterdir() if child.is_dir())
    return "data", True, f"{root}: {', '.join(sets) if sets else 'no data set yet'}"
