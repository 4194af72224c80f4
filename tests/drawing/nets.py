"""The networks that every style is held against on every page."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import netspec
from netspec.net import Net

ROOT = Path(__file__).parent.parent.parent

NETS: dict[str, tuple[tuple[str, str | None], ...]] = {
    "lenet": (("lenet", None),),
    "alexnet": (("alexnet", None),),
    "lenet and alexnet": (("lenet", None), ("alexnet", None)),
    "vgg16": (("torchvision/vgg", "vgg16"),),
    "googlenet": (("d2l/googlenet", None),),
    "resnet18": (("torchvision/resnet", "resnet18"),),
    "resnet50": (("torchvision/resnet", "resnet50"),),
    "densenet121": (("torchvision/densenet", "densenet121"),),
    "unet": (("unet", None),),
    "mobilenet_v3": (("torchvision/mobilenet_v3", "mobilenet_v3_large"),),
    "vit_b_16": (("torchvision/vision_transformer", "vit_b_16"),),
    "swin_t": (("torchvision/swin_transformer", "swin_t"),),
    "gpt2": (("language/gpt2", "gpt2_small"),),
    "yolov8n": (("graphs/yolov8n", None),),
}


@cache
def load(spec: str, variant: str | None = None) -> Net:
    return netspec.load(str(ROOT / "specs" / f"{spec}.yaml"), variant=variant)


def nets(name: str) -> list[Net]:
    return [load(spec, variant) for spec, variant in NETS[name]]
