"""The emitted file does to pictures what evaluation does to them, by torchvision's transforms."""

from __future__ import annotations

from functools import reduce
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import torch
import yaml
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from safetensors.torch import load_file

import netspec
from netspec.dims import Unmet
from netspec.emit.python import to_python
from netspec.recipe.base import ImageType, Transform
from netspec.recipe.transforms import fixed, values
from netspec.trainer.transforms.pipeline import Pipeline
from tests.plugged_recipes import PARTS
from tests.plugged_recipes import SPEC as PLUGGED
from tests.zoo.agreement import SPECS

SPEC = """\
name: small
input: %s
layers: [Flatten, Linear: 2]
train:
  data: {synthetic: {shape: %s, train: 16, test: 8, classes: 2}}
  transforms: %s
  batch_size: 8
  epochs: 1
  optimizer: {SGD: {lr: 0.01}}
  loss: CrossEntropyLoss
"""


def spec(transforms: list[Transform], stored: ImageType) -> str:
    """A spec whose net takes what the transforms make of pictures of one size."""
    taken = list(reduce(lambda image, transform: transform.output(image), transforms, stored))
    calls = [{t.name(): t.model_dump(mode="json", exclude_defaults=True)} for t in transforms]
    written = yaml.safe_dump(calls, default_flow_style=True, width=10_000).strip()
    return SPEC % (taken, list(stored), written)


def emitted(text: str) -> Any:
    """The emitted file as a module."""
    made = ModuleType("made")
    exec(compile(to_python(netspec.loads(text)), "made.py", "exec"), made.__dict__)  # our own text, which is tried here
    return made


EDGES = st.integers(5, 24)
MODES = st.sampled_from(("nearest", "nearest-exact", "bilinear", "bicubic"))
PAIRS = st.tuples(EDGES, EDGES)
SIDES = st.integers(0, 4) | st.tuples(*[st.integers(0, 4)] * 2) | st.tuples(*[st.integers(0, 4)] * 4)
STEPS = st.one_of(
    st.builds(fixed.Resize, size=EDGES | PAIRS, interpolation=MODES, antialias=st.booleans()),
    st.builds(lambda size, more: fixed.Resize(size=size, max_size=size + more), EDGES, st.integers(1, 9)),
    st.builds(fixed.CenterCrop, size=EDGES | PAIRS),
    st.builds(fixed.Pad, padding=SIDES, padding_mode=st.sampled_from(("constant", "edge", "reflect", "symmetric"))),
    st.builds(fixed.Pad, padding=SIDES, fill=st.sampled_from((0, 0.5, 1))),
    st.builds(values.Grayscale, num_output_channels=st.sampled_from((1, 3))),
)
LAST = st.lists(st.builds(values.Normalize, mean=st.just((0.4,)), std=st.just((0.3,))), max_size=1)


@settings(max_examples=80)
@given(st.lists(STEPS, max_size=4), LAST, st.sampled_from((1, 3)), PAIRS, st.booleans())
def test_every_list_of_transforms_is_written_as_torchvision_has_it(
    steps: list[Transform], last: list[Transform], channels: int, size: tuple[int, int], floats: bool
) -> None:
    transforms, stored = [*steps, *last], ImageType(channels, *size)
    try:
        text = spec(transforms, stored)
    except Unmet:
        assume(False)
        raise
    pictures = torch.randint(256, (3, *stored), dtype=torch.uint8, generator=torch.Generator().manual_seed(1))
    given = pictures / 255 if floats else pictures
    wanted = Pipeline(transforms, (), torch.device("cpu"))(given)
    got = emitted(text).preprocess(given)
    assert got.dtype == torch.float32 and got.shape == wanted.shape
    assert (got - wanted).abs().max() <= 1e-5


def test_a_trained_net_answers_as_its_run_does(tmp_path: Path) -> None:
    transforms: list[Transform] = [
        fixed.Resize(size=12),
        fixed.CenterCrop(size=10),
        values.Normalize(mean=(0.5,), std=(0.2,)),
    ]
    text = spec(transforms, ImageType(3, 9, 11))
    netspec.train(netspec.loads(text), run=tmp_path / "run", device="cpu")
    made = emitted(text)
    model = made.small().eval()
    model.load_state_dict(load_file(tmp_path / "run" / "model.safetensors"))
    x = torch.rand(4, 3, 9, 11)
    with torch.no_grad():
        got = model(made.preprocess(x))
    assert (got - netspec.open_run(tmp_path / "run", device="cpu").predict(made.preprocess(x))).abs().max() <= 1e-6


@pytest.mark.parametrize("name", ["alexnet", "lenet", "d2l/vit"])
def test_shipped_specs_have_it_with_the_size_that_the_net_takes(name: str) -> None:
    net = netspec.load(SPECS / f"{name}.yaml")
    made = ModuleType("made")
    exec(compile(to_python(net), "made.py", "exec"), made.__dict__)
    assert made.preprocess(torch.zeros(2, net.input_shape[0], 28, 28, dtype=torch.uint8)).shape[1:] == net.input_shape


def test_a_net_that_takes_no_pictures_has_none() -> None:
    assert "def preprocess" not in to_python(netspec.loads("name: n\ninput: [3, 8, 8]\nlayers: [ReLU]\n"))
    assert "def preprocess" not in to_python(netspec.load(SPECS / "language" / "text_cnn.yaml"))


def test_what_a_plugin_does_is_not_written_and_named() -> None:
    text = to_python(netspec.loads(PLUGGED, plugins=PARTS))
    assert "def preprocess" not in text
    assert "# What its recipe does to pictures before is not here: `Halve` is a plugin's.\n" in text


def test_a_block_of_the_same_name_gets_another() -> None:
    text = spec([fixed.Resize(size=6)], ImageType(1, 6, 6))
    text = text.replace("layers: [Flatten,", "blocks: {preprocess: [ReLU, ReLU], v2: [Tanh, Tanh]}\n"
                        "layers: [preprocess, v2, preprocess, v2, Flatten,")  # fmt: skip
    made = emitted(text)
    assert made.small()(made.preprocess(torch.zeros(2, 1, 6, 6))).shape == (2, 2)
