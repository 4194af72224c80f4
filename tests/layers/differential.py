"""netspec against torch, on generated configurations of single layers and on random chains.

`python -m tests.layers.differential --configs 1000 --chains 5000 --seed 7` compares 1,000 configurations of every layer
and 5,000 chains, prints how many of each layer torch accepted and rejected, and ends with status 1 if there was a
disagreement. Each disagreement is shrunk and written to `regressions/`, which the ordinary tests replay.
"""

from __future__ import annotations

import argparse
import math
import sys
import warnings
import zlib
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from random import Random
from typing import Any, NamedTuple

import torch
import yaml
from pydantic import ValidationError

import netspec
from netspec.dims import Findings, Problem, Unmet, collecting
from netspec.layers import layer_class
from netspec.layers.base import Layer, TensorType, TorchCall
from tests.layers.excuses import EXCUSES
from tests.layers.generator import LAYERS, Config, draw, draw_shape
from tests.layers.oracle import BATCH, Verdict, buffers_of, judge, macs_of, parameters_of, run

REGRESSIONS = Path(__file__).parent / "regressions"
LARGEST = 2_000  # elements of a tensor in a chain: more would only take time


class Opinion(NamedTuple):
    """What netspec says of a configuration: the layer and its output, or the reason why not."""

    layer: Layer | None
    output: TensorType | None = None
    reason: str = ""


def opinion(config: Config) -> Opinion:
    """Validate the arguments and call the rule."""
    try:
        layer = layer_class(config.layer).model_validate(dict(config.arguments))
    except ValidationError as error:
        return Opinion(None, reason=str(error))
    findings = Findings()
    with collecting(findings):
        try:
            output = layer.output(TensorType(config.shape, config.dtype))  # type: ignore[arg-type]
        except Unmet as unmet:
            assert names_its_axis(unmet.problem), unmet.problem
            return Opinion(None, reason=unmet.problem.message)
    assert all(names_its_axis(problem) for problem in findings.problems), findings.problems
    errors = [problem.message for problem in findings.problems if problem.severity == "error"]
    return Opinion(None, reason="; ".join(errors)) if errors else Opinion(layer, output)


def names_its_axis(problem: Problem) -> bool:
    """Whoever shows a problem fills in which layer gave the size along its axis: the message has the place for it."""
    return ("{given}" in problem.message) == (problem.axis is not None)


def written_call(config: Config) -> TorchCall:
    """The torch call that a configuration stands for, made without asking netspec's rules."""
    cls = layer_class(config.layer)
    arguments: dict[str, Any] = {}
    if cls.width is not None and config.arguments.get(cls.width) is None:
        axis = cls.width_axis
        arguments[cls.width] = config.shape[axis] if -len(config.shape) <= axis < len(config.shape) else 1
    arguments |= config.arguments
    module = "torch.nn"
    if config.layer in ("RNN", "LSTM", "GRU"):
        module = "netspec.torch.recurrent"
        arguments["batch_first"] = True
    if config.layer == "LSTMCell":
        return TorchCall("StatefulLSTMCell", arguments, "netspec.torch.recurrent")
    if config.layer.startswith("MaxPool") and arguments.get("return_indices") is True:
        arguments["return_indices"] = False  # a chain, which asks for one result, gets one
    if config.layer == "TransformerEncoderLayer":
        arguments["batch_first"] = True
    if isinstance(arguments.get("encoder_layer"), dict):
        inner = Config("TransformerEncoderLayer", arguments["encoder_layer"], config.shape)
        arguments |= {"encoder_layer": written_call(inner), "enable_nested_tensor": False}
    return TorchCall(f"Chain{config.layer}" if module != "torch.nn" else config.layer, arguments, module)


def disagreement(config: Config) -> tuple[str | None, Verdict]:
    """What is wrong between the two about a configuration, None if nothing is, and torch's verdict."""
    mine = opinion(config)
    indices = config.arguments.get("num_embeddings", 2)
    indices = indices if isinstance(indices, int) else 2
    if mine.layer is None or mine.output is None:
        verdict = judge(written_call(config), config.shape, config.dtype, indices)
        if not verdict.accepted or any(excuse(config, verdict) for excuse in EXCUSES.values()):
            return None, verdict
        return f"false reject: {mine.reason}", verdict
    x = TensorType(config.shape, config.dtype)  # type: ignore[arg-type]
    call = mine.layer.call(x)
    verdict = judge(call, config.shape, config.dtype, indices)
    if verdict.module is None:
        return f"false accept: torch says {verdict.reason}", verdict
    stated = {name: value for name, value in config.arguments.items() if name != "encoder_layer" and value is not None}
    if config.layer.startswith("MaxPool"):
        stated.pop("return_indices", None)  # it counts where results have names: `test_unpooling.py`
    facts = [
        ("shape", (BATCH, *mine.output.shape), verdict.shape),
        ("dtype", mine.output.dtype, verdict.dtype),
        ("parameters", mine.layer.parameters(x), parameters_of(verdict.module)),
        ("parameter count", mine.layer.params(x), sum(p.numel() for p in verdict.module.parameters())),
        ("buffers", mine.layer.buffers(x), buffers_of(verdict.module)),
        ("arguments", stated, {name: call.arguments.get(name) for name in stated}),
    ]
    for name, ours, theirs in facts:
        if ours != theirs:
            return f"wrong {name}: netspec says {ours}, torch {theirs}", verdict
    return None, verdict


def macs_disagreement(config: Config, verdict: Verdict) -> str | None:
    """What is wrong between the two about the multiply-accumulates of a configuration that both accept."""
    layer = opinion(config).layer
    if layer is None or verdict.module is None:
        return None
    ours = layer.macs(TensorType(config.shape, config.dtype))  # type: ignore[arg-type]
    theirs = macs_of(verdict.module, config.shape, config.dtype, config.arguments.get("num_embeddings", 2))
    return None if ours == theirs else f"wrong MACs: netspec says {ours}, torch {theirs}"


# ---- chains


def draw_chain(rng: Random) -> list[Config]:
    """A chain of 5 to 30 layers, each drawn until it fits; the last layer of some does not."""
    while True:
        chain = _grown(rng, rng.randint(5, 30))
        if len(chain) >= 5:
            return chain


def _grown(rng: Random, length: int) -> list[Config]:
    shape, dtype = draw_shape(rng.choice(LAYERS), rng), "int64" if rng.random() < 0.1 else "float32"
    chain: list[Config] = []
    for _ in range(20 * length):
        if len(chain) == length:
            break
        config = draw(rng.choice(LAYERS), rng, spoil=False)._replace(shape=shape, dtype=dtype)
        output = opinion(config).output
        if output is None:
            if len(chain) >= 4 and rng.random() < 0.01:
                return [*chain, config]
        elif math.prod(output.shape) <= LARGEST:  # type: ignore[arg-type]  # concrete sizes
            chain.append(config)
            shape, dtype = output.shape, output.dtype  # type: ignore[assignment]
    return chain


def chain_yaml(chain: list[Config]) -> str:
    """The spec of a chain."""
    first = chain[0]
    layers = [{config.layer: _plain(config.arguments)} if config.arguments else config.layer for config in chain]
    spec = {"input": {"shape": list(first.shape), "dtype": first.dtype}, "layers": layers}
    return yaml.dump(spec, Dumper=yaml.CSafeDumper, sort_keys=False, default_flow_style=None, width=120)


def chain_of(text: str) -> list[Config]:
    """The chain that a regression file describes, as far as netspec knows the shapes."""
    spec = yaml.load(text, yaml.CSafeLoader)
    shape, dtype = tuple(spec["input"]["shape"]), spec["input"]["dtype"]
    chain: list[Config] = []
    for item in spec["layers"]:
        name, arguments = next(iter(item.items())) if isinstance(item, dict) else (item, {})
        chain.append(Config(name, tupled(arguments), shape, dtype))
        output = opinion(chain[-1]).output
        if output is None:
            break
        shape, dtype = output.shape, output.dtype
    return chain


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    return [_plain(item) for item in value] if isinstance(value, tuple) else value


def tupled(value: Any) -> Any:
    """Arguments with tuples in place of lists, as elaboration hands them to a layer."""
    if isinstance(value, dict):
        return {key: tupled(item) for key, item in value.items()}
    return tuple(tupled(item) for item in value) if isinstance(value, list) else value


def chain_disagreement(chain: list[Config]) -> str | None:
    """What is wrong between the two about a chain: the compiler on its YAML, torch on one real tensor all the way."""
    try:
        net = netspec.loads(chain_yaml(chain))
    except netspec.SpecError as error:
        net, reason = None, "; ".join(d.message for d in error.diagnostics if d.severity == "error")
    else:
        reason = ""
    opinions = [opinion(config) for config in chain]
    if (net is None) != (opinions[-1].layer is None):
        return (
            f"the compiler disagrees with the rules: {reason or 'accepted'} against {opinions[-1].reason or 'accepted'}"
        )
    start = torch.zeros(BATCH, *chain[0].shape, dtype=getattr(torch, chain[0].dtype))
    values = (start, start)  # of the train mode and of the eval mode; zeros are indices into every table
    for config, mine in zip(chain, opinions, strict=True):
        if mine.layer is None or mine.output is None:
            break  # it is judged alone, below
        verdict, values = run(mine.layer.call(TensorType(config.shape, config.dtype)), values)  # type: ignore[arg-type]
        if verdict.module is None:
            return f"false accept of {config.layer}: torch says {verdict.reason}"
        if (verdict.shape, verdict.dtype) != ((BATCH, *mine.output.shape), mine.output.dtype):
            return f"wrong output of {config.layer}: netspec says {mine.output}, torch {verdict.shape} {verdict.dtype}"
    if net is None:
        return disagreement(chain[-1])[0]
    if [leaf.output.shape for leaf in net.layers] != [mine.output.shape for mine in opinions if mine.output]:
        return "the compiler's shapes are not those of the rules"
    return None


# ---- shrinking


def shrunk(config: Config) -> Config:
    """The smallest configuration that shows the same kind of disagreement."""
    kind = _kind(disagreement(config)[0])
    progress = kind is not None  # else it is about MACs, and the configuration is small as it is
    while progress:
        progress = False
        for smaller in _smaller(config):
            if _kind(disagreement(smaller)[0]) == kind:
                config, progress = smaller, True
                break
    return config


def shrunk_chain(chain: list[Config]) -> list[Config]:
    """The shortest chain that shows a disagreement: without its ends, then without each layer that keeps the shape."""
    progress = True
    while progress:
        progress = False
        shorter = [chain[:-1], chain[1:], *(chain[:i] + chain[i + 1 :] for i in range(1, len(chain) - 1))]
        for candidate in shorter:
            joined = all(_gives(a, b) for a, b in pairwise(candidate))
            if candidate and joined and chain_disagreement(candidate) is not None:
                chain, progress = candidate, True
                break
    return chain


def _gives(a: Config, b: Config) -> bool:
    output = opinion(a).output
    return output is not None and (output.shape, output.dtype) == (b.shape, b.dtype)


def _kind(message: str | None) -> str | None:
    return None if message is None else message.partition(":")[0]


def _smaller(config: Config) -> Iterator[Config]:
    for name, value in config.arguments.items():
        rest = {key: item for key, item in config.arguments.items() if key != name}
        yield config._replace(arguments=rest)
        simpler: list[Any] = []
        if isinstance(value, tuple) and value:
            simpler = [value[0], *({*value} - {value[0]})]
        elif type(value) is int:
            simpler = [n for n in (0, 1, value // 2, value - 1) if abs(n) < abs(value)]
        elif isinstance(value, float):
            simpler = [n for n in (0.0, 1.0, 0.5) if abs(n) < abs(value)]
        for item in simpler:
            yield config._replace(arguments=config.arguments | {name: item})
    for axis, size in enumerate(config.shape):
        for n in {1, size // 2, size - 1}:
            if 1 <= n < size:
                yield config._replace(shape=(*config.shape[:axis], n, *config.shape[axis + 1 :]))


# ---- runs


@dataclass
class Tally:
    """What became of the configurations of one layer."""

    accepted: int = 0
    rejected: int = 0
    changed: Counter[str] = field(default_factory=Counter)
    """How often each argument stood away from its default."""
    found: list[tuple[Config, str]] = field(default_factory=list)

    @property
    def total(self) -> int:
        return self.accepted + self.rejected


def compare(name: str, configs: int, seed: int) -> Tally:
    """Compare so many configurations of one layer; about a third of them are illegal for torch."""
    rng = Random(f"{seed} {name}")
    torch.manual_seed(seed)
    cls, tally = layer_class(name), Tally()
    for _ in range(configs):
        few = tally.rejected < 0.36 * tally.total
        config = draw(name, rng, spoil=rng.random() < (0.95 if few else 0.1))
        message, verdict = disagreement(config)
        tally.accepted += verdict.accepted
        tally.rejected += not verdict.accepted
        for argument, value in config.arguments.items():
            known = cls.model_fields.get(argument)
            tally.changed[argument] += known is not None and value != known.default
        if message is None and verdict.accepted and tally.accepted % 10 == 0:
            message = macs_disagreement(config, verdict)
        if message is not None:
            tally.found.append((config, message))
    return tally


def compare_chains(chains: int, seed: int) -> tuple[int, int, list[tuple[list[Config], str]]]:
    """Compare so many chains. Returns how many were legal to the end, how many were not, and the disagreements."""
    rng = Random(f"{seed} chains")
    torch.manual_seed(seed)
    accepted = rejected = 0
    found: list[tuple[list[Config], str]] = []
    for _ in range(chains):
        chain = draw_chain(rng)
        if opinion(chain[-1]).layer is None:
            rejected += 1
        else:
            accepted += 1
        message = chain_disagreement(chain)
        if message is not None:
            found.append((chain, message))
    return accepted, rejected, found


def keep(chain: list[Config], message: str) -> Path:
    """Write a disagreement to the regression files."""
    text = chain_yaml(chain)
    path = REGRESSIONS / f"{chain[-1].layer}-{zlib.crc32(text.encode()):08x}.yaml"
    path.write_text(f"# {' '.join(message.split())[:110]}\n{text}")
    return path


def main(arguments: list[str] | None = None) -> int:
    """The command."""
    parser = argparse.ArgumentParser(prog="python -m tests.layers.differential", description=__doc__.split("\n")[0])
    parser.add_argument("--configs", type=int, default=200, help="configurations of each layer")
    parser.add_argument("--chains", type=int, default=2000, help="random chains of 5 to 30 layers")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--layer", action="append", choices=LAYERS, help="only this layer (may be repeated)")
    options = parser.parse_args(arguments)
    torch.set_num_threads(1)
    warnings.simplefilter("ignore")
    disagreements = accepted = rejected = 0
    print(f"{'layer':28}{'accepted':>10}{'rejected':>10}")
    for name in options.layer or LAYERS:
        tally = compare(name, options.configs, options.seed)
        accepted, rejected = accepted + tally.accepted, rejected + tally.rejected
        disagreements += len(tally.found)
        print(f"{name:28}{tally.accepted:>10}{tally.rejected:>10}", flush=True)
        for config, message in tally.found[:5]:
            _show([shrunk(config)], message)
    print(f"{'all':28}{accepted:>10}{rejected:>10}")
    legal, illegal, broken = compare_chains(options.chains, options.seed)
    print(f"{'chains':28}{legal:>10}{illegal:>10}")
    disagreements += len(broken)
    for chain, message in broken[:20]:
        _show(shrunk_chain(chain), message)
    print(f"{disagreements} disagreements, seed {options.seed}")
    return 1 if disagreements else 0


def _show(chain: list[Config], message: str) -> None:
    print(f"\n{keep(chain, message)}\n{message}\n{chain_yaml(chain)}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    raise SystemExit(main())
