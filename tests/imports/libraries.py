"""The libraries whose networks are imported."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache
from typing import Any

import torch
from torch import nn

from tests.imports import families, packages
from tests.imports.corpus import Corpus, Inputs
from tests.imports.drawn import drawn

Edges = tuple[int, ...]
"""Edges of pictures to try."""


def _torchvision_names() -> list[str]:
    from torchvision import models

    return models.list_models(module=models)


def _torchvision(name: str) -> nn.Module:
    from torchvision import models

    return models.get_model(name, weights=None)


def _torchvision_sizes(name: str) -> Edges:
    if name.startswith(("vit", "maxvit")):
        return (224,)
    if name.startswith("inception"):
        return (299,)
    return (128,) if name.startswith("googlenet") else (64, 224)


def _timm_names() -> list[str]:
    return drawn()


def _timm(name: str) -> nn.Module:
    import timm  # pyright: ignore[reportMissingImports]  # installed beside, where it is wanted

    small = _smaller_picture(name)
    return timm.create_model(name, pretrained=False, **({} if small is None else {"img_size": small}))


def _timm_sizes(name: str) -> Edges:
    import timm  # pyright: ignore[reportMissingImports]  # as above

    config: Any = timm.get_pretrained_cfg(name)
    size = config.input_size[-1] if config is not None else 224
    if config is not None and config.fixed_input_size:
        return (_smaller_picture(name) or size,)
    return (64, size) if config is not None else (size,)


@cache
def _smaller_picture(name: str) -> int | None:
    """A quarter or half of the side of its pictures, for a network that is made for one size and has much to compute:
    it has the same layers then, on fewer tokens. None for the others, and where it is not made for another size."""
    import timm  # pyright: ignore[reportMissingImports]  # as above

    config: Any = timm.get_pretrained_cfg(name)
    if config is None or not config.fixed_input_size:
        return None
    size: int = config.input_size[-1]
    with torch.device("meta"):
        whole = timm.create_model(name, pretrained=False)
        if size <= _WIDE and sum(parameter.numel() for parameter in whole.parameters()) <= _LARGE:
            return None
        patch = getattr(getattr(whole, "patch_embed", None), "patch_size", 32)
        patch = patch if isinstance(patch, int) else patch[0]
        for small in (patch * max(4, round(size / patch / 4)), size // 2):
            try:
                timm.create_model(name, pretrained=False, img_size=small)(torch.zeros(2, 3, small, small))
            except Exception:  # a library raises anything for a size
                continue
            return small
    return None


_WIDE = 256
"""Pixels on a side."""
_LARGE = 150e6
"""Parameters."""


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


def _quantized_sizes(name: str) -> Edges:
    return _torchvision_sizes(name.removeprefix("quantized_"))


def _video_sizes(name: str) -> Edges:
    return (224,) if name.startswith(("mvit", "swin")) else (64, 112, 224)


def _pictures(sizes: Callable[[str], Edges]) -> Callable[[str], Sequence[Inputs]]:
    """Pictures with these edges."""
    return lambda name: [(torch.randn(2, 3, size, size),) for size in sizes(name)]


def _videos(name: str) -> Sequence[Inputs]:
    return [(torch.randn(2, 3, _FRAMES, size, size),) for size in _video_sizes(name)]


_FRAMES = 16
"""How many pictures a video has."""


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
    "torchvision": Corpus(_torchvision_names, _torchvision, _pictures(_torchvision_sizes)),
    "segmentation": Corpus(_named_in("segmentation"), _without_weights, _pictures(lambda name: (64, 128))),
    "video": Corpus(_named_in("video"), _torchvision, _videos),
    "quantization": Corpus(_named_in("quantization"), _quantized, _pictures(_quantized_sizes)),
    "smp": Corpus(_segmented_names, _segmented, _pictures(lambda name: (64, 224))),
    "timm": Corpus(_timm_names, _timm, _pictures(_timm_sizes)),
    "transformers": Corpus(families.names, families.made, families.inputs, is_sorted=False),
    "packages": Corpus(packages.names, packages.made, packages.inputs, is_sorted=False),
}
