"""What of a network must not change unseen, as a record that is written, read and compared: shapes, counts, the keys of
the `state_dict`.

A record has a line for each layer, in the order of the network, so that the change of a spec is as short a change of
its record. Which numbers a layer computes with beside its shapes (`p`, `eps`) is the spec's own affair.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Final, Literal, NamedTuple, cast

from pydantic import BaseModel, ConfigDict

from netspec.dims import Shape, Size
from netspec.layers.base import TensorType
from netspec.net import Leaf, Net
from netspec.views.describe import count_text, plural

FORMAT: Final = "netspec.lock/1"

Sizes = tuple[int | str, ...]
"""A shape; a size that depends on symbols of the input is its formula."""


class _Record(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class LockedValue(_Record):
    """What a network takes or gives."""

    shape: Sizes
    dtype: str


class LockedLayer(_Record):
    """A layer, with the parameters and persistent buffers of its module."""

    type: str
    output: Sizes
    state: Mapping[str, Sizes] = {}


class LockedNet(_Record):
    """A network."""

    inputs: Mapping[str, LockedValue]
    outputs: Mapping[str, LockedValue]
    params: int | str
    trainable_params: int | str
    macs: int | str
    layers: Mapping[str, LockedLayer]


class LockedSpec(_Record):
    """The networks of a spec: its own, where it means something without a variant, and those of its variants."""

    net: LockedNet | None = None
    variants: Mapping[str, LockedNet] = {}


class Lock(_Record):
    """All that is locked: the path of a spec, with `/`, from the directory of the file → its networks."""

    format: Literal["netspec.lock/1"] = FORMAT
    specs: Mapping[str, LockedSpec] = {}


def locked(net: Net) -> LockedNet:
    """The record of a network. A `shared` module stands where it runs first."""
    return LockedNet(
        inputs={value.name or "input": _value(value.type) for value in net.inputs},
        outputs=dict(_outputs(net)),
        params=_size(net.params),
        trainable_params=_size(net.trainable_params),
        macs=_size(net.macs),
        layers={leaf.path: _layer(leaf) for leaf in net.layers if not leaf.again},
    )


def _outputs(net: Net) -> Iterator[tuple[str, LockedValue]]:
    for value in net.outputs:
        name = value.name or "output"
        for number, type_ in enumerate(value.types):
            yield (f"{name}[{number}]" if value.family else name), _value(type_)


def _layer(leaf: Leaf) -> LockedLayer:
    state = {name: _shape(shape) for name, shape in (leaf.parameters | leaf.buffer_shapes).items()}
    return LockedLayer(type=leaf.type, output=_shape(leaf.output_shape), state=state)


def _value(type_: TensorType) -> LockedValue:
    return LockedValue(shape=_shape(type_.shape), dtype=type_.dtype)


def _shape(shape: Shape) -> Sizes:
    return tuple(map(_size, shape))


def _size(size: Size) -> int | str:
    return size if isinstance(size, int) else str(size)


# ---- text


def lock_text(lock: Lock) -> str:
    """The lock as JSON, the specs and variants by their names, with a line for each value, count and layer."""
    specs = {
        path: {
            **({} if spec.net is None else {"net": _lines_of(spec.net)}),
            **({"variants": {name: _lines_of(net) for name, net in sorted(spec.variants.items())}}
               if spec.variants else {}),
        }
        for path, spec in sorted(lock.specs.items())
    }  # fmt: skip
    return _indented({"format": lock.format, "specs": specs}, "") + "\n"


class _Inline(NamedTuple):
    """What stands in one line."""

    value: object


def _lines_of(net: LockedNet) -> dict[str, object]:
    plain = net.model_dump(exclude_defaults=True)
    inline = {name: {key: _Inline(each) for key, each in plain[name].items()} for name in ("inputs", "outputs")}
    return {**plain, **inline, "layers": {path: _Inline(layer) for path, layer in plain["layers"].items()}}


def _indented(value: object, indent: str) -> str:
    if isinstance(value, _Inline):
        return json.dumps(value.value, ensure_ascii=False)
    if not isinstance(value, dict) or not value:
        return json.dumps(value, ensure_ascii=False)
    inner = indent + "  "
    entries = cast("dict[str, object]", value)
    lines = [f"{inner}{json.dumps(key, ensure_ascii=False)}: {_indented(each, inner)}" for key, each in entries.items()]
    return "{\n" + ",\n".join(lines) + f"\n{indent}}}"


# ---- differences


class LockDifference(NamedTuple):
    """One thing that is not as it is locked."""

    words: str
    path: str | None = None
    """The layer that it is about."""


def differences(old: LockedNet, new: LockedNet) -> list[LockDifference]:
    """What has changed, each with both values: what is taken and given, the counts, then layer by layer."""
    return [
        *_values("input", old.inputs, new.inputs),
        *_values("output", old.outputs, new.outputs),
        *_counts(old, new),
        *_layers(old.layers, new.layers),
    ]


def _values(what: str, old: Mapping[str, LockedValue], new: Mapping[str, LockedValue]) -> Iterator[LockDifference]:
    for name in [*old, *(name for name in new if name not in old)]:
        before, after = old.get(name), new.get(name)
        if before != after:
            word = f"the {what}" if name == what else f"{what} `{name}`"
            yield LockDifference(f"{word}: {_value_text(before)} → {_value_text(after)}")


def _value_text(value: LockedValue | None) -> str:
    if value is None:
        return "none"
    return _text(value.shape) + ("" if value.dtype == "float32" else f" {value.dtype}")


def _counts(old: LockedNet, new: LockedNet) -> Iterator[LockDifference]:
    for noun, before, after in (
        ("parameters", old.params, new.params),
        ("trainable parameters", old.trainable_params, new.trainable_params),
        ("MACs", old.macs, new.macs),
    ):
        if before != after:
            yield LockDifference(f"{noun}: {_count(before)} → {_count(after)}")


def _count(count: int | str) -> str:
    return count_text(count) if isinstance(count, int) else count


def _layers(old: Mapping[str, LockedLayer], new: Mapping[str, LockedLayer]) -> Iterator[LockDifference]:
    for path, layer in new.items():
        before = old.get(path)
        if before is None:
            yield LockDifference(f"`{path}` is new: `{layer.type}`{_keys(path, layer)}", path)
        elif before != layer:
            yield LockDifference(f"`{path}`: {', '.join(_changes(before, layer))}", path)
    for path, layer in old.items():
        if path not in new:
            yield LockDifference(f"`{path}` is gone: `{layer.type}`{_keys(path, layer)}", path)
    if dict(old) == dict(new) and list(old) != list(new):
        yield LockDifference("the layers run in another order")


def _keys(path: str, layer: LockedLayer) -> str:
    return f", with {', '.join(f'`{path}.{name}`' for name in layer.state)}" if layer.state else ""


def _changes(old: LockedLayer, new: LockedLayer) -> Iterator[str]:
    if old.type != new.type:
        yield f"`{old.type}` → `{new.type}`"
    if old.output != new.output:
        yield f"output {_text(old.output)} → {_text(new.output)}"
    for name in [*old.state, *(name for name in new.state if name not in old.state)]:
        before, after = old.state.get(name), new.state.get(name)
        if before != after:
            yield f"`{name}` {_text(before)} → {_text(after)}"
    if old.state == new.state and list(old.state) != list(new.state):
        yield "its parameters stand in another order"


def _text(sizes: Sequence[int | str] | None) -> str:
    if sizes is None:
        return "none"
    return " × ".join(map(str, sizes)) or "scalar"


def counted_text(lock: Lock) -> str:
    """How much is locked: `3 specs with 12 networks`."""
    nets = sum((spec.net is not None) + len(spec.variants) for spec in lock.specs.values())
    return f"{plural(len(lock.specs), 'spec')} with {plural(nets, 'network')}"
