"""Which of several tensors of one shape is meant: names decide before order does, and outputs decide between them."""

from __future__ import annotations

import warnings
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

import netspec
from netspec.cli.transfer import command
from netspec.net import Net
from netspec.torch.build import build
from netspec.torch.transfer import TransferError, transfer, transfer_state
from tests.commands import invoke

TOKENS = """
name: tokens
input: [4, 6]
layers:
  - ClassToken
    name: FIRST
  - ClassToken
    name: SECOND
  - Linear: 6
  - Flatten
"""


class Tokens(nn.Module):
    """A class token and a distillation token of one shape; the one that stands behind is used first."""

    def __init__(self) -> None:
        super().__init__()
        self.dist_token, self.cls_token = (nn.Parameter(torch.randn(1, 1, 6)) for _ in range(2))
        self.head = nn.Linear(6, 6)

    def forward(self, x: Tensor) -> Tensor:
        tokens = torch.cat((self.dist_token, self.cls_token), 1).expand(len(x), -1, -1)
        return self.head(torch.cat((tokens, x), 1)).flatten(1)


def tokens(first: str, second: str) -> Net:
    return netspec.loads(
        TOKENS.replace("- ClassToken\n", "- ClassToken: {}\n").replace("FIRST", first).replace("SECOND", second)
    )


def equal(net: Net, state: dict[str, Tensor], source: nn.Module) -> bool:
    model = build(net)
    model.load_state_dict(state)
    x = torch.randn(2, *(int(n) for n in net.input_shape))  # pyright: ignore[reportArgumentType]  # numbers here
    with torch.no_grad():
        return torch.allclose(model.eval()(x), source.eval()(x), atol=1e-6)


def test_two_tokens_of_one_shape_are_told_apart_by_name_though_they_are_used_in_another_order() -> None:
    net, source = tokens("cls_token", "dist_token"), Tokens()
    assert equal(net, transfer(source, net), source)


def test_names_that_mislead_are_overruled_by_the_outputs() -> None:
    """The net calls the tokens by each other's names: by order of use they are right."""

    class Other(Tokens):
        def forward(self, x: Tensor) -> Tensor:
            first = torch.cat((self.dist_token.expand(len(x), -1, -1), x), 1)
            return self.head(torch.cat((self.cls_token.expand(len(x), -1, -1), first), 1)).flatten(1)

    net, source = tokens("cls_token", "dist_token"), Other()
    assert equal(net, transfer(source, net), source)


def test_what_the_outputs_cannot_decide_is_said() -> None:
    class Another(Tokens):
        def forward(self, x: Tensor) -> Tensor:
            return super().forward(x) + 1

    net = tokens("cls_token", "dist_token")
    with pytest.warns(
        UserWarning, match=r"could not be decided.*they differ by up to 1.*`cls_token` by name, `dist_tok"
    ):
        transfer(Another(), net)


def test_a_source_of_equal_outputs_is_nothing_to_speak_of() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        transfer(Tokens(), tokens("cls_token", "dist_token"))


HIGHWAY = """
name: highway
input: [5]
layers:
  - {Linear: 5, name: gate0}
  - {Linear: 5, name: plain0}
  - {Linear: 5, name: gate1}
  - {Linear: 5, name: plain1}
"""


def test_layers_of_one_shape_in_an_ordered_state_dict_are_told_apart_by_name() -> None:
    net = netspec.loads(HIGHWAY)
    state = {f"net.{kind}{i}.{key}": torch.randn(5, 5) if key == "weight" else torch.randn(5)
             for kind in ("plain", "gate") for i in range(2) for key in ("weight", "bias")}  # fmt: skip
    for ordered in (True, False):
        found, origins, _ = transfer_state(state, net, ordered=ordered)
        assert origins == {key: f"net.{key}" for key in build(net).state_dict()}
    assert all(torch.equal(found[key], state[origin]) for key, origin in origins.items())


def test_names_come_before_order_for_a_part_of_the_layers_too() -> None:
    net = netspec.loads(
        "input: [5]\nlayers: [{Linear: 5}, {Linear: 5, name: gate}, {Linear: 5, name: plain}, {Linear: 5}]\n"
    )
    layers = {name: nn.Linear(5, 5) for name in ("in", "plain", "gate", "out")}
    state = {f"{name}.{key}": value for name, layer in layers.items() for key, value in layer.state_dict().items()}
    _, origins, _ = transfer_state(state, net)
    assert [origins[f"{key}.weight"] for key in ("0", "gate", "plain", "3")] == [
        "in.weight", "gate.weight", "plain.weight", "out.weight",
    ]  # fmt: skip


# ---- shapes

CLASSIFIER = "name: c\ninput: [8]\nlayers: [{Linear: 6}, ReLU, {Linear: 6}, ReLU, {Linear: OUT}]\n"


@pytest.mark.parametrize("ordered", [True, False])
def test_a_net_that_differs_in_one_shape_is_told_about_the_shape(ordered: bool) -> None:
    there, here = (netspec.loads(CLASSIFIER.replace("OUT", out)) for out in ("4", "5"))
    state = build(there).state_dict()
    with pytest.raises(TransferError) as caught:
        transfer_state(state, here, ordered=ordered)
    assert "`4.weight` is 4 × 6 there, and 5 × 6 in the net" in str(caught.value)
    assert "`--fresh '4.*'`" in str(caught.value)
    assert "sorted" not in str(caught.value)
    kept, _, _ = transfer_state(state, here, ordered=ordered, fresh=["4.*"])  # what it says to do
    assert list(kept) == ["0.weight", "0.bias", "2.weight", "2.bias"]


def test_a_mere_reshape_is_carried_over_and_mentioned(tmp_path: Path) -> None:
    spec = tmp_path / "s.yaml"
    spec.write_text("name: s\ninput: [4, 2, 2]\nlayers: [{Conv2d: {out_channels: 4, kernel_size: 1}}, LayerScale]\n")
    state = build(netspec.load(spec)).state_dict()
    scale = torch.rand(4)
    save_file(state | {"1.weight": scale}, tmp_path / "in.safetensors")
    out = tmp_path / "out.safetensors"
    result = invoke(command, spec, "--from", tmp_path / "in.safetensors", "-o", out)
    assert result.exception is None, result.stderr
    assert "note: `1.weight` is 4, and 4 × 1 × 1 in `1.weight`" in result.stderr
    assert torch.equal(load_file(out)["1.weight"], scale.view(4, 1, 1))


def test_a_module_whose_parameter_has_another_form_is_carried_over_with_a_word() -> None:
    class Scaled(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.mix = nn.Linear(4, 4)
            self.gamma = nn.Parameter(torch.rand(4))

        def forward(self, x: Tensor) -> Tensor:
            return self.mix(x.movedim(1, -1)).movedim(-1, 1) * self.gamma.view(4, 1, 1)

    net = netspec.loads(
        "name: s\ninput: [4, 2, 2]\nlayers: [{Conv2d: {out_channels: 4, kernel_size: 1}}, LayerScale]\n"
    )
    source = Scaled()
    with pytest.warns(UserWarning, match=r"is 4"):
        state = transfer(source, net)
    assert equal(net, state, source)
