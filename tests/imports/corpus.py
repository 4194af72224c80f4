"""The networks of libraries, and what became of each that was imported."""

from __future__ import annotations

import re
import traceback
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import torch
from torch import nn

import netspec
from netspec.capture.graph import NotCaptured
from netspec.capture.importing import from_torch
from netspec.capture.proving.proof import EqualityProof, Unproven


class Outcome(NamedTuple):
    """What became of a network."""

    kind: str
    """`proven with blocks`, `proven but flat`, `refused`, `wrong`, `crashed` or `apart`."""
    told: str
    text: str | None = None


class Corpus(NamedTuple):
    """The networks of a library."""

    names: Callable[[], Sequence[str]]
    make: Callable[[str], nn.Module]
    sizes: Callable[[str], Sequence[int]]
    """The edges of images to try, the first that the network takes counts."""
    frames: int | None = None
    """Of networks of videos, how many images each has."""


def _torchvision_names() -> list[str]:
    from torchvision import models

    return models.list_models(module=models)


def _torchvision(name: str) -> nn.Module:
    from torchvision import models

    return models.get_model(name, weights=None)


def _torchvision_sizes(name: str) -> Sequence[int]:
    if name.startswith(("vit", "maxvit")):
        return (224,)
    if name.startswith("inception"):
        return (299,)
    return (128,) if name.startswith("googlenet") else (64, 224)


def _timm_names() -> list[str]:
    from tests.imports.drawn import drawn

    return drawn()


def _timm(name: str) -> nn.Module:
    import timm  # pyright: ignore[reportMissingImports]  # installed beside, where it is wanted

    return timm.create_model(name, pretrained=False)


def _timm_sizes(name: str) -> Sequence[int]:
    import timm  # pyright: ignore[reportMissingImports]  # as above

    config: Any = timm.get_pretrained_cfg(name)
    size = config.input_size[-1] if config is not None else 224
    return (64, size) if config is not None and not config.fixed_input_size else (size,)


def _named_in(part: str) -> Callable[[], Sequence[str]]:
    def names() -> Sequence[str]:
        from torchvision import models

        return models.list_models(module=getattr(models, part))

    return names


def _without_weights(name: str) -> nn.Module:
    """A network whose backbone has no weights either: both would be fetched."""
    from torchvision import models

    return models.get_model(name, weights=None, weights_backbone=None)


def _quantized(name: str) -> nn.Module:
    from torchvision import models

    return models.get_model(name, weights=None, quantize=True)


def _quantized_sizes(name: str) -> Sequence[int]:
    return _torchvision_sizes(name.removeprefix("quantized_"))


def _video_sizes(name: str) -> Sequence[int]:
    return (224,) if name.startswith(("mvit", "swin")) else (64, 112, 224)


def _edges(*edges: int) -> Callable[[str], Sequence[int]]:
    """The same edges for all networks."""

    def sizes(name: str) -> Sequence[int]:
        return edges

    return sizes


def _segmented(name: str) -> nn.Module:
    import segmentation_models_pytorch as smp  # pyright: ignore[reportMissingImports]  # installed beside, where wanted

    made: Any = getattr(smp, name)
    encoder = "mit_b0" if name == "Segformer" else "tu-vit_tiny_patch16_224" if name == "DPT" else "resnet18"
    return made(encoder, encoder_weights=None, classes=3)


def _segmented_names() -> list[str]:
    import segmentation_models_pytorch as smp  # pyright: ignore[reportMissingImports]  # as above

    archs: Any = smp.MODEL_ARCHITECTURES_MAPPING
    return [kind.__name__ for kind in archs.values()]


LIBRARIES = {
    "torchvision": Corpus(_torchvision_names, _torchvision, _torchvision_sizes),
    "segmentation": Corpus(_named_in("segmentation"), _without_weights, _edges(64, 128)),
    "video": Corpus(_named_in("video"), _torchvision, _video_sizes, 16),
    "quantization": Corpus(_named_in("quantization"), _quantized, _quantized_sizes),
    "smp": Corpus(_segmented_names, _segmented, _edges(64, 224)),
    "timm": Corpus(_timm_names, _timm, _timm_sizes),
}


def millions(corpus: Corpus, name: str) -> float:
    """How many million parameters a network has."""
    with torch.device("meta"):
        try:
            made = corpus.make(name)
        except (RuntimeError, NotImplementedError):  # a library may compute while it makes a network
            made = None
    made = corpus.make(name) if made is None else made
    return sum(parameter.numel() for parameter in made.parameters()) / 1e6


def imported(corpus: Corpus, name: str) -> Outcome:
    """Import a network, and say what became of it."""
    torch.default_generator.manual_seed(0)
    module = corpus.make(name)
    sizes = corpus.sizes(name)
    example = _example(module, sizes, corpus.frames)
    try:
        try:
            found = from_torch(module, example, name=name)
        except NotCaptured:  # a small picture saves time; a network that fits its tables to it may keep them at its own
            if example.shape[-1] == sizes[-1]:
                raise
            example = _example(module, sizes[-1:], corpus.frames)
            found = from_torch(module, example, name=name)
    except NotCaptured as error:
        first = re.sub(r"\S*/site-packages/", "", str(error)).splitlines()
        return Outcome("refused", " ".join(line.strip() for line in first[:3])[:300])
    except Exception:
        return Outcome("crashed", traceback.format_exc(limit=-2).replace("\n", " ")[-300:])
    try:
        again = EqualityProof(module, netspec.loads(found.text), found.keys, 7, found.left_out, wide=found.wide)
        again.check([example], training=False)
    except Unproven as error:
        return Outcome("wrong", f"proven with one seed, and not with another: {error}", found.text)
    kept = sum(own == key for own, key in found.keys.items())
    lines = len(found.text.splitlines())
    keys = "keys kept" if kept == len(found.keys) else f"{kept} of {len(found.keys)} keys kept"
    keys += f", {len(found.unused)} unused left out" if found.unused else ""
    kind = "proven with blocks" if found.blocks or lines < 60 else "proven but flat"
    return Outcome(kind, f"{lines} lines, {found.blocks} blocks, {keys}; {found.difference or 0:.0e}", found.text)


def _example(module: nn.Module, sizes: Sequence[int], frames: int | None) -> torch.Tensor:
    """An image, or a video, that the network takes."""
    between = () if frames is None else (frames,)
    for size in sizes[:-1]:
        x = torch.randn(2, 3, *between, size, size)
        try:
            with torch.no_grad():
                module.train()(x)
        except Exception:  # a library's network may raise anything where a size does not suit it
            continue
        finally:
            module.train()
        return x
    return torch.randn(2, 3, *between, sizes[-1], sizes[-1])
