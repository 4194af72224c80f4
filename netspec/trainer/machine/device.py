"""Choose device and arithmetic, set torch's global switches, and record the environment."""

from __future__ import annotations

import os
import platform
import sys
from collections.abc import Generator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from typing import Any

import torch

from netspec.asked import option
from netspec.diagnostics import UsageError
from netspec.recipe.base import Precision


@dataclass(frozen=True)
class Arithmetic:
    """The device of a run, and the precision of its computations."""

    device: torch.device
    precision: Precision
    """The requested precision, or the default: `tf32` on a GPU that has it, else `fp32`."""
    autocast: torch.dtype | None
    """The low precision of autocast for bf16 and fp16; None without autocast."""
    deterministic: bool = False

    @property
    def scaled(self) -> bool:
        """True if gradients need a loss scale, as fp16 does."""
        return self.precision == "fp16"


def choose_device(name: str) -> torch.device:
    """The device of a `--device` value; `auto` is the first GPU, else the CPU.

    Raises:
        UsageError: there is no such device, or this build of torch cannot use it.
    """
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        device = torch.device(name)
    except RuntimeError:
        raise UsageError(f"{option('device', name)} is no device; say auto, cpu, cuda or cuda:0") from None
    if device.type == "cpu":
        return torch.device("cpu")
    if device.type == "cuda":
        count = torch.cuda.device_count() if torch.cuda.is_available() else 0
        if (device.index or 0) >= count:
            has = f"has {count} of them" if count else "finds no GPU"
            raise UsageError(
                f"{option('device', name)}, but this torch ({torch.__version__}) {has}; `netspec doctor` shows why"
            )
        if ":" in name:
            torch.cuda.set_device(device)  # streams, events and graphs are created on the current device
        return device
    raise UsageError(f"{option('device', name)}: netspec trains on cpu and cuda")


def choose_arithmetic(device: torch.device, precision: Precision | None, deterministic: bool = False) -> Arithmetic:
    """The arithmetic for a recipe's precision; None means tf32 on a GPU that has it, else fp32.

    Raises:
        UsageError: the device does not support the precision.
    """
    tensor_cores = device.type == "cuda" and torch.cuda.get_device_capability(device) >= (8, 0)
    if precision is None:
        precision = "tf32" if tensor_cores else "fp32"
    if precision == "tf32" and not tensor_cores:
        raise UsageError(f"`precision: tf32` needs an NVIDIA GPU of 2020 or later, not {describe(device)}; use fp32")
    if precision == "bf16" and device.type == "cuda" and not torch.cuda.is_bf16_supported():
        raise UsageError(f"`precision: bf16`, but {describe(device)} has no bf16; use fp16 or fp32")
    autocast = {"bf16": torch.bfloat16, "fp16": torch.float16}.get(precision)
    return Arithmetic(device, precision, autocast, deterministic)


@contextmanager
def numerics(arithmetic: Arithmetic) -> Generator[None]:
    """Set torch's global switches (TF32, cuDNN benchmark, determinism) for a run, and restore them afterwards."""
    was_deterministic = torch.are_deterministic_algorithms_enabled()
    warned = torch.is_deterministic_algorithms_warn_only_enabled()
    benchmark = torch.backends.cudnn.benchmark
    with ExitStack() as stack:
        if arithmetic.device.type == "cuda":
            stack.enter_context(_tf32(arithmetic.precision != "fp32"))
            torch.backends.cudnn.benchmark = not arithmetic.deterministic
        if arithmetic.deterministic:
            torch.use_deterministic_algorithms(True)
        try:
            yield
        finally:
            torch.backends.cudnn.benchmark = benchmark
            torch.use_deterministic_algorithms(was_deterministic, warn_only=warned)


@contextmanager
def _tf32(on: bool) -> Generator[None]:
    """Switch TF32 for float32 products on a GPU on or off, and restore the switches afterwards.

    torch has an old and a new set of switches. Reading an old one raises if only the new one was set, as
    `torch.compile` and Lightning do. Setting an old one sets both, so the old ones are used here.
    """
    backends: Any = torch.backends
    new = [backends.cuda.matmul, backends.mkldnn.matmul, backends.cudnn.conv, backends.cudnn.rnn]
    precisions = [switch.fp32_precision for switch in new]
    matmul_is_tf32, conv_is_tf32 = precisions[0] == "tf32", precisions[2] == "tf32"
    try:
        matmul = torch.get_float32_matmul_precision()
    except RuntimeError:  # the old switch and the new one differ
        matmul = "highest" if matmul_is_tf32 else "high"
    try:
        cudnn = bool(backends.cudnn.allow_tf32)
    except RuntimeError:
        cudnn = not conv_is_tf32
    try:
        torch.set_float32_matmul_precision("high" if on else "highest")
        backends.cudnn.allow_tf32 = on
        yield
    finally:
        torch.set_float32_matmul_precision(matmul)
        backends.cudnn.allow_tf32 = cudnn
        for switch, precision in zip(new, precisions, strict=True):
            switch.fp32_precision = precision


def fix_cublas() -> None:
    """Make cuBLAS deterministic by its environment variable, which is read when the GPU is first used.

    Raises:
        UsageError: the GPU is in use already, without the variable.
    """
    wanted, name = (":4096:8", ":16:8"), "CUBLAS_WORKSPACE_CONFIG"
    if os.environ.get(name) in wanted:
        _fixed.add(name)
        return
    if torch.cuda.is_initialized():
        if name in _fixed:  # set by an earlier run: the variable is read once
            return
        raise UsageError(
            f"{option('deterministic', True)} needs {name}={wanted[0]} before the GPU is first used; set it and "
            "start again"
        )
    os.environ[name] = wanted[0]
    _fixed.add(name)


_fixed = set[str]()
"""The name of the variable, if it was set before the GPU was first used."""


def gpu_memory(device: torch.device, others: int = 0) -> int:
    """Bytes that a run can use on a GPU: the free memory plus what this process's caching allocator holds, limited by
    `torch.cuda.set_per_process_memory_fraction`.

    Args:
        device: the GPU.
        others: bytes of tensors in this process that do not belong to the run.
    """
    free, total = torch.cuda.mem_get_info(device)
    with torch.cuda.device(device):
        share = int(total * torch.cuda.get_per_process_memory_fraction())
    return min(free + torch.cuda.memory_reserved(device), share) - others


def describe(device: torch.device) -> str:
    """A device as text: `cpu (x86_64, 2 threads)`, `cuda:0 (NVIDIA H200)`."""
    if device.type == "cuda":
        return f"cuda:{device.index or 0} ({torch.cuda.get_device_name(device)})"
    return f"cpu ({platform.machine()}, {torch.get_num_threads()} thread{'s' * (torch.get_num_threads() != 1)})"


def environment(arithmetic: Arithmetic, world_size: int = 1) -> dict[str, Any]:
    """The environment that result and speed depend on, for `environment.json`: versions, device, precision, threads."""
    facts: dict[str, Any] = {
        "versions": {
            "python": platform.python_version(),
            "netspec": _version("netspec-compiler"),
            **{name: _version(name) for name in ("torch", "torchvision", "numpy", "safetensors")},
        },
        "platform": platform.platform(),
        "device": describe(arithmetic.device),
        "precision": arithmetic.precision,
        "deterministic": arithmetic.deterministic,
        "world_size": world_size,
        "threads": torch.get_num_threads(),
        "cpus": os.cpu_count(),
        "command": sys.argv,
    }
    if arithmetic.device.type == "cuda":
        major, minor = torch.cuda.get_device_capability(arithmetic.device)
        facts["gpu"] = {
            "name": torch.cuda.get_device_name(arithmetic.device),
            "capability": f"{major}.{minor}",
            "memory_bytes": torch.cuda.mem_get_info(arithmetic.device)[1],
            "cuda": torch.version.cuda,
            "cudnn": torch.backends.cudnn.version(),
        }
    return facts


def _version(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None
