"""Where the layers of a file are in its network: as the exporter noted it, or as the weights are called."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Final

from netspec.capture.onnx.channels import is_key
from netspec.capture.onnx.program import OnnxStep


def place(steps: Sequence[OnnxStep]) -> set[str]:
    """Give each layer a path of its own; all paths that are taken then."""
    if not any(step.path for step in steps):
        _scopes_by_weights(steps)
    scopes = [step.path for step in steps]
    inside = {scope[:i] for scope in scopes for i, sign in enumerate(scope) if sign == "."}
    taken: set[str] = set()
    count = Counter(scopes)
    for step in steps:
        if step.layer is not None:
            step.path = free_path(_path_of(step, count, inside), taken | inside | (set(scopes) - {step.path}))
            taken.add(step.path)
    return taken | inside | set(scopes)


def _path_of(step: OnnxStep, count: Counter[str], inside: set[str]) -> str:
    """Where a layer is: the module that the node is in, where it is alone in it, or what its weights are called."""
    homes = [name.rpartition(".")[0] for name in step.hints if is_key(name) and "." in name]
    scope = step.path
    near = next((home for home in homes if home.rpartition(".")[0] == scope.rpartition(".")[0]), "")
    if (
        scope and near and step.node.op == "Conv" and count[scope] == 1 and scope not in inside
    ):  # a norm that the exporter made part of the convolution is in its place
        return near
    if scope and count[scope] == 1 and scope not in inside:
        return scope
    if scope:
        own = _OWN_NAMES.get(step.node.op, step.node.op.lower())
        leaves = [home.rpartition(".")[2] for home in homes]
        leaves += [name.rpartition(".")[2].rpartition("_")[0] for name in step.hints if is_key(name)]
        leaf = next(
            (name for name in leaves if name and name != scope.rpartition(".")[2] and not name.isdecimal()), own
        )
        return f"{scope}.{leaf}"
    return homes[0] if homes else _OWN_NAMES.get(step.node.op, step.node.op.lower())


_OWN_NAMES: Final = {
    "BatchNormalization": "norm", "Gather": "embedding", "Gemm": "linear", "LayerNormalization": "norm",
    "MatMul": "linear",
}  # fmt: skip


def free_path(path: str, taken: set[str]) -> str:
    """A path that nothing has, as much like this one as can be."""
    number, found = 2, path
    while found in taken:
        found, number = f"{path}_{number}", number + 1
    return found


def _scopes_by_weights(steps: Sequence[OnnxStep]) -> None:
    """Paths by what weights are called, in a file that tells none; what stands between two layers is where both are."""
    known: list[str | None] = []
    for step in steps:
        keys = [name for name in step.hints if is_key(name) and "." in name] if step.layer is not None else []
        known.append(keys[0].rpartition(".")[0] if keys else None)
    for i, step in enumerate(steps):
        own = known[i]
        if own is not None:
            step.path = own
            continue
        before = next((k for k in reversed(known[:i]) if k is not None), "").split(".")[:-1]
        after = next((k for k in known[i + 1 :] if k is not None), "").split(".")[:-1]
        shared = [a for a, b in zip(before, after, strict=False) if a == b]
        step.path = ".".join(shared) if step.layer is None else ""
