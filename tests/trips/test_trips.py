"""What netspec builds comes back as the spec that it was built from."""

from __future__ import annotations

from pathlib import Path

import pytest

pytest.importorskip("torch")

import netspec
from netspec.cli.shipped import shipped
from tests.trips.trip import Trip, loaded, trip

SMALL = (
    "graphs/dcn_v2",
    "graphs/sac_actor",
    "graphs/two_tower",
    "graphs/vae",
    "language/bilstm_tagger",
    "lenet",
    "tabular/ft_transformer",
    "tabular/neumf",
    "tabular/neural_ode",
    "tabular/tabular_resnet",
    "vision/espcn",
)


@pytest.mark.parametrize("name", SMALL)
def test_a_small_spec_comes_back(name: str) -> None:
    found = trip(loaded(shipped(name)))
    assert (found.kind, found.told) == ("same expand", "")


@pytest.mark.parametrize("name", ["language/bilstm_tagger", "tabular/ft_transformer", "graphs/vae"])
def test_the_file_that_is_written_of_a_spec_comes_back(name: str, tmp_path: Path) -> None:
    found = trip(loaded(shipped(name)), folder=tmp_path)
    assert (found.kind, found.told) == ("same expand", "")


SUMS = """
input: [8]
layers:
  - Linear: 8
  - {as: x}
  - Tanh
  - {as: y}
  - Linear: 8
  - add: [[], x, y]
  - {as: z}
  - Linear: 8
  - mul: [[], z]
  - Linear: 8
  - {use: z + 1}
  - Linear: 2
"""


def test_a_sum_that_is_a_module_is_one_in_the_file_that_is_written(tmp_path: Path) -> None:
    found = trip(netspec.loads(SUMS), folder=tmp_path)
    assert (found.kind, found.told) == ("same expand", "")


COMBINATORS = {
    "residual": "residual: [Conv2d: {out_channels: 8, kernel_size: 3, padding: 1}, ReLU]",
    "shortcut": "{residual: [Conv2d: {out_channels: 4, kernel_size: 1}], shortcut: [Conv2d: {out_channels: 4, "
    "kernel_size: 1, bias: false}]}",
    "gate": "gate: [AdaptiveAvgPool2d: 1, Conv2d: {out_channels: 8, kernel_size: 1}, Sigmoid]",
    "add": "add: [[Conv2d: {out_channels: 8, kernel_size: 1}], [], [BatchNorm2d]]",
    "one branch": "add: [[Conv2d: {out_channels: 8, kernel_size: 1}]]",
    "mul": "mul: [[], [Conv2d: {out_channels: 8, kernel_size: 1}, Tanh]]",
    "concat": "{concat: [[], [Conv2d: {out_channels: 8, kernel_size: 1}]], dim: 2}",
    "split": "{concat: [[], [BatchNorm2d, ReLU]], split: 2}",
    "stack": "{stack: [[], [BatchNorm2d]], dim: 2}",
    "einsum": '{einsum: [[BatchNorm2d], [Mean: {dim: [2, 3]}]], pattern: "n c h w, n c -> n h w"}',
    "nested": "residual: [BatchNorm2d, {residual: [Conv2d: {out_channels: 8, kernel_size: 1}]}, {gate: [Sigmoid]}]",
    "a parameter": "add: [[], [Parameter: [8, 1, 1]]]",
    "a frozen branch": "residual: [{Conv2d: {out_channels: 8, kernel_size: 1}, freeze: true}, ReLU]",
    "nothing to learn": "concat: [[AvgPool2d: 1], [MaxPool2d: 1]]",
}


@pytest.mark.parametrize("item", COMBINATORS.values(), ids=COMBINATORS)
def test_a_combinator_comes_back(item: str) -> None:
    assert _trip(f"{{input: [8, 6, 6], layers: [BatchNorm2d, {item}, ReLU]}}").text


PARTS = {
    "attention": """
      input: [6, 8]
      layers:
        - {attend: [[Linear: 8], [Linear: 8], [Linear: 8]], heads: 2, is_causal: true}
    """,
    "attention of a parameter": """
      input: [6, 8]
      layers:
        - LayerNorm
        - {as: x}
        - {Parameter: [3, 8]}
        - {attend: [[], [{use: x}], [{use: x}, {Linear: 8}]], heads: 2}
        - LayerNorm
    """,
    "a bias": """
      input: [6, 8]
      layers:
        - {attend: [[], [], [Linear: 8]], bias: [{Parameter: [1, 6, 6]}], heads: 2}
    """,
    "arithmetic": """
      input: [8]
      layers:
        - Linear: 8
        - {as: x}
        - Sigmoid
        - {as: t}
        - {use: x}
        - Linear: 8
        - {as: h}
        - {use: h * t + x * (1 - t)}
        - Linear: 8
        - {as: y}
        - {use: (y - x) / (t + 2) ** 0.5}
        - Linear: 2
    """,
    "names in branches": """
      input: [8]
      layers:
        - Linear: 8
        - {as: x}
        - {residual: [{as: y}, Linear: 8, {as: z}, Linear: 8, {add: [[], y, z]}]}
        - Linear: 8
        - {residual: [{as: y}, Linear: 8, {as: z}, Linear: 8, {add: [[], y, z]}]}
        - {add: [[], x]}
    """,
    "names of outputs": """
      input: [8]
      layers:
        - Linear: 8
      output: {mean: [Linear: 2], deviation: [Linear: 2, Softplus]}
    """,
    "a family of outputs": """
      input: [8]
      layers:
        - Linear: 8
        - {as: "p[0]"}
        - Linear: 4
        - {as: "p[1]"}
        - Linear: 3
        - {as: y}
      output: {steps: p, last: y}
    """,
    "a list without parameters": """
      input: [8]
      layers:
        - Linear: 8
        - {sequential: [ReLU, Tanh], name: act}
        - Linear: 8
    """,
    "a sample": """
      input: [8]
      layers:
        - Linear: 4
        - {as: m}
        - Linear: 4
        - {as: v}
        - {use: m}
        - {GaussianSample: {logvar: v}}
        - Linear: 8
        - {as: y}
      output: {mean: m, variance: v, result: y}
    """,
    "states": """
      input: [6, 8]
      layers:
        - {LSTM: 4, as: [y, h, c]}
        - {LSTM: {hidden_size: 4, hx: [h, c], returns: last}}
    """,
    "the last step": """
      input: [6, 8]
      layers:
        - {GRU: {hidden_size: 4, bidirectional: true, returns: last}}
        - Linear: 2
    """,
    "noise": """
      input: [8]
      layers:
        - {NoisyLinear: {out_features: 4, std_init: 0.3, bias: false}}
        - NoisyLinear: 2
    """,
    "unpooling": """
      input: [2, 8, 8]
      layers:
        - {MaxPool2d: {kernel_size: 2, return_indices: true}, as: [y, i]}
        - ReLU
        - {MaxUnpool2d: {kernel_size: 2, indices: i}}
    """,
    "a factor of a channel": """
      input: [8, 6, 6]
      layers:
        - LayerScale: 0.5
        - {Rearrange: n c h w -> n (h w) c}
        - {LayerScale: {init_value: 0.5, dim: -1}}
    """,
    "a whole scale": """
      input: [8, 6, 6]
      layers:
        - {Upsample: {scale_factor: 2}}
        - {Upsample: {scale_factor: [1, 2]}}
    """,
    "depth that is certain": """
      input: [8]
      layers:
        - {residual: [Linear: 8, StochasticDepth: 0, Linear: 8]}
        - Linear: 2
    """,
    "a shared tower": """
      input: {a: [8], b: [8]}
      layers:
        - {concat: [[{Linear: 4, shared: tower}], [{use: b}, {Linear: 4, shared: tower}]]}
        - Linear: 2
    """,
    "a list that runs twice": """
      input: [8]
      layers:
        - {sequential: [Linear: 8, ReLU], shared: step}
        - Tanh
        - {sequential: [Linear: 8, ReLU], shared: step}
    """,
    "what constants give": """
      input: [8]
      layers:
        - {as: x}
        - {concat: [[{Buffer: [1, 2]}, Sin], [{Parameter: [6]}]]}
        - {as: c}
        - {use: x}
        - {add: [[Linear: 8], c]}
    """,
    "order": """
      input: [2, 8, 8]
      layers:
        - BatchNorm2d
        - {as: x}
        - {MaxPool2d: 2}
        - BatchNorm2d
        - {as: y}
        - {use: x}
        - {MaxPool2d: 2}
        - BatchNorm2d
        - {as: z}
        - {use: y}
        - ReLU
        - {add: [[], z]}
    """,
    "heads": """
      input: [8]
      layers:
        - Linear: 8
        - {aux: [ReLU, Linear: 3]}
        - Linear: 8
        - {aux: [Linear: 3]}
        - ReLU
        - Linear: 3
    """,
    "a layer that nobody reads": """
      input: [8]
      layers:
        - Linear: 8
        - {as: x}
        - ReLU
        - Linear: 4
        - {use: x}
        - Linear: 2
    """,
    "a kernel that says its size for each axis": """
      input: [2, 8, 8]
      layers:
        - {Conv2d: {out_channels: 4, kernel_size: [3, 3], stride: [1, 1], padding: [1, 1]}}
    """,
    "a family of one": """
      input: [4, 8, 8]
      layers:
        - BatchNorm2d
        - {as: "x[0]"}
        - for: i in range(3)
          do:
            - {concat: "[x[j] for j in range(i + 1)]"}
            - {Conv2d: {out_channels: 2, kernel_size: 1}}
            - {as: "x[i + 1]"}
        - {concat: x}
    """,
    "slices": """
      input: [3, 4, 8]
      layers:
        - Linear: 8
        - each: [{Conv1d: {out_channels: 4, kernel_size: 1}}, BatchNorm1d, {residual: [{GRU: {hidden_size: 8}}]}]
        - ReLU
        - each: [Flatten]
        - Linear: 4
    """,
    "distances in buckets": """
      input: [6, 8]
      layers:
        - Linear: 8
        - {as: x}
        - {RelativePositionBias: {num_heads: 2, query_length: 6}, as: near}
        - RelativePositionBias: {num_heads: 2, query_length: 6, num_buckets: 5, max_distance: 16, bidirectional: false}
        - {as: before}
        - {use: x}
        - {residual: [{SelfAttention: {num_heads: 2, bias: near}}]}
        - {residual: [{SelfAttention: {num_heads: 2, head_dim: 4, qkv_bias: false, out_bias: false, bias: near}}]}
        - {attend: [[], [Linear: 8], []], heads: 2, bias: before}
    """,
    "what branches share": """
      input: [8]
      blocks:
        mlp(width): [Linear: width, ReLU, Linear: 8]
        twice(width):
          - {add: [[{mlp: width, shared: mlp}], [Tanh, {mlp: width, shared: mlp}]]}
      layers:
        - Linear: 8
        - residual: [Linear: 8, twice: 4]
        - residual: [Linear: 8, twice: 5]
    """,
    "sines": """
      input: [6, 8]
      layers:
        - Linear: 8
        - add: [[], [{Sinusoids: {positions: "range(5, -1, -1)", embed_dim: 8, layout: half, persistent: false}}]]
        - add: [[], [{Sinusoids: {positions: "[t / 6 for t in range(6)]", embed_dim: 8}}]]
    """,
    "products of three": """
      input: [4, 6, 8]
      layers:
        - Conv2d: {out_channels: 4, kernel_size: 1}
        - einsum: [[], [Parameter: [8, 5]], [Parameter: [6, 5, 3]]]
          pattern: n a y x, n x b, n y b c -> n a b c
    """,
    "a share that is one through a whole number": """
      input: [8]
      layers:
        - {residual: [Linear: 8, StochasticDepth: 0.2 * 1 / 11, Linear: 8, Dropout: 1 / 3]}
    """,
    "frozen branches": """
      input: [8]
      layers:
        - {sequential: [Linear: 8, ReLU, {residual: [Linear: 8, Tanh]}], freeze: true}
        - Linear: 8
    """,
    "numbers that are computed": """
      input: [6, 8]
      layers:
        - Linear: 8
        - as: x
        - einsum:
            - [Buffer: {value: "[1 for t in range(6)]", persistent: false}]
            - [Buffer: {value: "range(6)", persistent: false}]
          pattern: n i, n j -> n i j
        - Triu: 1
        - Scale: -1e9
        - as: ahead
        - Sinusoids: {positions: "range(6)", embed_dim: 8, persistent: false}
        - Dropout: 0.1
        - Linear: 8
        - as: places
        - attend: [[use: x], [use: x + places], [use: x]]
          heads: 2
          bias: [use: ahead]
    """,
    "a frozen layer": """
      input: [8]
      layers:
        - Linear: 8
        - {sequential: [Tanh, {Linear: 4, freeze: true}], name: head}
    """,
}


@pytest.mark.parametrize("text", PARTS.values(), ids=PARTS)
def test_a_part_comes_back(text: str) -> None:
    assert _trip(text).text


def _trip(text: str) -> Trip:
    found = trip(netspec.loads(text))
    assert (found.kind, found.told) == ("same expand", "")
    return found


MIXTURES = (
    "input: [5, 8]\nlayers:\n  - mixture: {for: i in range(3), do: [Linear: 12, ReLU, Dropout: 0.1, Linear: 8]}\n"
    "    router: [Linear: 4, Tanh, Linear: 3]\n    top: 1\n    normalize: false\n  - Linear: 3\n",
    "input: [8]\nlayers:\n  - residual:\n      - mixture: {repeat: 4, do: [Linear: 8]}\n        router: [Linear: 4]\n"
    "        top: 2\n",
    "input: {x: [5, 8], r: [5, 3]}\nlayers:\n  - use: x\n  - mixture: [[], [Linear: 8], [residual: [Linear: 8]]]\n"
    "    router: r\n    top: 2\n",
)


@pytest.mark.parametrize("text", MIXTURES)
def test_a_mixture_of_experts_comes_back(text: str, tmp_path: Path) -> None:
    for folder in (None, tmp_path):
        found = trip(netspec.loads(text), folder=folder)
        assert (found.kind, found.told) == ("same expand", "")


@pytest.mark.parametrize("biases", ["out_bias: false", "qkv_bias: false", "bias: false"])
def test_which_biases_attention_has_is_said_once(biases: str) -> None:
    text = f"input: [5, 8]\nlayers:\n  - SelfAttention: {{num_heads: 2, is_causal: true, {biases}}}\n  - Linear: 3\n"
    found = trip(netspec.loads(text), is_verified=False)
    assert (found.kind, found.told) == ("same expand", "")


@pytest.mark.parametrize(
    ("name", "settings"),
    [
        ("language/qwen2", {"length": 8, "depth": 2, "hidden": 32, "words": 50}),
        ("language/mixtral", {"length": 8, "depth": 2, "hidden": 32, "words": 50, "width": 128}),
    ],
)
def test_small_ones_of_large_specs_come_back(name: str, settings: dict[str, int]) -> None:
    found = trip(loaded(shipped(name), settings), is_verified=False)
    assert (found.kind, found.told) == ("same expand", "")
