"""The line that installs an optional part, for the way that this netspec was installed."""

from __future__ import annotations

import json
import shlex
import sys
from pathlib import Path
from typing import Final
from urllib.parse import unquote, urlsplit

DISTRIBUTION: Final = "netspec-compiler"


def install(extra: str) -> str:
    """The command that adds an extra of netspec's, `torch` or `draw`, to the Python that runs.

    pip notes where a distribution came from that is not from an index (PEP 610): a clone and how it was installed, a
    wheel, a repository. A checkout that is only on the path is installed from where it lies.
    """
    return shlex.join([sys.executable, "-m", "pip", "install", *_requirement(extra, _origin())])


def _origin() -> str | None:
    """What pip wrote into `direct_url.json`; None for an index. For a checkout, what pip would have written."""
    from importlib import metadata  # takes as long as the rest of a check

    try:
        return metadata.distribution(DISTRIBUTION).read_text("direct_url.json")
    except metadata.PackageNotFoundError:
        checkout = Path(__file__).parent.parent
        return json.dumps({"url": checkout.as_uri(), "dir_info": {"editable": True}})


def _requirement(extra: str, origin: str | None) -> list[str]:
    """What pip is given."""
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
