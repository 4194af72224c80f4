"""Several modules of a family → one spec with a variant for each, with the proof that each is its module."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from itertools import takewhile
from typing import Any, NamedTuple

from torch import Tensor, nn

from netspec.arguments import Arguments
from netspec.called import check_variant
from netspec.capture.families.arguments import arguments_of
from netspec.capture.graph import Trace
from netspec.capture.importing import FromTorch, proven, seen_of, unproven
from netspec.capture.modules.offered import offering
from netspec.capture.proving.unused import unused_parts, with_unused
from netspec.capture.running.given import check_given, title_of, usual_torch
from netspec.capture.running.prepared import prepared
from netspec.capture.running.runs import run
from netspec.capture.running.shown import with_shown_keys
from netspec.capture.texts import of_member, together
from netspec.compiler import offer_with
from netspec.diagnostics import UsageError


class FromTorchVariants(NamedTuple):
    """The spec of a family of modules, and what was found out about each."""

    text: str
    members: dict[str, FromTorch]
    """By the names of the variants."""

    @property
    def keeps_keys(self) -> bool:
        """Whether weights of every member load without a transfer."""
        return all(found.keeps_keys for found in self.members.values())


def from_torch_variants(
    modules: Mapping[str, nn.Module],
    *example: Tensor,
    name: str | None = None,
    is_verified: bool = True,
    plugins: Iterable[str | type[Arguments]] = (),
    arguments: Mapping[str, Mapping[str, Any]] | None = None,
) -> FromTorchVariants:
    """One spec of several members of a family: what they have in common is said once, and each is a variant.

    Members have the same layers but for numbers, the blocks that are used, how often something repeats, and layers
    that some have and others have not. Each variant is proven as `from_torch` proves one spec.

    Args:
        modules: the members by the names of their variants, on the CPU.
        example: arguments of each, the batch first.
        name: of the spec; what the names of the variants have in common if left out.
        is_verified: hold each variant against its module, on other batches and in training mode.
        plugins: as of `from_torch`.
        arguments: with which the members were made, by the names of their variants: variables are called after the
            arguments that have their values, as they are after what a member keeps of them.

    Raises:
        NotCaptured: a module does what a spec cannot say, the members are too different, or a variant differs from its
            module; the message says which.
        PluginError: a plugin cannot be imported, or its code fails.
        UsageError: there are fewer than two members, a name can name no variant, or an argument is no tensor with a
            batch.

    >>> from torch import nn, zeros
    >>> def net(depth):
    ...     return nn.Sequential(nn.Flatten(), *(nn.Sequential(nn.Linear(64, 64), nn.ReLU()) for _ in range(depth)))
    >>> spec = netspec.from_torch_variants({"net2": net(2), "net4": net(4)}, zeros(2, 1, 8, 8))
    >>> print(spec.text, end="")
    netspec: 1
    name: net
    input: [1, 8, 8]
    <BLANKLINE>
    variants:
      net2: {depth: 2}
      net4: {depth: 4}
    <BLANKLINE>
    layers:
      - Flatten
      - sequential:
          - Linear: 64
          - ReLU
        repeat: depth
    """
    if len(modules) < 2:
        raise UsageError("a spec with variants is of two members or more: `from_torch` writes the spec of one")
    for variant, module in modules.items():
        check_variant(variant)
        check_given(module, example)
    title = title_of(name or family_of(list(modules)) or type(next(iter(modules.values()))).__name__.lower())
    with usual_torch(), offering(offer_with(plugins)):
        ready = {variant: prepared(module, example) for variant, module in modules.items()}
        shown = {variant: with_shown_keys(module, example) for variant, module in ready.items()}
        made_with = [arguments_of(module, (arguments or {}).get(variant)) for variant, module in modules.items()]
        members = together(_runs(ready, shown, title, is_verified=is_verified), title, list(modules), made_with)
        found: dict[str, FromTorch] = {}
        for (variant, module), written in zip(ready.items(), members, strict=True):
            with of_member(variant, "; import it by itself"):
                found[variant] = proven(module, shown[variant], written) if is_verified else unproven(module, written)
    return _whole(members[0].text, ready, found)


def family_of(names: list[str]) -> str:
    """What names have in common at their beginning, without numbers; empty where that is nothing.

    >>> family_of(["resnet18", "resnet152"]), family_of(["vgg11_bn", "vgg19"]), family_of(["small", "large"])
    ('resnet', 'vgg', '')
    """
    same = takewhile(lambda letters: len(set(letters)) == 1, zip(*names, strict=False))
    return re.sub(r"[\W\d_]+$", "", "".join(letters[0] for letters in same))


def _runs(
    modules: Mapping[str, nn.Module], shown: Mapping[str, Sequence[Tensor]], title: str, *, is_verified: bool
) -> list[Callable[[], Trace]]:
    """What runs each member, anew each time."""
    runs: list[Callable[[], Trace]] = []
    for variant, module in modules.items():
        with of_member(variant):
            once = partial(run, module, shown[variant], 2, training=False)
            runs.append(seen_of(module, shown[variant], title).again if is_verified else once)
    return runs


def _whole(text: str, modules: Mapping[str, nn.Module], found: Mapping[str, FromTorch]) -> FromTorchVariants:
    """The spec with a comment on what any of its members has and no run uses."""
    unused = [
        part for variant, each in found.items() for part in unused_parts(modules[variant].state_dict(), each.unused)
    ]
    told = with_unused(text, list(dict.fromkeys(unused)))
    return FromTorchVariants(told, {variant: each._replace(text=told) for variant, each in found.items()})
