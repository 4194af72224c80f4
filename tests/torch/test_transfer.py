"""Weights from another implementation: matched by order of first use, every shape compared."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

import netspec
from netspec.diagnostics import UsageError
from netspec.torch.build import build
from netspec.torch.transfer import TransferError, transfer, transfer_state
from netspec.torch.usage import NotFinite

SPEC = """
name: target
input: [3, 8, 8]
layers:
  - Conv2d: {out_channels: 4, kernel_size: 3, padding: 1}
  - BatchNorm2d
  - residual: [{Conv2d: {out_channels: 4, kernel_size: 3, padding: 1}}]
    shortcut: [{Conv2d: {out_channels: 4, kernel_size: 1}}]
  - Flatten
  - Linear: 10
"""


class Source(nn.Module):
    """The same network, with other names, registered backwards."""

    def __init__(self, outputs: int = 10) -> None:
        super().__init__()
        self.head = nn.Linear(256, outputs)
        self.side = nn.Conv2d(4, 4, 1)
        self.main = nn.Conv2d(4, 4, 3, padding=1)
        self.norm = nn.BatchNorm2d(4)
        self.stem = nn.Conv2d(3, 4, 3, padding=1)
        self.unused = nn.Linear(1, 1)
        self.norm.running_mean.normal_()  # type: ignore[union-attr]

    def forward(self, x: Tensor) -> Tensor:
        x = self.norm(self.stem(x))
        return self.head(torch.flatten(self.main(x) + self.side(x), 1))


def test_weights_follow_the_order_of_use_whatever_the_names_and_the_order_of_registration():
    net = netspec.loads(SPEC)
    source = Source().eval()
    state = transfer(source, net)
    model = build(net)
    assert list(state) == list(model.state_dict())
    model.load_state_dict(state)
    x = torch.randn(2, 3, 8, 8)
    assert torch.equal(model.eval()(x), source(x))
    assert not source.training


def test_the_source_is_not_run_on_its_data_and_its_tensors_are_shared():
    net = netspec.loads(SPEC)
    source = Source()
    before = {key: value.clone() for key, value in source.state_dict().items()}
    state = transfer(source, net)
    assert all(torch.equal(before[key], value) for key, value in source.state_dict().items())
    assert state["0.weight"].data_ptr() == source.stem.weight.data_ptr()


def test_a_mismatch_names_both_layers_and_their_shapes():
    with pytest.raises(TransferError) as caught:
        transfer(Source(outputs=7), netspec.loads(SPEC))
    assert "layer 5 with weights is `head` (Linear: weight 7 × 256, bias 7) in the source" in str(caught.value)
    assert "`4` (Linear: weight 10 × 256, bias 10) in the net" in str(caught.value)


def test_a_source_with_more_layers_is_refused_and_the_first_extra_one_named():
    net = netspec.loads(SPEC)
    longer = nn.Sequential(build(net), nn.Linear(10, 10))
    with pytest.raises(TransferError, match=r"the source goes on with `1` \(Linear: weight 10 × 10, bias 10\)"):
        transfer(longer, net)


def test_a_source_that_asks_for_values_runs_on_the_cpu_instead_of_the_meta_device():
    class Curious(Source):
        def forward(self, x: Tensor) -> Tensor:
            return super().forward(x) if float(x.sum()) < 1e9 else x

    net = netspec.loads(SPEC)
    assert torch.equal(transfer(Curious().eval(), net)["4.bias"].isfinite(), torch.ones(10, dtype=torch.bool))


def test_a_source_that_cannot_take_the_input_says_so():
    with pytest.raises(TransferError, match=r"Linear cannot take an input of 2 × 3 × 8 × 8"):
        transfer(nn.Linear(5, 5), netspec.loads(SPEC))


def test_heads_that_the_net_does_not_have_are_left_behind():
    class WithHead(Source):
        def __init__(self) -> None:
            super().__init__()
            self.aux = nn.Linear(192, 2)

        def forward(self, x: Tensor) -> Tensor:
            if self.training:
                self.aux(x.flatten(1))
            return super().forward(x)

    assert len(transfer(WithHead(), netspec.loads(SPEC))) == 13


def test_tensors_of_one_layer_with_other_names_and_equal_shapes_are_not_guessed():
    class Norm(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.shift = nn.Parameter(torch.zeros(8))
            self.gain = nn.Parameter(torch.ones(8))

        def forward(self, x: Tensor) -> Tensor:
            return self.gain * x + self.shift

    net = netspec.loads("name: n\ninput: [4, 8]\nlayers: [LayerNorm]\n")
    with pytest.raises(TransferError, match=r"(?s)weight 8, bias 8\) in the net is `gain`, `shift`.*which is which"):
        transfer(Norm(), net)


TOKENS = """
name: tokens
input: [3, 8, 8]
layers:
  - Conv2d: {out_channels: 6, kernel_size: 4, stride: 4}
  - Rearrange: n c h w -> n (h w) c
  - ClassToken
  - PositionEmbedding
  - Linear: 2
"""


class Tokens(nn.Module):
    """One module with two parameters of its own, registered in another order than they are used in."""

    def __init__(self, length: int = 5) -> None:
        super().__init__()
        self.position = nn.Parameter(torch.randn(1, length, 6))
        self.token = nn.Parameter(torch.randn(1, 1, 6))
        self.patches = nn.Conv2d(3, 6, 4, 4)
        self.head = nn.Linear(6, 2)

    def forward(self, x: Tensor) -> Tensor:
        used = min(self.position.shape[1], 5)  # looking at a shape is no use
        x = self.patches(x).flatten(2).transpose(1, 2)
        x = torch.cat((self.token.expand(x.shape[0], -1, -1), x), 1)
        return self.head(x + self.position[:, :used])


def test_two_parameters_of_one_module_may_be_two_layers_of_the_net():
    net, source = netspec.loads(TOKENS), Tokens()
    model = build(net, device="meta")
    model.load_state_dict(transfer(source, net), assign=True)
    x = torch.randn(2, 3, 8, 8)
    assert torch.equal(model(x), source(x))


def test_a_mismatch_between_a_module_of_several_layers_and_the_net_names_layers_and_parameters():
    with pytest.raises(TransferError) as caught:
        transfer(Tokens(length=9), netspec.loads(TOKENS))
    assert "layer 3 with weights is the model itself (Tokens: position 1 × 9 × 6, token 1 × 1 × 6) in the so" in str(
        caught.value
    )
    assert "`3` (PositionEmbedding: weight 1 × 5 × 6) in the net" in str(caught.value)
    assert "at this place the source uses `position` and the net `3.weight`" in str(caught.value)


class ScaledNorm(nn.BatchNorm2d):
    """A norm and the scale after it in one module."""

    def __init__(self) -> None:
        super().__init__(4)
        self.scale = nn.Parameter(torch.rand(4, 1, 1))
        nn.init.normal_(self.weight)
        self.running_mean = torch.rand(4)

    def forward(self, input: Tensor) -> Tensor:
        return super().forward(input) * self.scale


def test_buffers_come_from_the_owner_of_the_parameters():
    net, source = netspec.loads("name: s\ninput: [4, 2, 2]\nlayers: [BatchNorm2d, LayerScale]\n"), ScaledNorm()
    state = transfer(source, net)
    model = build(net)
    model.load_state_dict(state)
    x = torch.randn(2, 4, 2, 2)
    assert torch.equal(model.eval()(x), source.eval()(x))
    assert torch.equal(state["0.running_mean"], source.running_mean)


def test_a_source_with_running_statistics_does_not_fit_a_net_without_them():
    net = netspec.loads("name: s\ninput: [4, 2, 2]\nlayers: [{GroupNorm: 2}]\n")
    with pytest.raises(TransferError, match=r"the source uses `num_batches_tracked` .*nothing in the net corresponds"):
        transfer(nn.BatchNorm2d(4), net)


def test_a_state_dict_with_the_nets_own_keys_is_taken_as_it_is():
    net = netspec.loads(SPEC)
    state = dict(reversed(build(net).state_dict().items()))
    found, origins, _ = transfer_state(state, net)
    assert all(key == origin for key, origin in origins.items())
    assert all(found[key] is state[key] for key in state)


def test_a_state_dict_in_the_nets_order_is_matched_and_the_names_reported():
    net = netspec.loads("name: n\ninput: [4]\nlayers: [{Linear: 4}, {Linear: 4}]\n")
    state = {
        "a.weight": torch.ones(4, 4),
        "a.bias": torch.ones(4),
        "b.weight": torch.zeros(4, 4),
        "b.bias": torch.zeros(4),
    }
    found, origins, _ = transfer_state(state, net)
    assert found["0.weight"] is state["a.weight"]
    assert origins == {"0.weight": "a.weight", "0.bias": "a.bias", "1.weight": "b.weight", "1.bias": "b.bias"}


def test_a_state_dict_in_another_order_is_matched_by_shape_if_that_leaves_no_choice():
    net = netspec.loads("name: n\ninput: [4]\nlayers: [{Linear: 5}, {Linear: 6}]\n")
    state = {
        "z.weight": torch.ones(6, 5),
        "z.bias": torch.ones(6),
        "a.weight": torch.zeros(5, 4),
        "a.bias": torch.zeros(5),
    }
    _, origins, _ = transfer_state(state, net)
    assert origins["0.weight"] == "a.weight"


def test_a_state_dict_that_leaves_a_choice_is_refused_with_the_way_out():
    net = netspec.loads("name: n\ninput: [4]\nlayers: [{Linear: 5}, {Linear: 4}, {Linear: 5}]\n")
    fives = {f"{name}.{key}": value for name in "ab" for key, value in nn.Linear(4, 5).state_dict().items()}
    state = fives | {f"c.{key}": value for key, value in nn.Linear(5, 4).state_dict().items()}
    with pytest.raises(TransferError, match=r"cannot be told apart.*netspec\.transfer\(module, net\)"):
        transfer_state(state, net)


def test_a_state_dict_of_another_network_is_refused_without_that_advice():
    net = netspec.loads("name: n\ninput: [4]\nlayers: [{Linear: 5}]\n")
    with pytest.raises(TransferError) as caught:
        transfer_state(nn.Linear(4, 6).state_dict(), net)
    assert "`0` (weight 5 × 4, bias 5) in the net" in str(caught.value)
    assert "told apart" not in str(caught.value)


def test_torchvisions_own_resnet_gives_equal_outputs():
    from torchvision.models import resnet18

    spec = Path(__file__).parents[2] / "specs" / "torchvision" / "resnet.yaml"
    net = netspec.load(str(spec), variant="resnet18")
    source = resnet18().eval()
    model = build(net, device="meta")
    model.load_state_dict(transfer(source, net), assign=True)
    x = torch.randn(1, 3, 64, 64)
    with torch.inference_mode():
        assert torch.equal(model.eval()(x), source(x))


def test_the_order_of_a_safetensors_file_is_not_taken_for_the_order_of_the_layers():
    net = netspec.loads("name: n\ninput: [4]\nlayers: [{Linear: 4}, {Linear: 4}]\n")
    state = {f"{name}.{key}": value for name in "ab" for key, value in nn.Linear(4, 4).state_dict().items()}
    with pytest.raises(TransferError, match=r"sorted by name.*--from torchvision:MODEL:FILE"):
        transfer_state(state, net, ordered=False)


def test_a_head_for_another_number_of_classes_is_answered_with_how_to_begin_it_anew():
    net, source = netspec.loads(SPEC), Source(outputs=7)
    with pytest.raises(TransferError, match=r"All before it agrees.*--fresh '4\.\*'"):
        transfer(source, net)
    state = transfer(source, net, fresh=["4.*"])
    missing = build(net).load_state_dict(state, strict=False)
    assert missing.missing_keys == ["4.weight", "4.bias"]
    assert not missing.unexpected_keys
    assert state["2.body.0.weight"].data_ptr() == source.main.weight.data_ptr()


def test_a_state_dict_may_leave_its_head_behind():
    net = netspec.loads("name: n\ninput: [4]\nlayers: [{Linear: 4}, {Linear: 4}, {Linear: 3}]\n")
    source = nn.Sequential(nn.Linear(4, 4), nn.Linear(4, 4), nn.Linear(4, 9))
    state, origins, _ = transfer_state({f"x.{k}": v for k, v in source.state_dict().items()}, net, fresh=["2.*"])
    assert list(state) == ["0.weight", "0.bias", "1.weight", "1.bias"]
    assert origins["1.weight"] == "x.1.weight"
    state, origins, _ = transfer_state(source.state_dict(), net, ordered=False, fresh=["2.*"])
    assert list(state) == list(origins.values()) == ["0.weight", "0.bias", "1.weight", "1.bias"]


def test_a_pattern_that_matches_no_layer_is_answered_with_the_last_one():
    with pytest.raises(UsageError, match=r"`--fresh head\.\*` matches no whole layer of the net; its last one is `4"):
        transfer(Source(), netspec.loads(SPEC), fresh=["head.*"])


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_weights_that_are_not_finite_are_carried_nowhere(value: float) -> None:
    net, source = netspec.loads(SPEC), Source()
    with torch.no_grad():
        source.main.weight[1, 2, 0, 0] = value
    told = r"1 of the 144 values of `main\.weight`, which is `2\.body\.0\.weight` in the net, are not finite"
    with pytest.raises(NotFinite, match=told) as refusal:
        transfer(source, net)
    assert (refusal.value.exit_status, refusal.value.code) == (4, "not-finite")
    own = build(net).state_dict()
    own["4.weight"][0, 0] = value
    with pytest.raises(NotFinite, match=r"1 of the 2,560 values of `4\.weight` are not finite.*--fresh '4\.\*'"):
        transfer_state(own, net)
    assert "4.weight" not in transfer_state(own, net, fresh=["4.*"])[0]


MASKED = """
input: {tokens: [7, int64], pad: [7, bool]}
layers:
  - Embedding: {num_embeddings: 11, embedding_dim: 8}
  - attend: [[Linear: 8], [Linear: 8], [Linear: 8]]
    mask: pad
"""


class Masked(nn.Module):
    """Attention written out, which gives no numbers where nothing takes part."""

    def __init__(self, *, backwards: bool = False) -> None:
        super().__init__()
        self.words, self.backwards = nn.Embedding(11, 8), backwards
        self.query, self.key, self.value = nn.Linear(8, 8), nn.Linear(8, 8), nn.Linear(8, 8)

    def forward(self, tokens: Tensor, pad: Tensor) -> Tensor:
        x = self.words(tokens.flip(1) if self.backwards else tokens)
        scores = self.query(x) @ self.key(x).mT * 8**-0.5
        weights = scores.masked_fill(~pad[:, None], -torch.inf).softmax(-1)
        return weights @ self.value(x)  # type: ignore[no-any-return]


def test_outputs_are_compared_where_a_mask_lets_something_take_part():
    transfer(Masked(), netspec.loads(MASKED))  # without a warning


def test_outputs_are_compared_for_tokens_that_differ():
    with pytest.warns(UserWarning, match=r"they differ by up to [0-9]"):
        transfer(Masked(backwards=True), netspec.loads(MASKED))
