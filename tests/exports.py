"""Holds the ONNX file of every shipped classifier against the run that it was exported from, through onnxruntime.

    python -m tests.exports [NAME …]

NAME is a spec (`vision/cait`, `cait`); all of them if none is named. Each is a run directory with made-up weights, of
one variant at a small size, whose recipe resizes and normalises pictures of another size. It is exported, and the file
alone is run in onnxruntime on pictures that the export has not seen. A line for each with the largest difference from
what `netspec.open_run` predicts; status 1 if one is refused or further away than 1e-4, of the largest score or of 1.
"""

from __future__ import annotations

import argparse
import json
import re
import sys
import tempfile
import time
import warnings
from pathlib import Path
from typing import Any, NamedTuple

import torch
import yaml
from safetensors.torch import save_file
from torchvision.transforms.v2 import functional as TF  # its habit

import netspec
from netspec.net import Net
from netspec.torch.verify import example
from netspec.trainer.run.directory import create_run
from tests.zoo.agreement import SPECS

PICTURE = (3, 72, 96)
"""The pictures of the made-up data: another size than any net takes."""
MEAN, STD = [0.485, 0.456, 0.406], [0.229, 0.224, 0.225]

FOUR = {"depths": [1, 1, 1, 1]}
TWO = {"depth": 2}
SIZES: dict[str, dict[str, Any]] = {
    "alexnet": {}, "lenet": {},
    **{f"d2l/{name}": {} for name in (
        "alexnet", "densenet", "googlenet", "lenet", "lenet_batch_norm", "nin", "resnet18", "resnext", "vgg11", "vit",
    )},
    "graphs/deit": TWO, "graphs/highway": {}, "graphs/hrnet_w18": {}, "graphs/pointnet": {"points": 64},
    "graphs/res2net": {}, "graphs/slowfast": {"input": [3, 32, 64, 64]},
    "language/han": {"sentences": 4, "words": 7, "vocabulary": 300}, "language/lstm_classifier": {"length": 12},
    "language/text_cnn": {},
    **{f"torchvision/{name}": {} for name in (
        "alexnet", "convnext", "densenet", "efficientnet", "googlenet", "mnasnet", "mobilenet_v2", "mobilenet_v3",
        "regnet", "resnet", "shufflenet_v2", "squeezenet", "swin_transformer", "vgg", "vision_transformer",
    )},
    "torchvision/inception": {}, "torchvision/maxvit": {},
    "vision/beit": {**TWO, "n": 4}, "vision/bit": FOUR, "vision/c3d": {"widths": [4, 8, 8, 8, 8], "hidden": 16},
    "vision/cait": TWO, "vision/capsnet": {}, "vision/cbam": FOUR, "vision/coatnet": {"depths": [1, 1, 1, 1]},
    "vision/convmixer": {"depth": 3, "width": 64}, "vision/convnextv2": FOUR, "vision/crossvit": {},
    "vision/cspdarknet53": {"depths": [1, 1, 1, 1, 1]}, "vision/darknet53": {"depths": [1, 1, 1, 1, 1]},
    "vision/dpn": FOUR, "vision/eca_resnet": FOUR, "vision/efficientnet_edge": {}, "vision/ghostnet": {},
    "vision/gmlp": TWO, "vision/inception_resnet_v2": {"input": [3, 139, 139]}, "vision/levit": {},
    "vision/mlp_mixer": TWO,
    "vision/mobileone": {}, "vision/mobilevit": {}, "vision/nfnet": FOUR, "vision/nonlocal": {},
    "vision/perceiver_io": {"depth": 2, "rounds": 2, "latents": 16, "input": [3, 32, 32], "height": 32, "width": 32},
    "vision/poolformer": FOUR, "vision/pvt_v2": FOUR, "vision/r3d": {"input": [3, 8, 32, 32]},
    "vision/repvgg": FOUR, "vision/resmlp": TWO, "vision/senet": FOUR, "vision/sknet": FOUR, "vision/starnet": FOUR,
    "vision/timesformer": {"depth": 2, "width": 96, "heads": 4}, "vision/tnt": TWO, "vision/vovnet": {},
    "vision/xception": {}, "vision/xcit": TWO, "vision/yolov8n_classifier": {},
}  # fmt: skip
"""Every spec that gives scores of classes, with what makes it small; its input is 64 × 64 where the spec takes that."""


class Held(NamedTuple):
    """What became of one."""

    shape: tuple[Any, ...]
    difference: float
    checked: float
    """What the export itself found."""


def small(spec: str) -> Net:
    """The net of a spec at a small size, with a recipe."""
    text = (SPECS / f"{spec}.yaml").read_text(encoding="utf-8")
    text = re.sub(r"^train:.*?(?=^\S|\Z)", "", text, flags=re.MULTILINE | re.DOTALL).rstrip()
    variant = next(iter(yaml.safe_load(text).get("variants") or []), None)
    settings = dict(SIZES[spec])
    plain = netspec.loads(text, spec, variant=variant)
    for more in ({"input": [plain.input_shape[0], 64, 64]}, {}):
        if more and (len(plain.input_shape) != 3 or "input" in settings):
            continue
        given = {**settings, **more}
        try:
            net = netspec.loads(text, spec, variant=variant, set=given)
        except netspec.NetspecError:
            if not more:
                raise
            continue
        break
    return netspec.loads(f"{text}\n{recipe(net)}", spec, variant=variant, set=given)  # type: ignore[possibly-undefined]


def recipe(net: Net) -> str:
    """A recipe for a net, with transforms where it takes pictures."""
    shape, first = net.input_shape, net.outputs[0]
    data = "synthetic: {}"
    transforms = ""
    if net.input.dtype == "int64":
        data = "synthetic: {vocabulary: 100}"
    elif len(shape) == 3:
        data = f"synthetic: {{shape: {[shape[0], *PICTURE[1:]]}}}"
        mean, std = (MEAN, STD) if shape[0] == 3 else ([0.5], [0.25])
        transforms = f"  transforms: [Resize: {{size: {list(shape[1:])}}}, Normalize: {{mean: {mean}, std: {std}}}]\n"
    loss = "CrossEntropyLoss" if first.name is None else f"[{{CrossEntropyLoss: {{}}, of: {first.name}}}]"
    return (
        f"train:\n  data: {{{data}}}\n{transforms}  batch_size: 4\n  epochs: 1\n"
        f"  optimizer: {{SGD: {{lr: 0.01}}}}\n  loss: {loss}\n"
    )


def made(net: Net, folder: Path) -> Path:
    """A run directory of a net, whose norms have seen a batch."""
    model = netspec.build(net, seed=0)
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad(), torch.random.fork_rng():
        torch.manual_seed(0)
        model.train()(*example(net, 4, generator))
    run = create_run(net.name, folder / "run")
    run.write_sources(net, {"options": {}, "data": {"names": []}})
    state = {name: t.clone().contiguous() for name, t in model.state_dict().items()}
    save_file(state, run.weights)
    return run.path


def hold(spec: str, folder: Path) -> Held:
    """Export one, and hold the file against the run."""
    import onnxruntime

    net = small(spec)
    run = netspec.open_run(made(net, folder), device="cpu")
    file = folder / "net.onnx"
    exported = run.export(file, verify=True)
    session = onnxruntime.InferenceSession(str(file), providers=["CPUExecutionProvider"])
    generator = torch.Generator().manual_seed(17)
    (given,) = session.get_inputs()
    if given.type == "tensor(uint8)":
        x = torch.randint(0, 256, (5, net.input_shape[0], *PICTURE[1:]), dtype=torch.uint8, generator=generator)
        ready = TF.resize(x.float() / 255, list(net.input_shape[1:]), antialias=True)
        mean, std = (MEAN, STD) if net.input_shape[0] == 3 else ([0.5], [0.25])
        ready = TF.normalize(ready, mean, std)
    else:
        (x,) = (ready,) = example(net, 5, generator)
    wanted = run.predict(ready)
    outputs = list(wanted.values()) if isinstance(wanted, dict) else [wanted]
    got = session.run(None, {given.name: x.numpy()})
    scale = [max(1.0, float(own.abs().max())) for own in outputs]
    apart = [float((torch.from_numpy(a) - b).abs().max()) / s for a, b, s in zip(got, outputs, scale, strict=True)]
    says = json.loads(session.get_modelmeta().custom_metadata_map["inputs"])
    assert says == exported.metadata["inputs"]
    assert exported.check is not None
    return Held(net.input_shape, max(apart), exported.check.difference)


def main() -> int:
    """Print what was found; 1 if anything differs or is refused."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", metavar="NAME", help="specs; all if none is named")
    names = parser.parse_args().names
    chosen = [spec for spec in SIZES if not names or spec in names or spec.rpartition("/")[2] in names]
    if unknown := [n for n in names if not any(n in (s, s.rpartition("/")[2]) for s in SIZES)]:
        parser.error(f"no classifier is called {unknown[0]}")
    warnings.simplefilter("ignore")
    wrong, largest = 0, 0.0
    for spec in chosen:
        start = time.perf_counter()
        with tempfile.TemporaryDirectory() as folder:
            try:
                held = hold(spec, Path(folder))
            except netspec.NetspecError as error:
                wrong += 1
                print(f"{spec:<32} REFUSED  {error}", flush=True)
                continue
        far = not held.difference <= 1e-4
        wrong += far
        largest = max(largest, held.difference)
        size = " × ".join(map(str, held.shape))
        took = time.perf_counter() - start
        print(f"{spec:<32} {size:<16} {held.difference:.1e} {'DIFFERS' if far else 'equal'} ({took:.0f} s)", flush=True)
    print(f"{len(chosen)} classifiers, {wrong} refused or different, largest difference {largest:.1e}")
    return int(wrong > 0)


if __name__ == "__main__":
    sys.exit(main())
