"""Members of one layer, or of none, are in the loop of the others of their family; variables have names that say it."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from torch import Tensor, nn

import netspec
from netspec.capture.running.making import made_with, noting
from netspec.capture.variants import from_torch_variants
from netspec.cli.import_ import command
from tests.capture.stacks import (
    Added,
    Block,
    Chain,
    Crossing,
    Ended,
    Followed,
    Listed,
    Nested,
    Perceptron,
    Stages,
    Translator,
    Vision,
)
from tests.commands import invoke

pytestmark = pytest.mark.needs_torch


def imported(
    members: Mapping[str, nn.Module], *shape: int, arguments: Mapping[str, Mapping[str, Any]] | None = None
) -> str:
    """The text of the import, each variant of which is proven."""
    found = from_torch_variants(members, torch.zeros(2, *shape), name="net", arguments=arguments)
    assert netspec.check("<string>", found.text) == []
    assert all(each.difference is not None for each in found.members.values())
    return found.text


def named(makers: Mapping[str, Callable[[], nn.Module]], *shape: int) -> str:
    """The same, with the arguments of the members."""
    with noting():
        members = {name: maker() for name, maker in makers.items()}
    return imported(members, *shape, arguments={name: made_with(module) or {} for name, module in members.items()})


def of_counts(maker: Callable[[int], nn.Module], *counts: int) -> dict[str, nn.Module]:
    return {f"of{count}": maker(count) for count in counts}


def part(text: str, name: str) -> str:
    """What stands under a key of a spec."""
    return text.partition(f"\n{name}:\n")[2].partition("\n\n")[0].rstrip("\n")


DEPTHS = "  of1: {depth: 1}\n  of2: {depth: 2}\n  of4: {depth: 4}"
FOLLOWED = """\
  - {{Linear: 6, name: embed}}
  - sequential:
      - sequential:
          - {}
          - {}
        repeat: depth
    name: blocks
  - {{Linear: 2, name: head}}"""


@pytest.mark.parametrize(
    ("maker", "layers"),
    [
        (
            Listed,
            """\
  - for: i in range(depth)
    do:
      - {Linear: 6, name: "fcs_{i}"}
      - {LayerNorm: , name: "norms_{i}"}
      - ReLU""",
        ),
        (partial(Followed, is_in_front=False), FOLLOWED.format("block", "Tanh")),
        (partial(Followed, is_in_front=True), FOLLOWED.format("Tanh", "block")),
        (
            Added,
            """\
  - {Linear: 6, name: embed}
  - for: i in range(depth)
    do:
      - as: x
      - {Linear: 6, name: "fcs_{i}"}
      - ReLU
      - add: [x, []]""",
        ),
    ],
    ids=["lists", "behind", "in front", "added"],
)
def test_what_stands_between_layers_is_where_longer_members_have_it(
    maker: Callable[[int], nn.Module], layers: str
) -> None:
    text = imported(of_counts(maker, 1, 2, 4), 6)
    assert part(text, "variants") == DEPTHS
    assert part(text, "layers") == layers


def test_a_member_without_layers_has_none_of_the_list() -> None:
    text = imported(of_counts(Chain, 0, 1, 3), 6)
    assert part(text, "variants") == "  of0: {depth: 0}\n  of1: {depth: 1}\n  of3: {depth: 3}"
    assert text.endswith(
        """\
  - sequential:
      - {sequential: [block], repeat: depth}
    name: blocks
    when: "depth > 0"
"""
    )


def test_what_some_have_in_each_round_is_in_the_loop() -> None:
    text = imported({"a": Perceptron(1), "b": Perceptron(2, 64, 0.1), "c": Perceptron(3, 64, 0.1)}, 6)
    assert part(text, "variants") == (
        """\
  a: {width: 32, has_dropout: false, depth: 1}
  b: {width: 64, has_dropout: true, depth: 2}
  c: {width: 64, has_dropout: true, depth: 3}"""
    )
    assert part(text, "layers") == (
        """\
  - sequential:
      - repeat: depth
        do:
          - Linear: width
          - ReLU
          - {Dropout: 0.1, when: has_dropout}
      - Linear: 3
    name: net"""
    )


def test_layers_of_which_one_stands_beside_the_loop() -> None:
    layers = """\
  - {Linear: 6, name: fcs_0}
  - for: i in range(DEPTH)
    do:
      - {LayerNorm: , name: "norms_{i}"}
      - ReLU
      - {Linear: 6, name: "fcs_{i + 1}"}"""
    text = imported(of_counts(Ended, 1, 2, 4), 6)
    assert part(text, "variants") == "  of1: {depth: 0}\n  of2: {depth: 1}\n  of4: {depth: 3}"
    assert part(text, "layers") == layers.replace("DEPTH", "depth")
    text = named({"one": lambda: Ended(1), "two": lambda: Ended(2), "four": lambda: Ended(4)}, 6)
    assert part(text, "variants") == "  one:  {layer_count: 1}\n  two:  {layer_count: 2}\n  four: {layer_count: 4}"
    assert part(text, "layers") == layers.replace("DEPTH", "layer_count - 1")


def test_lists_in_lists_and_in_stages() -> None:
    text = imported({"a": Nested(1, 1), "b": Nested(2, 2), "c": Nested(1, 3)}, 6)
    assert part(text, "variants").splitlines()[-1] == "  c: {stages_0_depth: 1, stages_1_depth: 3}"
    assert '  - for: i in range(stages_0_depth)\n    do: [{block: , name: "stages_0_{i}"}]\n' in text
    text = imported({"a": Stages(1, 1), "b": Stages(2, 2), "c": Stages(1, 3)}, 3, 8, 8)
    assert part(text, "variants") == "  a: {depths: [1, 1]}\n  b: {depths: [2, 2]}\n  c: {depths: [1, 3]}"
    assert part(text, "layers") == (
        """\
  - sequential:
      - for: out, depth in zip([4, 8], depths)
        do:
          - sequential:
              - for: i in range(depth)
                do:
                  - {Conv2d: {out_channels: out, kernel_size: 3, padding: 1}, name: "convs_{i}"}
                  - {BatchNorm2d: , name: "norms_{i}"}
                  - ReLU
              - MaxPool2d: 2
    name: stages"""
    )


def test_what_a_way_up_reads_is_a_family_in_all() -> None:
    text = imported(of_counts(Crossing, 1, 2, 3), 3, 16, 16)
    assert part(text, "variants") == (
        """\
  of1: {downs_widths: [], ups_widths: [4]}
  of2: {downs_widths: [16], ups_widths: [8, 4]}
  of3: {downs_widths: [16, 32], ups_widths: [16, 8, 4]}"""
    )
    assert (
        """\
  - for: out, i, j in zip(ups_widths, range(len(ups_widths)), range(len(ups_widths) - 1, -1, -1))
    do:
      - {ConvTranspose2d: {out_channels: out, kernel_size: 2, stride: 2}, name: "ups_{i}"}
      - concat: ["skip[j]", []]
"""
        in text
    )


# ---- names


def test_variables_are_called_as_the_arguments_of_the_members() -> None:
    text = named(
        {
            "tiny": lambda: Vision(depth=1),
            "small": lambda: Vision(32, 2, 4, num_classes=7),
            "large": lambda: Vision(64, 3, 8, patch_size=8),
        },
        *(3, 16, 16),
    )
    assert part(text, "variants") == (
        """\
  tiny:  {embed_dim: 16, patch_size: 4, num_heads: 2, depth: 1, num_classes: 5}
  small: {embed_dim: 32, patch_size: 4, num_heads: 4, depth: 2, num_classes: 7}
  large: {embed_dim: 64, patch_size: 8, num_heads: 8, depth: 3, num_classes: 5}"""
    )
    assert "{out_channels: embed_dim, kernel_size: patch_size, stride: patch_size}" in text


def test_without_arguments_they_are_called_as_what_they_are_and_where() -> None:
    members = {"tiny": Vision(depth=1), "small": Vision(32, 2, 4, num_classes=7), "large": Vision(64, 3, 8)}
    assert part(imported(members, 3, 16, 16), "variants").splitlines()[-1] == (
        "  large: {width: 64, heads: 8, depth: 3, head_width: 5}"
    )
    members = {"a": Translator(1, 1), "b": Translator(2, 1, 0.1, 4)}
    assert part(imported(members, 6), "variants").splitlines()[0] == "  a: {depth: 1, has_drop_path: false, width: 3}"
    members["c"] = Translator(3, 5, 0.1, 4)
    assert part(imported(members, 6), "variants").splitlines()[-1] == (
        "  c: {encoder_depth: 3, decoder_depth: 5, has_drop_path: true, width: 4}"
    )


def test_flags_are_of_one_meaning_each() -> None:
    text = named(
        {
            "plain": lambda: Vision(),
            "pre": lambda: Vision(pre_norm=True, cls_token=True),
            "rep": lambda: Vision(rep=24, head_bias=False),
        },
        *(3, 16, 16),
    )
    assert part(text, "variants") == (
        """\
  plain: {has_token: false, pre_norm: false, has_pre_logits: false, head_bias: true}
  pre:   {has_token: true, pre_norm: true, has_pre_logits: false, head_bias: true}
  rep:   {has_token: false, pre_norm: false, has_pre_logits: true, head_bias: false}"""
    )
    assert (
        """\
  - {as: x, when: has_token}
  - {Parameter: [1, 16], name: token, when: has_token}
  - {concat: [[], x], when: has_token}
  - {LayerNorm: , name: norm_pre, when: pre_norm}
"""
        in text
    )


class Kept(nn.Module):
    """A chain that keeps its config, and says in the `names` of it what the numbers are."""

    def __init__(self, **names: Any) -> None:
        super().__init__()
        self.config = SimpleNamespace(**names)
        width, count = list(names.values())[:2]
        self.embed = nn.Linear(6, width)
        self.layers = nn.Sequential(*(Block(width) for _ in range(count)))

    def forward(self, x: Tensor) -> Tensor:
        return self.layers(self.embed(x))


@pytest.mark.parametrize(
    ("of_small", "of_large", "expected"),
    [
        ({"hidden_size": 8, "num_layers": 1}, {"hidden_size": 12, "num_layers": 3}, "hidden_size: 12, num_layers: 3"),
        ({"d": 8, "n": 1}, {"d": 12, "n": 3}, "width: 12, depth: 3"),  # a letter says nothing
        ({"dim": 8, "layers": 1}, {"dim": 12, "layers": 3}, "dim: 12, depth: 3"),  # `layers` is a key of the file
        ({"size": 8, "num_heads": 1}, {"size": 12, "num_heads": 3}, "size: 12, depth: 3"),  # no heads, by chance
        ({"size": 8, "rounds": 1, "steps": 1}, {"size": 12, "rounds": 3, "steps": 3}, "size: 12, depth: 3"),
    ],
    ids=["kept", "letters", "words", "another", "several"],
)
def test_names_that_say_nothing_or_something_else_are_not_taken(
    of_small: dict[str, int], of_large: dict[str, int], expected: str
) -> None:
    text = imported({"small": Kept(**of_small), "large": Kept(**of_large)}, 6)
    assert part(text, "variants").splitlines()[1] == f"  large: {{{expected}}}"


class Perhaps(nn.Module):
    """A norm and dropout that some have."""

    def __init__(self, *, norm: bool = False, drop: float = 0.0) -> None:
        super().__init__()
        self.fc = nn.Linear(6, 6)
        self.norm = nn.LayerNorm(6) if norm else nn.Identity()
        self.dropout = nn.Dropout(drop) if drop else nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        return self.dropout(self.norm(self.fc(x)))


def test_what_is_there_where_something_else_is_not_is_not_its_opposite() -> None:
    text = named({"normed": lambda: Perhaps(norm=True), "dropped": lambda: Perhaps(drop=0.1)}, 6)
    assert part(text, "variants") == (
        "  normed:  {norm: true, has_dropout: false}\n  dropped: {norm: false, has_dropout: true}"
    )


PROGRAM = """
from torch import nn


def mlp(num_blocks, hidden=8):
    blocks = [nn.Sequential(nn.Linear(hidden, hidden), nn.Tanh()) for _ in range(num_blocks)]
    return nn.Sequential(nn.Linear(6, hidden), *blocks)


class Net(nn.Module):
    def __init__(self, width_of_all):
        super().__init__()
        self.fc = nn.Linear(6, width_of_all)

    def forward(self, x):
        return self.fc(x)


def small():
    return Net(4)


def large():
    return Net(8)
"""


@pytest.mark.parametrize(
    ("source", "variants", "told"),
    [
        ("mlp", "a=mlp(1),b=mlp(3, hidden=16)", "  a: {hidden: 8, num_blocks: 1}\n  b: {hidden: 16, num_blocks: 3}"),
        ("Net", "small,large", "  small: {width_of_all: 4}\n  large: {width_of_all: 8}"),
    ],
    ids=["factory", "class"],
)
def test_the_command_knows_with_which_arguments_they_were_made(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, source: str, variants: str, told: str
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [str(tmp_path), *sys.path])
    (tmp_path / "stacked_nets.py").write_text(PROGRAM)
    try:
        done = invoke(command, f"stacked_nets.py:{source}", "--variants", variants, "--input", "6")
    finally:
        sys.modules.pop("stacked_nets", None)
    assert done.exception is None, done.exception
    assert part(done.stdout, "variants") == told
