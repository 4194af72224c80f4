"""Members of a family become one file with a variant for each, which is proven by itself."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

import netspec
from netspec.capture.graph import NotCaptured
from netspec.capture.proving.differences import Unproven
from netspec.capture.proving.proof import EqualityProof
from netspec.capture.variants import FromTorchVariants, from_torch_variants
from netspec.cli.import_ import command
from netspec.cli.modules import members_in
from netspec.diagnostics import NetspecError, UsageError
from tests import forking
from tests.capture.families import Basic, Bottleneck, Encoder, Features, Grown, Pyramid, Staged
from tests.commands import invoke

pytestmark = pytest.mark.needs_torch
ROOT = Path(__file__).parents[2]


def imported(modules: Mapping[str, nn.Module], *shape: int) -> FromTorchVariants:
    """The import, whose variants are read again, and load the weights of their modules strictly."""
    found = from_torch_variants(modules, torch.randn(2, *shape))
    assert netspec.check("<string>", found.text) == []
    assert list(found.members) == list(modules)
    for variant, module in modules.items():
        assert found.members[variant].difference is not None
        model = netspec.build(netspec.loads(found.text, variant=variant))
        model.load_state_dict(module.state_dict())
        x = torch.randn(3, *shape)
        with torch.no_grad():
            assert torch.allclose(model.eval()(x), module.eval()(x), atol=1e-5)
    return found


def part(text: str, name: str) -> str:
    """What stands under a key of a spec."""
    return text.partition(f"\n{name}:\n")[2].partition("\n\n")[0].rstrip("\n")


def test_members_of_other_depths_and_blocks() -> None:
    found = imported(
        {
            "net1": Staged(Basic, (1, 1, 1)),
            "net2": Staged(Basic, (2, 3, 1)),
            "net3": Staged(Bottleneck, (1, 2, 2)),
        },
        *(3, 16, 16),
    )
    assert found.text.startswith("netspec: 1\nname: net\ninput: [3, 16, 16]\n\nvariants:\n")
    assert part(found.text, "variants") == (
        """\
  net1: {block: basic, depths: [1, 1, 1]}
  net2: {block: basic, depths: [2, 3, 1]}
  net3: {block: bottleneck, depths: [1, 2, 2]}"""
    )
    assert part(found.text, "layers") == (
        """\
  - {Conv2d: {out_channels: 4, kernel_size: 3, padding: 1}, name: conv1}
  - for: i, out, stride, depth in zip(range(1, 4), [4, 8, 16], [1, 2, 2], depths)
    do:
      - sequential:
          - sequential: [$block: [out, stride]]
          - {sequential: [$block: [out, 1]], repeat: depth - 1}
        name: "layer{i}"
  - Mean: {dim: [2, 3]}
  - {Linear: 5, name: fc}"""
    )
    assert found.keeps_keys


def test_layers_and_biases_that_some_have() -> None:
    found = imported(
        {
            "plain": Features((1, 2), norm=False),
            "normed": Features((2, 2), norm=True, classes=7),
            "deep": Features((1, 3, 3), norm=True, bias=False),
        },
        *(3, 16, 16),
    )
    assert part(found.text, "variants") == (
        """\
  plain:  {bias: true, has_batch_norm: false, widths: [4, 8], depths: [1, 2], width: 10}
  normed: {bias: true, has_batch_norm: true, widths: [4, 8], depths: [2, 2], width: 7}
  deep:   {bias: false, has_batch_norm: true, widths: [4, 8, 16], depths: [1, 3, 3], width: 10}"""
    )
    assert part(found.text, "layers") == (
        """\
  - sequential:
      - for: out, depth in zip(widths, depths)
        do:
          - repeat: depth
            do:
              - Conv2d: {out_channels: out, kernel_size: 3, padding: 1, bias: bias}
              - {BatchNorm2d: , when: has_batch_norm}
              - ReLU
          - MaxPool2d: 2
    name: features
  - Mean: {dim: [2, 3]}
  - {Linear: width, name: classifier}"""
    )


def test_widths_activations_and_a_dropout() -> None:
    modules = {
        "small": Encoder(16, 2),
        "base": Encoder(32, 4, nn.SiLU),
        "large": Encoder(64, 4, nn.ReLU, drop=0.1),
    }
    found = imported(modules, 6)
    assert found.text.startswith("netspec: 1\nname: encoder\n")  # the names have nothing in common
    assert part(found.text, "variants") == (
        """\
  small: {width: 16, act: GELU, depth: 2, has_dropout: false}
  base:  {width: 32, act: SiLU, depth: 4, has_dropout: false}
  large: {width: 64, act: ReLU, depth: 4, has_dropout: true}"""
    )
    assert "  - {Linear: width, name: embed}\n" in found.text
    assert "      - {sequential: [feed: act], repeat: depth}\n" in found.text
    assert "  - {Dropout: 0.1, when: has_dropout}\n" in found.text


def test_stages_that_count_their_layers() -> None:
    found = imported({"g1": Grown((2, 4, 3), 4), "g2": Grown((2, 6, 6), 8)}, 3, 8, 8)
    assert part(found.text, "variants") == (
        """\
  g1: {conv0_width: 8, layer_width: 4, depths: [2, 4], widths: [8, 12], stage3_depth: 3}
  g2: {conv0_width: 16, layer_width: 8, depths: [2, 6], widths: [16, 32], stage3_depth: 6}"""
    )
    assert "      - for: i, depth, out in zip(range(1, 3), depths, widths)\n" in found.text
    assert "              - for: j in range(1, depth + 1)\n" in found.text


def test_the_text_does_not_depend_on_what_ran_before() -> None:
    modules = {"a2": Staged(Basic, (1, 2, 1)), "a3": Staged(Basic, (2, 1, 1))}
    texts = {from_torch_variants(modules, torch.zeros(2, 3, 8, 8)).text for _ in range(2)}
    assert len(texts) == 1


class Dropped(nn.Module):
    """Layers that are left out the more often the deeper they stand."""

    def __init__(self, depth: int, share: float) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            *(nn.Sequential(nn.Linear(6, 6), nn.ReLU(), nn.Dropout(share * i / (depth - 1))) for i in range(depth))
        )

    def forward(self, x: Tensor) -> Tensor:
        return self.layers(x)


def test_stages_that_differ_in_depth_are_no_block() -> None:
    found = imported({"p12": Pyramid((2, 2, 3)), "p24": Pyramid((4, 4, 5))}, 4, 8, 8)
    assert part(found.text, "variants") == (
        "  p12: {blocks_depth: 2, depths: [2, 3]}\n  p24: {blocks_depth: 4, depths: [4, 5]}"
    )
    assert "  mixed:  #" in found.text
    assert "stage" not in part(found.text, "blocks")


class Normed(nn.Module):
    """A layer with one norm or another behind it, and an activation."""

    def __init__(self, act: nn.Module, *, norm: bool) -> None:
        super().__init__()
        self.first = nn.Linear(6, 6)
        self.norm = nn.LayerNorm(6) if norm else nn.RMSNorm(6)
        self.act = act

    def forward(self, x: Tensor) -> Tensor:
        return self.act(self.norm(self.first(x)))


def test_one_layer_in_the_place_of_another() -> None:
    found = imported({"layer": Normed(nn.ReLU(), norm=True), "rms": Normed(nn.LeakyReLU(0.1), norm=False)}, 6)
    assert part(found.text, "variants") == (
        "  layer: {has_layer_norm: true, has_relu: true}\n  rms:   {has_layer_norm: false, has_relu: false}"
    )
    assert part(found.text, "layers").splitlines() == [
        "  - {Linear: 6, name: first}",
        "  - {LayerNorm: , name: norm, when: has_layer_norm}",
        "  - {RMSNorm: , name: norm, when: not has_layer_norm}",
        "  - {ReLU: , when: has_relu}",
        "  - {LeakyReLU: 0.1, when: not has_relu}",
    ]


def test_shares_that_grow_are_said_as_what_they_are_computed_of() -> None:
    found = imported({"d4": Dropped(4, 0.1), "d7": Dropped(7, 0.2)}, 6)
    assert part(found.text, "variants") == (
        """\
  d4: {drops: "[0.1 * k / 3 for k in range(4)]"}
  d7: {drops: "[0.2 * k / 6 for k in range(7)]"}"""
    )


def test_a_member_of_another_structure_is_refused_with_what_is_another() -> None:
    with pytest.raises(NotCaptured) as caught:
        imported({"small": Staged(Basic, (1, 1, 1)), "other": Features((1, 2), norm=False)}, 3, 16, 16)
    assert str(caught.value) == (
        "the members are too different to be variants of one file, which say other numbers, counts and blocks of one "
        "list of layers: where `small` has `{Conv2d: {out_channels: 4, kernel_size: 3, padding: 1}, name: conv1}`, "
        "`other` has `sequential:`; import each by itself"
    )


class Added(nn.Module):
    def forward(self, x: Tensor, y: Tensor) -> Tensor:
        return x + y


class Named(nn.Module):
    def forward(self, x: Tensor, mask: Tensor) -> Tensor:
        return x + mask


class Both(nn.Module):
    def forward(self, x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
        z = x + y
        return z, torch.relu(z)


@pytest.mark.parametrize(("other", "told"), [(Named(), "takes"), (Both(), "gives")])
def test_members_that_take_or_give_something_else_are_refused(other: nn.Module, told: str) -> None:
    with pytest.raises(
        NotCaptured, match=f"`b` {told} another number of tensors, or of other names; import each by itself"
    ):
        from_torch_variants({"a": Added(), "b": other}, torch.zeros(2, 4), torch.zeros(2, 4))


def test_a_member_that_fails_its_proof_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    checked = EqualityProof.check

    def check(self: EqualityProof, example: Any, **how: Any) -> float:
        if sum(1 for _ in self.theirs.parameters()) > 14:
            raise Unproven("they are not equal")
        return checked(self, example, **how)

    monkeypatch.setattr(EqualityProof, "check", check)
    with pytest.raises(
        NotCaptured, match=r"^`deep` cannot be a variant of this file: .* they are not equal; import it by itself$"
    ):
        imported({"flat": Encoder(8, 1), "deep": Encoder(8, 3)}, 6)


class Sorted(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return torch.sort(x, -1)[0]


def test_a_member_that_no_spec_says_is_named() -> None:
    with pytest.raises(NotCaptured, match=r"^`b` cannot be a variant of this file: a spec cannot say what this module"):
        imported({"a": nn.Sequential(nn.Linear(4, 4)), "b": nn.Sequential(nn.Linear(4, 4), Sorted())}, 4)


def test_names_and_counts_of_members() -> None:
    one = nn.Linear(4, 4)
    with pytest.raises(UsageError, match="of two members or more: `from_torch` writes the spec of one"):
        from_torch_variants({"a": one}, torch.zeros(2, 4))
    with pytest.raises(UsageError, match="`a b` cannot name a variant: it has a blank"):
        from_torch_variants({"a b": one, "c": one}, torch.zeros(2, 4))


def test_factories_are_named_as_calls_are_written() -> None:
    assert members_in("resnet18, resnet34") == {"resnet18": "resnet18", "resnet34": "resnet34"}
    assert members_in("Net(2, 'a'),wide=Net(width=[8, 4])") == {"Net_2_a": "Net(2, 'a')", "wide": "Net(width=[8, 4])"}
    assert members_in("wide=Net(a=[1, 2]),small") == {"wide": "Net(a=[1, 2])", "small": "small"}
    assert list(members_in("b,class=a,r-18=Net('a,b=c'),")) == ["b", "class", "r-18"]
    for text, told in (
        ("my net=Two(),b", "`my net` cannot name a variant: it has a blank"),
        ("=a,b", "cannot name a variant: it is empty"),
        ("a,,b", "is no list of factories"),
        ("a),(b", "is no list of factories"),
        ("a b", "is no list of factories"),
        ("**a, b", "is no list of factories"),
        ("a", "names one factory"),
        ("", "is no list of factories"),
        ("a,a", "names `a` twice; `another=a` gives"),
    ):
        with pytest.raises(UsageError, match=told):
            members_in(text)


PROGRAM = """
from tests.capture.families import Encoder


def small():
    return Encoder(8, 1)
"""


def run(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    (folder / "mine.py").write_text(PROGRAM)
    environment = os.environ | {"PYTHONPATH": str(ROOT), "NO_COLOR": "1", "COLUMNS": "300"}
    return forking.run("-m", "netspec", "import", *arguments, cwd=folder, env=environment, torch=True)


LACKING = """
import torch
from torch import nn


class Sort(nn.Module):
    def forward(self, x):
        return x.sort(-1).values


def small():
    return nn.Sequential(nn.Linear(6, 4), nn.ReLU())


def wide(width):
    return nn.Sequential(nn.Linear(6, width), Sort())
"""


@pytest.fixture
def refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., str]]:
    """What the command says of a program of which a member has no form."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [str(tmp_path), *sys.path])
    (tmp_path / "family_lacks.py").write_text(LACKING)

    def told(*words: str) -> str:
        done = invoke(command, *words)
        assert isinstance(done.exception, NetspecError), done.exception
        return str(done.exception)

    yield told
    sys.modules.pop("family_lacks", None)


@pytest.mark.parametrize("how", [(), ("--unverified",)], ids=["proven", "unverified"])
def test_a_member_that_lacks_a_layer_is_named_with_the_command_that_writes_it(
    refused: Callable[..., str], how: tuple[str, ...]
) -> None:
    told = refused("family_lacks.py:small", "--variants", "small,wide=wide(4)", "--input", "6", *how)
    assert told.startswith("`wide` cannot be a variant of this file: a spec cannot say")
    assert told.endswith(
        "\n`netspec import 'family_lacks.py:wide(4)' --input 6 --write-plugin my_layers.py` writes a layer of yours "
        "for `Sort`; then give `--plugin my_layers` with `--variants`"
    )


def test_what_stands_behind_the_colon_is_there_and_has_no_arguments(refused: Callable[..., str]) -> None:
    told = refused("family_lacks.py:smal", "--variants", "small,wide(4)")
    assert told == "`family_lacks.py` has no `smal`; there is `small`"
    told = refused("family_lacks.py:wide(width=4)", "--variants", "small,wide(4)")
    assert told == (
        "`family_lacks.py:wide(width=4)` has arguments, and of several factories each has its own: name "
        "`family_lacks.py:wide`, and `wide(width=4)` in the list"
    )


def test_several_lists_are_one_and_several_plugins_are_told(refused: Callable[..., str]) -> None:
    told = refused("family_lacks.py:small", "--variants", "small", "--variants", "small")
    assert told == "`--variants small,small` names `small` twice; `another=small` gives a name of its own"
    told = refused("family_lacks.py:small", "--write-plugin", "a.py", "--write-plugin", "b.py")
    assert told == "`--write-plugin` is given 2 times, `a.py` and `b.py`: give one of them"
    told = refused("family_lacks.py:small", "--variants", "small,wide(4)", "--write-plugin", "a.py")
    assert "`netspec import family_lacks.py:small --write-plugin a.py` first" in told


@pytest.mark.slow
def test_the_command_writes_and_tells_each_variant(tmp_path: Path) -> None:
    words = ("mine:small", "--variants", "small,large=Encoder(16, 3)", "--input", "6")
    done = run(tmp_path, *words, "-o", "net.yaml")
    assert done.returncode == 0, done.stderr
    assert part((tmp_path / "net.yaml").read_text(), "variants") == (
        "  small: {width: 8, depth: 1}\n  large: {width: 16, depth: 3}"
    )
    told = done.stderr.splitlines()
    assert told[0].startswith("wrote net.yaml: 2 variants, ")
    assert "small: 651 parameters" in told
    assert "large: 6,643 parameters" in told
    assert sum(line.startswith("equal to the module") for line in told) == 2
    assert told[-2:] == [
        "its `state_dict` has the module's keys",
        "next: netspec compile net.yaml --variant small",
    ]


@pytest.mark.slow
def test_the_command_says_what_cannot_be(tmp_path: Path) -> None:
    done = run(tmp_path, "mine:small", "--variants", "small,smal", "--input", "6", "-o", "net.yaml")
    assert done.returncode == 2
    assert "`mine` has no `smal`; there is `small`" in done.stderr
    assert not (tmp_path / "net.yaml").exists()
    done = run(tmp_path, "mine:small", "--variants", "small,large=Encoder(16, 3)", "--flat")
    assert done.returncode == 2
    assert "`--flat` says everything once, `--variants` what several have in common" in done.stderr
    (tmp_path / "model.onnx").write_bytes(b"")
    done = run(tmp_path, "model.onnx", "--variants", "a,b")
    assert "`--variants` is for a module, `package.module:factory` or `file.py:Net`, and model.onnx" in done.stderr
