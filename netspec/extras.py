"""The pip command that installs an extra, from where this netspec was installed: an index, a clone, a wheel, a URL."""

from __future__ import annotations

import json
import shlex
import sys
from pathlib import Path
from typing import Final
from urllib.parse import unquote, urlsplit

DISTRIBUTION: Final = "netspec-compiler"


def install(extra: str) -> str:
    """The command that installs an extra of netspec's, such as `torch` or `draw`, for the running interpreter.

    For a distribution that is not from an index, pip records its origin (PEP 610): a folder and whether it is editable,
    a wheel, or a repository. A checkout that is only on PYTHONPATH is installed in editable mode from its folder.
    """
    return shlex.join([sys.executable, "-m", "pip", "install", *_requirement(extra, _origin())])


def _origin() -> str | None:
    """The text of pip's `direct_url.json`; None if netspec is from an index. Made up for a checkout without pip."""
    from importlib import metadata  # here, because its import takes as long as the rest of `netspec check`

    try:
        return metadata.distribution(DISTRIBUTION).read_text("direct_url.json")
    except metadata.PackageNotFoundError:
        checkout = Path(__file__).parent.parent
        return json.dumps({"url": checkout.as_uri(), "dir_info": {"editable": True}})


def _requirement(extra: str, origin: str | None) -> list[str]:
    """The arguments of `pip install`, from the text of `direct_url.json`."""
    if origin is None:
        return [f"{DISTRIBUTION}[{extra}]"]
    found = json.loads(origin)
    url: str = found["url"]
    if "dir_info" in found:
        path = f"{unquote(urlsplit(url).path)}[{extra}]"
        return ["-e", path] if found["dir_info"].get("editable") else [path]
    if "vcs_info" in found:
        url = f"{found['vcs_info']['vcs']}+{url}@{found['vcs_info']['commit_id']}"
    return [f"{DISTRIBUTION}[{extra}] @ {url}"]
