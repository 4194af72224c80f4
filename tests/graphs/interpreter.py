"""A spec's graph over torch tensors, as straightforward as can be: the independent reading of `as`, `use` and `output`.

It runs plain data as `yaml.safe_load` gives it. Expressions are Python's own, evaluated over tensors; layers take their
weights in the order in which they run.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor


class Interpreter:
    """Runs a spec. `weights` gives the `state_dict` of each layer in the order in which they run."""

    def __init__(self, spec: dict[str, Any], weights: Iterator[dict[str, Tensor]]) -> None:
        self.spec = spec
        self.blocks = {
            re.split(r"\W", signature)[0]: (signature, body) for signature, body in spec.get("blocks", {}).items()
        }
        self.weights = weights
        self.shared: dict[str, list[int]] = {}
        """Where the weights of each shared module lie, in the order in which its layers run."""
        self.used: list[int] = []
        """Those of the layers so far."""
        self.again = 0
        self.parameters = 0
        self.macs = 0
        self.constant_macs = 0
        """Those of what is computed of parameters and buffers alone."""

    def run(self, inputs: list[Tensor]) -> dict[str, Tensor | list[Tensor]]:
        """The outputs by their names; one without a name is called `output`, a family is a list."""
        given = self.spec["input"]
        names: dict[str, Any] = dict(zip(given, inputs, strict=True)) if isinstance(given, dict) else {}
        end = self.list(self.spec["layers"], inputs[0], names, {})
        wanted = self.spec.get("output")
        if not isinstance(wanted, dict):
            return self.whole({"output": end if wanted is None else self.value(wanted, names, {})}, inputs[0])
        found = {
            name: self.list(value, end, names, {}) if isinstance(value, list) else self.value(value, names, {})
            for name, value in wanted.items()
        }
        found = {name: [x[i] for i in sorted(x)] if isinstance(x, dict) else x for name, x in found.items()}
        return self.whole(found, inputs[0])

    def whole(self, found: dict[str, Any], given: Tensor) -> dict[str, Tensor | list[Tensor]]:
        """Outputs with one example for each that is given."""
        return {
            name: [self.over_batch([each, given])[0] for each in x]
            if isinstance(x, list)
            else self.over_batch([x, given])[0]
            for name, x in found.items()
        }

    def list(self, items: list[Any], x: Tensor, names: dict[str, Any], numbers: dict[str, Any]) -> Tensor:
        """Names bound inside are known behind it: whoever wants a branch gives a copy."""
        for item in items:
            item = {item: None} if isinstance(item, str) else dict(item)
            if "output" in item:
                return self.value(item["output"], names, numbers)
            if not item.pop("when", True):
                continue
            bound = item.pop("as", None)
            item.pop("name", None)
            if "shared" in item:
                name = re.sub(
                    r"{(.*?)}", lambda m: str(self.value(m[1], names, numbers)), item.pop("shared")
                )  # called here
                x = self.one(name, item, x, names, numbers)
            elif item:
                x = self.item(item, x, names, numbers)
            if isinstance(x, tuple):  # what flows on is the first, or the family
                parts = x
                if isinstance(bound, str):
                    names[bound] = dict(enumerate(parts))
                elif isinstance(bound, list):
                    for name, part in zip(bound, parts, strict=True):
                        if name != "_":
                            self.bind(name, part, names, numbers)
                x = parts[0]
            elif bound is not None:
                self.bind(bound, x, names, numbers)
        return x

    def filled(self, name: str, numbers: dict[str, Any]) -> str:
        return re.sub(r"{(.*?)}", lambda found: str(self.value(found[1], {}, numbers)), name)

    def one(self, name: str, item: dict[str, Any], x: Tensor, names: dict[str, Any], numbers: dict[str, Any]) -> Tensor:
        """The applications of a shared module: its parameters count once, and each finds the same."""
        body = {"sequential": item["do"]} if "do" in item else {k: v for k, v in item.items() if k != "repeat"}
        for _ in range(item.get("repeat", 1)):
            again, begin = name in self.shared, len(self.used)
            self.again += again
            x = self.item(body, x, dict(names), numbers)
            self.again -= again
            used = self.used[begin:]
            assert self.shared.setdefault(name, used) == used
        return x

    def bind(self, target: str, x: Tensor, names: dict[str, Any], numbers: dict[str, Any]) -> None:
        name, bracket, index = target.partition("[")
        if bracket:
            names[name] = {**names.get(name, {}), self.value(index[:-1], names, numbers): x}
        else:
            names[name] = x

    def value(self, text: Any, names: dict[str, Any], numbers: dict[str, Any]) -> Any:
        return eval(str(text), {"range": range, **names, **numbers})

    def item(self, item: dict[str, Any], x: Tensor, names: dict[str, Any], numbers: dict[str, Any]) -> Tensor:
        head = next(iter(item))
        match item:
            case {"use": text}:
                return self.value(text, names, numbers)
            case {"do": do}:
                for inner in self.rounds(item, numbers):
                    x = self.list(do, x, names, inner)
                return x
            case {"sequential": inside}:
                return self.list(inside, x, names, numbers)
            case {"residual": body}:
                y = self.list(body, x, dict(names), numbers)
                return y + self.list(item.get("shortcut", []), x, dict(names), numbers)
            case {"gate": body}:
                return x * self.list(body, x, dict(names), numbers)
            case {"add": branches}:
                first, *others = self.branches(branches, x, names, numbers)
                for other in others:
                    first = first + other
                return first
            case {"concat": branches}:
                return torch.cat(self.over_batch(self.branches(branches, x, names, numbers)), 1)
            case _ if head in self.blocks:
                return self.call(head, item[head], x, names, numbers)
            case _:
                return self.layer(head, item[head], x)

    @staticmethod
    def over_batch(tensors: list[Tensor]) -> list[Tensor]:
        """Constants, whose batch axis is 1, repeated for as many examples as the others have."""
        batch = max(tensor.shape[0] for tensor in tensors)
        return [tensor.expand(batch, *tensor.shape[1:]) for tensor in tensors]

    def rounds(self, item: dict[str, Any], numbers: dict[str, Any]) -> list[dict[str, Any]]:
        if "for" in item:
            name, _, values = item["for"].partition(" in ")
            return [{**numbers, name: value} for value in self.value(values, {}, numbers)]
        return [numbers] * item.get("repeat", 1)

    def branches(self, branches: Any, x: Tensor, names: dict[str, Any], numbers: dict[str, Any]) -> list[Tensor]:
        if isinstance(branches, str):
            found = self.value(branches, names, numbers)
            return [found[index] for index in sorted(found)] if isinstance(found, dict) else found
        made: list[Tensor] = []
        for branch in branches:
            if isinstance(branch, str):
                made.append(self.value(branch, names, numbers))
            elif isinstance(branch, dict):
                inner = self.rounds(branch, numbers) if branch.get("when", True) else []
                made += [self.list(branch["do"], x, dict(names), each) for each in inner]
            else:
                made.append(self.list(branch, x, dict(names), numbers))
        return made

    def call(
        self, name: str, arguments: list[Any], x: Tensor, names: dict[str, Any], numbers: dict[str, Any]
    ) -> Tensor:
        signature, body = self.blocks[name]
        parameters = re.findall(r"\w+", signature)[1:]
        values = [self.value(argument, names, numbers) for argument in arguments]
        return self.list(body, x, dict(zip(parameters, values, strict=True)), {})

    def layer(self, name: str, given: Any, x: Tensor) -> Tensor:
        weights = next(self.weights)
        self.used += [tensor.data_ptr() for tensor in weights.values()]
        if name != "Buffer":
            self.parameters += 0 if self.again else sum(tensor.numel() for tensor in weights.values())
        match name:
            case "Parameter":
                assert list(weights["weight"].shape) == (given["shape"] if isinstance(given, dict) else given)
                return weights["weight"].unsqueeze(0)
            case "Buffer":
                value = given["value"] if isinstance(given, dict) else given
                return torch.tensor(self.value(value, {}, {}) if isinstance(value, str) else value).unsqueeze(0)
            case "Chunk":
                return torch.chunk(x, given, 1)  # type: ignore[return-value]  # told apart where it is named
            case "Split":
                return torch.split(x, given["sizes"], 1)  # type: ignore[return-value]  # likewise
            case "ReLU":
                return F.relu(x)
            case "Tanh":
                return torch.tanh(x)
            case "MaxPool2d":
                return F.max_pool2d(x, given)
            case "AdaptiveAvgPool2d":
                return F.adaptive_avg_pool2d(x, given["output_size"] if isinstance(given, dict) else given)
            case "GroupNorm":
                return F.group_norm(x, 1, weights["weight"], weights["bias"])
            case _:
                y = F.conv2d(x, weights["weight"], weights["bias"], padding=given.get("padding", 0))
                assert weights["weight"].shape == (given["out_channels"], x.shape[1], *2 * [given["kernel_size"]])
                macs = weights["weight"].numel() * y.shape[2] * y.shape[3]
                self.macs += macs
                self.constant_macs += macs if y.shape[0] == 1 else 0
                return y
