"""netspec compiles neural-network architectures: a YAML layer list becomes a checked graph and a PyTorch module.

    net = netspec.load("specs/alexnet.yaml")     # every shape, parameter and multiply-accumulate, without torch
    model = netspec.build(net)                   # a torch.nn.Sequential

Everything here is imported when it is first used: `import netspec` costs a millisecond.
"""

from __future__ import annotations

import sys
from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from netspec.capture.importing import from_torch as from_torch
    from netspec.capture.variants import from_torch_variants as from_torch_variants
    from netspec.comparison import compare as compare
    from netspec.compiler import check as check
    from netspec.compiler import load as load
    from netspec.compiler import loads as loads
    from netspec.cost import estimate as estimate
    from netspec.diagnostics import Diagnostic as Diagnostic
    from netspec.diagnostics import NetspecError as NetspecError
    from netspec.diagnostics import PluginError as PluginError
    from netspec.diagnostics import Span as Span
    from netspec.diagnostics import UsageError as UsageError
    from netspec.dims import Dim as Dim
    from netspec.drawing import diagram as diagram
    from netspec.emit.json import to_json as to_json
    from netspec.emit.python import to_python as to_python
    from netspec.emit.yaml import expand as expand
    from netspec.errors import SpecError as SpecError
    from netspec.net import Net as Net
    from netspec.sweeps.running import sweep as sweep
    from netspec.table import summary as summary
    from netspec.text.source import Limits as Limits
    from netspec.torch.build import build as build
    from netspec.torch.probe import probe as probe
    from netspec.torch.transfer import transfer as transfer
    from netspec.torch.verify import verify as verify
    from netspec.trainer import Callback as Callback
    from netspec.trainer import open_run as open_run
    from netspec.trainer import train as train
    from netspec.trainer.jobs.folds import cross_validate as cross_validate
    from netspec.trainer.jobs.rates import find_lr as find_lr

__version__ = "0.1.0"

_HOME = {
    "Callback": "netspec.trainer",
    "Diagnostic": "netspec.diagnostics",
    "Dim": "netspec.dims",
    "Limits": "netspec.text.nodes",
    "Net": "netspec.net",
    "NetspecError": "netspec.diagnostics",
    "PluginError": "netspec.diagnostics",
    "Span": "netspec.diagnostics",
    "SpecError": "netspec.errors",
    "UsageError": "netspec.diagnostics",
    "build": "netspec.torch.build",
    "check": "netspec.compiler",
    "compare": "netspec.comparison",
    "cross_validate": "netspec.trainer.jobs.folds",
    "diagram": "netspec.drawing",
    "estimate": "netspec.cost",
    "expand": "netspec.emit.yaml",
    "find_lr": "netspec.trainer.jobs.rates",
    "from_torch": "netspec.capture.importing",
    "from_torch_variants": "netspec.capture.variants",
    "load": "netspec.compiler",
    "loads": "netspec.compiler",
    "open_run": "netspec.trainer",
    "probe": "netspec.torch.probe",
    "summary": "netspec.table",
    "sweep": "netspec.sweeps.running",
    "to_json": "netspec.emit.json",
    "to_python": "netspec.emit.python",
    "train": "netspec.trainer",
    "transfer": "netspec.torch.transfer",
    "verify": "netspec.torch.verify",
}
"""The module that defines each public name. No submodule may have such a name: its import would rebind the name."""

_NEEDS_TORCH = ("netspec.torch", "netspec.trainer", "netspec.capture")

__all__ = [
    "Callback",
    "Diagnostic",
    "Dim",
    "Limits",
    "Net",
    "NetspecError",
    "PluginError",
    "Span",
    "SpecError",
    "UsageError",
    "build",
    "check",
    "compare",
    "cross_validate",
    "diagram",
    "estimate",
    "expand",
    "find_lr",
    "from_torch",
    "from_torch_variants",
    "load",
    "loads",
    "open_run",
    "probe",
    "summary",
    "sweep",
    "to_json",
    "to_python",
    "train",
    "transfer",
    "verify",
]


def __getattr__(name: str) -> Any:
    module = _HOME.get(name)
    if module is None:
        raise AttributeError(f"module 'netspec' has no attribute {name!r}")
    try:
        value = getattr(import_module(module), name)
    except ModuleNotFoundError as error:
        if module.startswith(_NEEDS_TORCH) and error.name in ("torch", "torchvision", "safetensors"):
            from netspec.diagnostics import MissingExtra  # the way out: everything else stays lazy
            from netspec.extras import install

            raise MissingExtra(f"netspec.{name} needs {error.name}", install("torch")) from None
        raise
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted([*globals(), *_HOME])


def load_ipython_extension(shell: Any) -> None:
    """Let an IPython shell show netspec's values, and know `%%netspec`; `import netspec` does so by itself."""
    from netspec.notebook import register

    register(shell)


if (_shell := getattr(sys.modules.get("IPython"), "get_ipython", lambda: None)()) is not None:
    load_ipython_extension(_shell)
