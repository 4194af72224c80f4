"""The trainer on a GPU: run with `pytest -m gpu`, skipped where there is none.

Captured steps against eager ones to the bit, resume on the device, failures, loss scaling, transforms and streamed data
on the device, memory that runs out, and that nothing waits for the device where it need not. Bits are compared under
`deterministic`, as they are promised.
"""

from __future__ import annotations

import copy
import os
import re
import subprocess
import sys
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch

os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")  # read when the GPU is first used, which is below

import netspec
from netspec.diagnostics import ResourceError
from netspec.net import Net
from netspec.recipe import tables
from netspec.recipe.base import Precision
from netspec.trainer.errors import NonFinite
from netspec.trainer.machine.convolutions import suit_tensor_cores
from netspec.trainer.machine.device import choose_arithmetic, numerics
from netspec.trainer.machine.processes import World
from netspec.trainer.measure.evaluation import autocast, evaluate
from netspec.trainer.setup.assembly import assemble
from netspec.trainer.setup.memory import device_memory
from netspec.trainer.setup.options import Options
from netspec.trainer.setup.trainer import Trainer
from netspec.trainer.show.reporters import Quiet
from netspec.trainer.transforms.draws import draw_key, uniforms
from netspec.trainer.transforms.pipeline import Pipeline
from tests.torch.test_graphs import inputs_of
from tests.train.small_runs import EVERYTHING, PLAIN, finish, last_checkpoint, run_until, small_net, whole_state
from tests.train.test_convolutions import NET
from tests.train.test_drivers import RECIPES
from tests.train.test_nonfinite import LONG, poison
from tests.train.test_survival import free_port
from tests.train.test_transforms import AUGMENT

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="needs an NVIDIA GPU"),
]

ROOT = Path(__file__).parent.parent.parent


class Notes(Quiet):
    """Keeps what a run has to say."""

    def __init__(self) -> None:
        self.notes: list[str] = []

    def note(self, text: str) -> None:
        self.notes.append(text)


def on_gpu(net: Net, path: Path, **options: Any) -> list[str]:
    """Train to the end on the GPU, equal to the bit every time; what the run had to say."""
    notes = Notes()
    finish(net, path, **{"device": "cuda", "deterministic": True, "reporter": notes, **options})
    return notes.notes


# ---- captured steps


TRAIN = """
train:
  data: {synthetic: {train: 100, test: 16}}
  batch_size: 8
  epochs: 3
  loss: CrossEntropyLoss
  optimizer: {AdamW: {lr: 0.001}}
"""

NETS = {
    "convolutions of images": """
input: [3, 16, 16]
layers:
  - Conv2d: {out_channels: 8, kernel_size: 3, padding: 1, bias: false}
  - BatchNorm2d
  - ReLU
  - residual:
      - Conv2d: {out_channels: 8, kernel_size: 3, padding: 1, groups: 2}
      - GroupNorm: 4
      - SiLU
  - MaxPool2d: 2
  - Dropout2d: 0.2
  - Flatten
  - Linear: 5
""",
    "a recurrent net": """
input: [12, 6]
layers:
  - LSTM: {hidden_size: 16, num_layers: 2, bidirectional: true, returns: last}
  - Linear: 5
""",
    "a transformer": """
input: [3, 16, 16]
layers:
  - Conv2d: {out_channels: 32, kernel_size: 4, stride: 4}
  - Rearrange: n c h w -> n (h w) c
  - ClassToken
  - PositionEmbedding
  - repeat: 2
    do:
      - residual: [LayerNorm, SelfAttention: 4]
      - residual: [LayerNorm, Linear: 64, GELU, Dropout: 0.1, Linear: 32]
  - Select: {dim: 1, index: 0}
  - Linear: 5
""",
    "a graph of named values": """
input: [3, 16, 16]
layers:
  - Conv2d: {out_channels: 8, kernel_size: 3, padding: 1}
  - as: x[0]
  - for: i in range(3)
    do:
      - concat: x
      - Conv2d: {out_channels: 8, kernel_size: 3, padding: 1}
      - SiLU
      - as: x[i + 1]
  - use: x[0] * 0.5 + x[3] - x[1]
  - as: y
  - AdaptiveAvgPool2d: 1
  - Sigmoid
  - as: gate
  - mul: [y, gate]
  - Rearrange: n c h w -> n (h w) c
  - as: t
  - einsum: [t, [Linear: 8]]
    pattern: n i d, n j d -> n i j
  - Softmax: {dim: -1}
  - as: a
  - einsum: [a, t]
    pattern: n i j, n j d -> n i d
  - Slice: {dim: 1, start: 8}
  - Mean: {dim: 1}
  - Linear: 5
""",
    "torch's encoder of tokens": """
input: {shape: [10], dtype: int64}
layers:
  - Embedding: {num_embeddings: 50, embedding_dim: 16}
  - TransformerEncoderLayer: {nhead: 2, dim_feedforward: 32}
  - Select: {dim: 1, index: 0}
  - Linear: 5
""",
}


def net_of(name: str, **settings: Any) -> Net:
    text = f"name: small\n{NETS[name].strip()}\n{TRAIN}"
    if "int64" in text:
        settings["data"] = {"synthetic": {"train": 100, "test": 16, "vocabulary": 50}}
    return small_net(text, **settings)


@pytest.mark.parametrize("name", RECIPES)
def test_captured_steps_of_every_recipe_equal_eager_ones_to_the_bit(name: str, tmp_path: Path) -> None:
    net = small_net(EVERYTHING, **RECIPES[name])
    for driver in ("eager", "graph"):
        assert on_gpu(net, tmp_path / driver, driver=driver) == []
    assert whole_state(tmp_path / "eager") == whole_state(tmp_path / "graph")


@pytest.mark.parametrize("precision", ["fp32", "tf32", "bf16", "fp16"])
@pytest.mark.parametrize("name", NETS)
def test_captured_steps_of_every_net_equal_eager_ones_to_the_bit(name: str, precision: str, tmp_path: Path) -> None:
    net = net_of(name, precision=precision)
    for driver in ("eager", "graph"):
        assert on_gpu(net, tmp_path / driver, driver=driver) == []
    assert whole_state(tmp_path / "eager") == whole_state(tmp_path / "graph")


@pytest.mark.filterwarnings("ignore:`torch.jit:DeprecationWarning", "ignore:TensorFloat32 tensor cores:UserWarning")
@pytest.mark.parametrize("name", ["convolutions of images", "a graph of named values"])
def test_a_compiled_net_trains_as_an_eager_one(name: str, tmp_path: Path) -> None:
    """`torch.compile` adds in another order. torch 2.11 warns of what it uses itself, and that fp32 is not TF32."""
    net = net_of(name, precision="fp32", epochs=1, optimizer={"SGD": {"lr": 0.01}})
    for place, compiled in (("eager", False), ("compiled", True)):
        assert on_gpu(net, tmp_path / place, compile=compiled) == []
    eager, compiled = (last_checkpoint(tmp_path / place).model for place in ("eager", "compiled"))
    for key in eager:
        torch.testing.assert_close(eager[key], compiled[key], rtol=1e-3, atol=1e-4)


def test_a_net_of_several_inputs_is_captured_as_it_is_called() -> None:
    net = netspec.load(ROOT / "specs/graphs/wide_and_deep.yaml")
    model = netspec.build(net, seed=0).cuda().eval()
    batches = [tuple(x.cuda() for x in inputs_of(net, 4, seed)) for seed in range(3)]
    held = tuple(x.clone() for x in batches[0])
    with torch.no_grad():
        wanted = [model(*batch).clone() for batch in batches]
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(graph):
            y = model(*held)
        for batch, expected in zip(batches, wanted, strict=True):
            for place, x in zip(held, batch, strict=True):
                place.copy_(x)
            graph.replay()
            assert torch.equal(y, expected)


@pytest.mark.parametrize("driver", ["graph", "eager"])
def test_a_group_of_nccl_trains_to_the_bit(driver: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A group of one process: everything that several do but for the wire."""
    net = small_net(EVERYTHING)
    assert on_gpu(net, tmp_path / "alone", driver=driver) == []
    monkeypatch.setattr(World, "alone", property(lambda _: False))
    monkeypatch.setenv("MASTER_ADDR", "127.0.0.1")
    monkeypatch.setenv("MASTER_PORT", str(free_port()))
    on_gpu(net, tmp_path / "group", driver=driver)
    assert whole_state(tmp_path / "alone")["model"] == whole_state(tmp_path / "group")["model"]


@pytest.mark.parametrize("kind", sorted(tables.OPTIMIZERS))
def test_every_optimiser_trains_captured_or_says_why_not(kind: str, tmp_path: Path) -> None:
    net = small_net(PLAIN, optimizer={kind: {"lr": 0.01}}, epochs=4)
    notes = on_gpu(net, tmp_path / "graph")
    on_gpu(net, tmp_path / "eager", driver="eager")
    assert all("running eagerly" in note and kind in note for note in notes), notes
    assert whole_state(tmp_path / "eager")["model"] == whole_state(tmp_path / "graph")["model"]


def test_channels_last_is_another_layout_and_the_same_net(tmp_path: Path) -> None:
    net = net_of("convolutions of images", precision="fp32", epochs=1)
    for name, last in (("first", False), ("last", True)):
        assert on_gpu(net, tmp_path / name, channels_last=last) == []
    first, last = (last_checkpoint(tmp_path / name).model for name in ("first", "last"))
    for key in first:
        torch.testing.assert_close(first[key], last[key], rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("precision", ["tf32", "bf16", "fp16"])
def test_convolutions_for_tensor_cores_give_what_torch_s_modules_give(precision: Precision) -> None:
    """On an average as near to float64 as they are; one gradient in low precision may be off by a hundredth."""
    arithmetic = choose_arithmetic(torch.device("cuda"), precision)
    off = torch.zeros(2, len(list(NET.parameters())))
    for seed in range(12):
        torch.manual_seed(seed)
        exact = copy.deepcopy(NET).double().cuda()
        x = torch.rand(16, 1, 48, 48, device="cuda")
        exact(x.double()).square().sum().backward()
        for kind, suited in enumerate((False, True)):
            net = copy.deepcopy(NET).cuda().to(memory_format=torch.channels_last)
            if suited:
                suit_tensor_cores(net)
            with numerics(arithmetic):
                with autocast(arithmetic):
                    y = net(x)
                y.float().square().sum().backward()
            pairs = zip(exact.parameters(), net.parameters(), strict=True)
            off[kind] += torch.tensor([float((a.grad - b.grad).norm() / a.grad.norm()) for a, b in pairs]) / 12
    theirs, ours = off
    assert (ours < 1.5 * theirs + 1e-3).all(), off


# ---- resume, failures


@pytest.mark.parametrize("step", [1, 3, 4, 5, 10, 11, 23, 39])
@pytest.mark.parametrize("driver", ["graph", "eager"])
def test_a_run_goes_on_to_the_bit(driver: str, step: int, tmp_path: Path) -> None:
    net = small_net(EVERYTHING)
    options: dict[str, Any] = {"driver": driver, "device": "cuda", "deterministic": True}
    finish(net, tmp_path / "whole", **options)
    run_until(net, tmp_path / "parts", step, **options)
    finish(net, tmp_path / "parts", device="cuda")
    assert whole_state(tmp_path / "parts") == whole_state(tmp_path / "whole")


@pytest.mark.parametrize("step", [0, 2, 3, 17, 70])
@pytest.mark.parametrize("driver", ["graph", "eager"])
def test_a_nan_stops_within_fifty_steps_and_is_explained(
    driver: str, step: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    given = poison(monkeypatch, step)
    with pytest.raises(NonFinite) as stop:
        on_gpu(small_net(LONG, optimizer={"SGD": {"lr": 0.1, "momentum": 0.9}}), tmp_path / "run", driver=driver)
    assert f"step {step + 1} (epoch 1, batch {step + 1}): the batch itself holds a value" in str(stop.value)
    assert max(given) - step < 50


def test_a_net_that_overflows_names_its_layer(tmp_path: Path) -> None:
    with pytest.raises(NonFinite, match=r"layer `\d` \(Linear"):
        on_gpu(small_net(LONG, optimizer={"SGD": {"lr": 1e30}}), tmp_path / "run")


@pytest.mark.parametrize("driver", ["graph", "eager"])
def test_fp16_scales_as_torch_s_own_scaler_does(driver: str, tmp_path: Path) -> None:
    net = net_of("convolutions of images", precision="fp16", optimizer={"SGD": {"lr": 0.05, "momentum": 0.9}})
    on_gpu(net, tmp_path / "ours", driver=driver)
    trainer = assemble(net, Options(device="cuda", deterministic=True), World(), "cuda")
    scaler = torch.amp.GradScaler("cuda")
    optimizer = torch.optim.SGD(trainer.model.parameters(), lr=0.05, momentum=0.9)
    with numerics(trainer.arithmetic):
        for epoch in range(3):
            for picked in trainer.batches(epoch, 0):
                x, y = picked.fetch()
                optimizer.zero_grad()
                with torch.autocast("cuda", torch.float16):
                    output = trainer.model(x)
                loss = torch.nn.functional.cross_entropy(output.float(), y)
                scaler.scale(loss).backward()
                scaler.step(optimizer)
                scaler.update()
    saved = last_checkpoint(tmp_path / "ours")
    assert saved.state["scale"]["scale"].item() == scaler.get_scale()
    for key, value in trainer.model.state_dict().items():
        torch.testing.assert_close(saved.model[key], value.cpu(), rtol=1e-5, atol=1e-6)


# ---- arithmetic


def test_the_precision_is_what_was_asked_for() -> None:
    generator = torch.Generator("cuda").manual_seed(0)
    a, b = (torch.randn(512, 512, device="cuda", generator=generator) for _ in range(2))
    exact = a.double() @ b.double()
    image, kernel = a.view(1, 64, 64, 64), torch.randn(64, 64, 3, 3, device="cuda", generator=generator)
    exact_map = torch.nn.functional.conv2d(image.double(), kernel.double())
    for precision, least, most in (("fp32", 0.0, 2e-6), ("tf32", 5e-5, 2e-3)):
        with numerics(choose_arithmetic(torch.device("cuda"), precision)):  # pyright: ignore[reportArgumentType]
            for got, wanted in ((a @ b, exact), (torch.nn.functional.conv2d(image, kernel), exact_map)):
                error = float((got - wanted).norm() / wanted.norm())
                assert least <= error < most, precision


def test_what_cannot_be_deterministic_is_refused_in_words(tmp_path: Path) -> None:
    """Losses of maps have no deterministic kernel on a GPU."""
    net = netspec.loads(
        "name: maps\ninput: [1, 8, 8]\nlayers: [Conv2d: {out_channels: 3, kernel_size: 3, padding: 1}]\n" + TRAIN
    )
    on_gpu(net, tmp_path / "free", deterministic=False)
    with pytest.raises(ResourceError, match="`deterministic=True`"):
        on_gpu(net, tmp_path / "bound")


# ---- data on the device


def test_draws_are_those_of_the_cpu_to_the_bit() -> None:
    samples = torch.arange(1000)
    there = uniforms(draw_key(3, 1, device="cuda"), samples.cuda(), 8)
    assert torch.equal(there.cpu(), uniforms(draw_key(3, 1), samples, 8))


@pytest.mark.parametrize(("name", "arguments"), AUGMENT)
def test_augmentation_on_the_device_is_that_of_the_cpu(name: str, arguments: dict[str, Any]) -> None:
    images = torch.randint(256, (16, 3, 28, 28), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    samples = torch.arange(100, 116)
    made = [
        Pipeline((), (tables.transform(name)(**arguments),), torch.device(device))(
            images.to(device), samples.to(device), draw_key(3, 1, device=device)
        )
        for device in ("cpu", "cuda")
    ]
    difference = (made[0] - made[1].cpu()).abs()
    assert (difference > 1e-4).float().mean() < 1e-3  # a rotation may round an edge to the other side


@pytest.mark.parametrize("workers", [0, 2])
def test_streamed_batches_train_as_resident_ones_to_the_bit(workers: int, tmp_path: Path) -> None:
    net = small_net(EVERYTHING, epochs=2)
    assert on_gpu(net, tmp_path / "resident") == []
    assert on_gpu(net, tmp_path / "streamed", budget=0, workers=workers) == []
    assert whole_state(tmp_path / "resident") == whole_state(tmp_path / "streamed")


# ---- waiting for the device


@pytest.fixture
def syncs() -> Iterator[list[warnings.WarningMessage]]:
    """Collects a warning wherever the host waits for the device."""
    torch.cuda.synchronize()
    with warnings.catch_warnings(record=True) as found:
        warnings.simplefilter("always")
        torch.cuda.set_sync_debug_mode("warn")
        try:
            yield found
        finally:
            torch.cuda.set_sync_debug_mode("default")


def trainer_of(net: Net, driver: str = "auto") -> Trainer:
    return assemble(net, Options(device="cuda", driver=driver), World(), "cuda")


@pytest.mark.parametrize("name", RECIPES)
@pytest.mark.parametrize("driver", ["graph", "eager"])
def test_no_step_waits_for_the_device(driver: str, name: str, syncs: list[warnings.WarningMessage]) -> None:
    trainer = trainer_of(small_net(EVERYTHING, **RECIPES[name]), driver)
    done = 0
    for epoch in range(4):
        batches = trainer.batches(epoch, 0)
        for number, batch in enumerate(batches):
            if epoch == 3 and number == 0:
                syncs.clear()  # the order of an epoch is copied once; captures are behind us
            trainer.follow(done)
            mix = trainer.draw_mix()
            trainer.driver(trainer.buffers(batch, number, mix), trainer.phase(number, done))
            trainer.schedule.after_step()
            done += 1
    assert [str(w.message) + str(w.filename) + str(w.lineno) for w in syncs] == []


def test_evaluation_waits_once_however_many_batches_there_are(syncs: list[warnings.WarningMessage]) -> None:
    trainer = trainer_of(small_net(EVERYTHING))
    assert trainer.data.test is not None
    counts: list[int] = []
    for size in (16, 4, 1):
        syncs.clear()
        evaluate(trainer.model, trainer.data.test, trainer.loss, trainer.arithmetic, batch_size=size)
        counts.append(len(syncs))
    assert counts[0] == counts[1] == counts[2] <= 2


# ---- memory


def test_memory_that_runs_out_is_told_with_a_batch_that_fits(tmp_path: Path) -> None:
    net = netspec.loads(
        """
name: wide
input: [1, 64, 64]
layers:
  - Conv2d: {out_channels: 256, kernel_size: 3, padding: 1}
  - ReLU
  - AdaptiveAvgPool2d: 1
  - Flatten
  - Linear: 4
train:
  data: {synthetic: {train: 4096}}
  batch_size: 4096
  epochs: 1
  loss: CrossEntropyLoss
  optimizer: {SGD: {lr: 0.1}}
"""
    )
    torch.cuda.empty_cache()
    free = torch.cuda.mem_get_info()[0]
    ballast = torch.empty(free - 4 * 2**30, dtype=torch.uint8, device="cuda")
    with pytest.raises(ResourceError) as told:
        finish(net, tmp_path / "large", device="cuda")
    text = str(told.value)
    assert re.search(r"a batch of 4096 needs about [\d.,]+ GiB by estimate, [\d.,]+ [MG]iB of", text), text
    fits = int(re.findall(r"train\.batch_size=(\d+)", text)[0])
    assert 64 <= fits <= 512, text
    torch.cuda.empty_cache()
    recipe = net.recipe
    assert recipe is not None
    smaller = netspec.loads(netspec.expand(net), set={"train.batch_size": fits})
    assert finish(smaller, tmp_path / "small", device="cuda").records
    del ballast


def test_memory_that_other_tensors_hold_is_not_offered() -> None:
    torch.cuda.empty_cache()
    net = small_net(PLAIN)
    free = device_memory(trainer_of(net))
    held = torch.empty(2**30, dtype=torch.uint8, device="cuda")
    left = device_memory(trainer_of(net))
    assert free is not None
    assert left is not None
    assert abs(free - left - held.nbytes) < 2**26


# ---- what a user types


@pytest.mark.parametrize(
    ("command", "words"),
    [
        ("doctor", "NVIDIA"),
        ("train plain.yaml --dry-run", "graph steps"),
        ("train plain.yaml --run run; eval run", "accuracy"),
        ("train plain.yaml --device cuda:7", "`--device cuda:7`, but this torch"),
        ("train plain.yaml --run run --precision bf16 --channels-last --driver eager", "examples/sec"),
        ("train plain.yaml --run run --autotune", "autotune: channels first, compiled: "),
    ],
)
def test_commands_on_a_gpu(command: str, words: str, tmp_path: Path) -> None:
    (tmp_path / "plain.yaml").write_text(PLAIN)
    said = ""
    for arguments in command.split("; "):
        done = subprocess.run(
            [sys.executable, "-m", "netspec", *arguments.split()], cwd=tmp_path, capture_output=True, text=True,
            timeout=120, env=os.environ | {"PYTHONPATH": os.pathsep.join([str(ROOT), *sys.path])},
        )  # fmt: skip
        said = done.stdout + done.stderr
        assert "Traceback" not in said
    assert words in said, said
