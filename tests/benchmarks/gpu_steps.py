"""What `gpu.py` does on the device, a function a step."""

from __future__ import annotations

import gc
import json
import os
import statistics
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import peers as loops
import torch
from torch.profiler import ProfilerActivity
from torch.profiler import profile as profiler

import netspec
from netspec.net import Net
from netspec.trainer.data.parts import data_root
from netspec.trainer.jobs.training import train
from netspec.trainer.machine.device import choose_arithmetic, numerics
from netspec.trainer.machine.processes import World
from netspec.trainer.run.records import Record
from netspec.trainer.setup.assembly import assemble
from netspec.trainer.setup.memory import estimated
from netspec.trainer.setup.options import Options
from netspec.trainer.show.reporters import Quiet

ROOT = Path(__file__).parent.parent.parent


@dataclass(frozen=True)
class Setting:
    """Where a step runs, how much it does, and where it writes."""

    step: str
    device: str
    tiny: bool
    results: Path

    def found(self, what: str, **figures: Any) -> None:
        """Write and show one finding; on the disk before the next one is looked for."""
        line = json.dumps({"step": self.step, "what": what, **figures})
        with self.results.open("a") as file:
            file.write(line + "\n")
            file.flush()
            os.fsync(file.fileno())
        print(line, flush=True)

    def synchronize(self) -> None:
        """Wait for the device."""
        if self.device == "cuda":
            torch.cuda.synchronize()


class Watcher(Quiet):
    """Keeps what the trainer has to say: that a step could not be captured; and writes down every epoch."""

    def __init__(self, found: Callable[..., None] | None = None) -> None:
        self.notes: list[str] = []
        self._found = found

    def note(self, text: str) -> None:
        """Keep it."""
        self.notes.append(text)

    def epoch(self, record: Record) -> None:
        """Write it down: a step that runs out of time has shown so much."""
        if self._found is not None:
            self._found("epoch", record=vars(record))


# ---- the roof


def roof(setting: Setting) -> None:
    """Floating-point operations per second of a matrix product, bytes per second of a copy: the best of twenty."""
    if setting.device == "cuda":
        properties = torch.cuda.get_device_properties(0)
        setting.found(
            "machine", gpu=properties.name, memory=properties.total_memory, torch=torch.__version__,
            cuda=torch.version.cuda, cudnn=torch.backends.cudnn.version(), cpus=os.cpu_count(),
        )  # fmt: skip
    size = 128 if setting.tiny else 8192
    for precision in ("bf16", "tf32", "fp32") if setting.device == "cuda" else ("bf16", "fp32"):
        arithmetic = choose_arithmetic(torch.device(setting.device), precision)
        dtype = arithmetic.autocast or torch.float32
        a, b = (torch.randn(size, size, device=setting.device, dtype=dtype) for _ in range(2))
        with numerics(arithmetic):
            seconds = best(setting, lambda a=a, b=b: a @ b)
        setting.found("product", precision=precision, rate=2 * size**3 / seconds)
    a = torch.randn(size * size * 16, device=setting.device)
    b = torch.empty_like(a)
    setting.found("copy", rate=2 * a.nbytes / best(setting, lambda: b.copy_(a)))


def best(setting: Setting, work: Callable[[], object], times: int = 20) -> float:
    """Seconds of the fastest of so many."""
    found = float("inf")
    for _ in range(times):
        setting.synchronize()
        began = time.perf_counter()
        work()
        setting.synchronize()
        found = min(found, time.perf_counter() - began)
    return found


# ---- training


def flops_per_example(net: Net) -> float:
    """Floating-point operations of one training example: two for each multiply-accumulate, forward, and backward for
    weights and for inputs, which the first layer does not need."""
    macs = [leaf.macs for leaf in net.layers if isinstance(leaf.macs, int)]
    return 2.0 * (3 * sum(macs) - next(m for m in macs if m))


def spec(name: str, **settings: Any) -> Net:
    """One of the two networks of the notes."""
    return netspec.load(ROOT / "specs" / f"{name}.yaml", set={f"train.{key}": value for key, value in settings.items()})


def tiny(name: str) -> Net:
    """The same on four made-up pictures, two epochs of two steps."""
    return spec(name, epochs=2, batch_size=2, transforms=[], data={"synthetic": {"train": 4, "test": 2}})


def trained(setting: Setting, net: Net, what: str, **options: Any) -> None:
    """Train, and write down what came of it; the first epoch, in which steps are captured, is not in the speed."""
    recipe = net.recipe
    assert recipe is not None
    watcher = Watcher(setting.found if what == "recipe" else None)
    gc.collect()
    if setting.device == "cuda":
        torch.cuda.empty_cache()
    with tempfile.TemporaryDirectory() as place:
        began = time.perf_counter()
        result = train(net, run=Path(place) / "run", device=setting.device, reporter=watcher, report=False, **options)
        wall = time.perf_counter() - began
    records = result.records
    warm = records[1:] or records
    examples = records[0].examples_per_second * records[0].seconds
    speed = examples * len(warm) / sum(r.seconds for r in warm)
    last = records[-1]
    setting.found(
        what, net=net.name, precision=options.get("precision"), batch=recipe.batch_size, epochs=len(records),
        loss=last.train_loss, train_accuracy=last.train_accuracy, test_accuracy=last.test_accuracy,
        examples_per_second=speed, best_epoch=examples / min(r.seconds for r in warm),
        training_seconds=sum(r.seconds for r in records), wall_seconds=wall, flops_per_example=flops_per_example(net),
        allocated=torch.cuda.max_memory_allocated() if setting.device == "cuda" else None,
        reserved=torch.cuda.max_memory_reserved() if setting.device == "cuda" else None,
        options={k: v for k, v in options.items() if k != "precision"}, notes=watcher.notes,
    )  # fmt: skip


def precisions(setting: Setting) -> tuple[str, ...]:
    """Those that are worth a line."""
    return ("tf32", "bf16") if setting.device == "cuda" else ("fp32",)


def alexnet(precision: str) -> Callable[[Setting], None]:
    """The notes' recipe in a precision: 224 × 224, batch 128, SGD 0.01, ten epochs."""

    def step(setting: Setting) -> None:
        if setting.device == "cpu" and precision == "tf32":
            return
        trained(setting, tiny("alexnet") if setting.tiny else spec("alexnet"), "recipe", precision=precision)

    return step


def lenet(setting: Setting) -> None:
    """The book's recipe: batch 256, SGD 0.9, ten epochs; captured and eagerly."""
    net = tiny("lenet") if setting.tiny else spec("lenet")
    for driver in ("graph", "eager"):
        trained(setting, net, "recipe", precision=precisions(setting)[0], driver=driver)


def short(setting: Setting, name: str, steps: int = 100) -> tuple[Net, dict[str, Any]]:
    """Two epochs of so many steps: the first to warm up, the second to measure."""
    if setting.tiny:
        return tiny(name), {}
    net = spec(name, epochs=2)
    assert net.recipe is not None
    return net, {"examples": steps * net.recipe.batch_size}


def choices(setting: Setting) -> None:
    """What the options that change no result do to AlexNet's speed."""
    net, options = short(setting, "alexnet")
    for precision in precisions(setting):
        for driver in ("graph",) if setting.tiny else ("graph", "eager"):
            for channels_last in (False, True):
                trained(
                    setting, net, "choice", precision=precision, driver=driver, channels_last=channels_last, **options
                )


def compiled(setting: Setting) -> None:
    """The recipes of the notes with `torch.compile`, which takes half a minute of the first epoch."""
    if setting.device == "cpu":
        return  # it needs a C++ compiler and minutes
    for name, precision in (("alexnet", "bf16"), ("lenet", "tf32")):
        trained(setting, spec(name), "recipe", precision=precision, compile=True)


def synthetic(setting: Setting) -> None:
    """Two networks of ImageNet's size on made-up pictures."""
    batch, epochs = (2, 2) if setting.tiny else (128, 9)
    examples = (2 if setting.tiny else 12) * batch  # few: making them up takes longer than the steps
    size: dict[str, Any] = {"input": [3, 32, 32]} if setting.tiny else {}
    vit = {"width": 192, "hidden": 768, "heads": 3}  # DeiT's smallest: twelve blocks of width 192 with three heads
    vision = ROOT / "specs/torchvision"
    for net in (
        netspec.load(vision / "resnet.yaml", variant="resnet18", set=size),
        replace(netspec.load(vision / "vision_transformer.yaml", variant="vit_b_16", set=size | vit), name="vit_tiny"),
    ):
        net = with_recipe(net, batch, examples, epochs)
        for precision in precisions(setting):
            for last in (False, True):
                trained(setting, net, "synthetic", precision=precision, channels_last=last)


def with_recipe(net: Net, batch: int, examples: int, epochs: int = 3) -> Net:
    """A net that is trained on made-up examples; on made-up words where it takes integers."""
    classes = "" if len(net.output_shape) == 1 else ", classes: 2"
    if net.inputs[0].type.dtype == "int64":
        classes += ", vocabulary: 50"
    return netspec.loads(
        netspec.expand(replace(net, recipe=None))
        + f"""
train:
  data: {{synthetic: {{train: {examples}, test: {batch}{classes}}}}}
  batch_size: {batch}
  epochs: {epochs}
  loss: CrossEntropyLoss
  optimizer: {{SGD: {{lr: 0.01, momentum: 0.9}}}}
"""
    )


def peers(setting: Setting) -> None:
    """The d2l loop and Lightning, each as its documentation shows, beside netspec in the same precision."""
    if setting.tiny and not (data_root() / "FashionMNIST").is_dir():
        setting.found("peer", missing="Fashion-MNIST, which they read")
        return
    for name, batch in (("alexnet", 2), ("lenet", 2)) if setting.tiny else (("alexnet", 128), ("lenet", 256)):
        examples = 2 * batch if setting.tiny else 60_000
        cpus = 0 if setting.tiny else min(os.cpu_count() or 1, 12)
        contenders: dict[str, Callable[[], loops.Loop]] = {
            "d2l loop": lambda n=name, b=batch, e=examples: loops.d2l(
                data_root(), e, 0 if setting.tiny else 4, network=n, batch=b, device=setting.device
            ),
            "Lightning": lambda n=name, b=batch, e=examples, c=cpus: loops.lightning(
                data_root(), e, network=n, batch=b, device=setting.device, workers=c
            ),
        }
        for peer, make in contenders.items():
            try:
                loop = make()
            except ModuleNotFoundError as error:
                setting.found("peer", net=name, peer=peer, missing=str(error))
                continue
            with numerics(choose_arithmetic(torch.device(setting.device), None)):
                speed = loop()
            setting.found("peer", net=name, peer=peer, examples_per_second=speed.wall, by_d2l_timer=speed.d2l)


# ---- memory


def memory(setting: Setting) -> None:
    """What `netspec.trainer.setup.memory.estimated` says beside what the allocator saw, by net, batch and precision."""
    vision = ROOT / "specs/torchvision"
    nets = [
        (netspec.load(ROOT / "specs/unet.yaml"), (8, 32)),
        (netspec.load(vision / "vision_transformer.yaml", variant="vit_b_16"), (32, 128)),
        (netspec.load(ROOT / "specs/alexnet.yaml"), (128, 512)),
        (netspec.load(vision / "resnet.yaml", variant="resnet50"), (32, 128)),
    ]
    short = {"length": 8, "words": 50, "width": 12, "depth": 1, "heads": 2} if setting.tiny else {}
    gpt2 = netspec.load(ROOT / "specs/language/gpt2.yaml", variant="gpt2_small", set=short)
    for net, batches in (*nets[: 1 if setting.tiny else None], (gpt2, (4, 16))):
        for batch in (2,) if setting.tiny else batches:
            for precision in precisions(setting):
                measured(setting, net, batch, precision)


def measured(setting: Setting, net: Net, batch: int, precision: str) -> None:
    """Eager steps: the peak of the first three, in which cuDNN tries its kernels, and of the next three."""
    cuda = setting.device == "cuda"
    gc.collect()
    if cuda:
        torch.cuda.empty_cache()
    before = torch.cuda.memory_allocated() if cuda else 0
    net = with_recipe(net, batch, batch)
    trainer = assemble(
        net, Options(device=setting.device, precision=precision, driver="eager"), World(), setting.device
    )  # pyright: ignore[reportArgumentType]  # one of precisions()
    peaks: list[int | None] = []
    with numerics(trainer.arithmetic):
        batch_ = next(trainer.batches(0, 0)).fetch()
        for _ in range(2):
            if cuda:
                torch.cuda.reset_peak_memory_stats()
            for _ in range(1 if setting.tiny else 3):
                trainer.step(trainer.buffers(batch_, 0, ()), trainer.phase(0, 0))
            setting.synchronize()
            peaks.append(torch.cuda.max_memory_allocated() - before if cuda else None)
        estimate = estimated(trainer, batch)
    setting.found(
        "memory", net=net.name, batch=batch, precision=precision, estimate=estimate, trying=peaks[0], steady=peaks[1],
        elsewhere=before,
    )  # fmt: skip


# ---- where the time goes


def profile(setting: Setting) -> None:
    """Twenty steps of AlexNet and of LeNet, and ResNet-18: kernels by their share, and what the device waits."""
    cases: list[tuple[Net, dict[str, Any]]] = []
    for precision in precisions(setting):
        net, options = short(setting, "alexnet", 40)
        cases += [
            (net, {"precision": precision, "channels_last": last, "driver": "eager", **options})
            for last in (False, True)
        ]
        cases += [(net, {"precision": precision, "driver": "eager", "compile": True, **options})] * (
            precision == "bf16"
        )
        net, options = short(setting, "lenet", 40)
        cases += [(net, {"precision": precision, "driver": driver, **options}) for driver in ("graph", "eager")]
    for net, options in cases:
        profiled(setting, net, options)


def profiled(setting: Setting, net: Net, options: dict[str, Any], steps: int = 20) -> None:
    """Microseconds a step by the clock and on the device, kernels a step, and the largest of them."""
    trainer = assemble(net, Options(device=setting.device, **options), World(), setting.device)
    activity = ProfilerActivity.CUDA if setting.device == "cuda" else ProfilerActivity.CPU
    with numerics(trainer.arithmetic):
        batches = trainer.batches(0, 0)

        def some(count: int) -> int:
            done = 0
            for number, batch in zip(range(count), batches, strict=False):
                trainer.driver(trainer.buffers(batch, number, ()), trainer.phase(0, number))
                done += 1
            setting.synchronize()
            return done

        some(1 if setting.tiny else 15)
        with profiler(activities=[activity]) as seen:
            began = time.perf_counter()
            done = some(1 if setting.tiny else steps)
            wall = (time.perf_counter() - began) / max(done, 1)
    kernels: dict[str, list[float]] = {}
    for event in seen.events() or ():
        spent = event.device_time_total if setting.device == "cuda" else event.self_cpu_time_total
        if setting.device == "cpu" or "CUDA" in str(event.device_type):
            kernels.setdefault(event.name, []).append(spent)
    largest = sorted(kernels.items(), key=lambda item: -sum(item[1]))
    setting.found(
        "profile", net=net.name, options={k: v for k, v in options.items() if k != "examples"},
        step_us=wall * 1e6, device_us=sum(sum(v) for v in kernels.values()) / max(done, 1),
        kernels=sum(len(v) for v in kernels.values()) / max(done, 1),
        largest=[
            {"kernel": name[:160], "us": sum(v) / max(done, 1), "times": len(v) / max(done, 1),
             "median_us": statistics.median(v)}
            for name, v in largest[:25]
        ],
    )  # fmt: skip
