"""Networks of packages of many fields, unmodified: packages and networks were chosen before any was imported."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import reduce
from importlib import import_module
from itertools import count
from types import MappingProxyType
from typing import Any, Final, NamedTuple

import torch
from torch import nn

from tests.imports.corpus import Inputs


class Made(NamedTuple):
    """What a package makes: `package.module:factory` with its arguments, of which some may be made too."""

    factory: str
    arguments: Mapping[str, Any] = MappingProxyType({})

    def make(self) -> Any:
        """Call the factory."""
        module, name = self.factory.split(":")
        called: Any = reduce(getattr, name.split("."), import_module(module))
        return called(
            **{key: given.make() if isinstance(given, Made) else given for key, given in self.arguments.items()}
        )


class Net(NamedTuple):
    """A network, with the shapes of what it takes and, of inputs that are whole numbers, below what they are."""

    made: Made
    shapes: tuple[tuple[int, ...], ...] = ((2, 3, 64, 64),)
    below: tuple[int, ...] = (0,)
    """0: numbers drawn from a normal distribution."""


_BARE: Final = {"pretrained": None}
_VIT: Final = {"image_size": 32, "patch_size": 8, "num_classes": 10, "dim": 32, "depth": 3, "heads": 4, "mlp_dim": 64}
_WORDS: Final = {"num_tokens": 64, "max_seq_len": 16}
_LAYERS: Final = {"dim": 32, "depth": 2, "heads": 4}
_SPACE: Final = {"spatial_dims": 3, "in_channels": 1, "out_channels": 2}
_TABLE: Final = {"input_dim": 8, "output_dim": 3, "group_attention_matrix": Made("torch:eye", {"n": 8})}
_SAM: Final = {"img_size": 64, "patch_size": 8, "embed_dim": 32, "depth": 3, "num_heads": 4, "out_chans": 16}
_PERCEPTUAL: Final = {"pretrained": False, "pnet_rand": True, "pnet_tune": True, "verbose": False}
_TWICE: Final = ((2, 3, 64, 64), (2, 3, 64, 64))

PACKAGES: Final[dict[str, tuple[Net, ...]]] = {
    "efficientnet-pytorch": (
        Net(Made("efficientnet_pytorch:EfficientNet.from_name", {"model_name": "efficientnet-b0"})),
        Net(Made("efficientnet_pytorch:EfficientNet.from_name", {"model_name": "efficientnet-b1"})),
    ),
    "geffnet": (
        Net(Made("geffnet.mobilenetv3:mobilenetv3_small_100")),
        Net(Made("geffnet.mobilenetv3:tf_mobilenetv3_large_minimal_100")),
    ),
    "pretrainedmodels": (
        Net(Made("pretrainedmodels.models:bninception", _BARE), ((2, 3, 224, 224),)),
        Net(Made("pretrainedmodels.models:se_resnet50", _BARE), ((2, 3, 224, 224),)),
        Net(Made("pretrainedmodels.models:xception", _BARE), ((2, 3, 96, 96),)),
    ),
    "pytorchcv": (
        Net(Made("pytorchcv.models.shufflenetv2:shufflenetv2_wd2"), ((2, 3, 224, 224),)),
        Net(Made("pytorchcv.models.mobilenetv2:mobilenetv2_wd4"), ((2, 3, 224, 224),)),
    ),
    "resnest": (
        Net(Made("resnest.torch:resnest50")),
    ),
    "facenet-pytorch": (
        Net(Made("facenet_pytorch:PNet", {"pretrained": False})),
        Net(Made("facenet_pytorch:RNet", {"pretrained": False}), ((2, 3, 24, 24),)),
        Net(Made("facenet_pytorch:InceptionResnetV1"), ((2, 3, 160, 160),)),
    ),
    "lpips": (
        Net(Made("lpips:LPIPS", {**_PERCEPTUAL, "net": "alex"}), _TWICE, (0, 0)),
        Net(Made("lpips:LPIPS", {**_PERCEPTUAL, "net": "squeeze"}), _TWICE, (0, 0)),
    ),
    "segment-anything": (
        Net(Made("segment_anything.modeling.image_encoder:ImageEncoderViT", _SAM)),
        Net(Made("segment_anything.modeling.image_encoder:ImageEncoderViT", {**_SAM, "use_rel_pos": True})),
    ),
    "super-image": (
        Net(Made("super_image:EdsrModel", {"args": Made("super_image:EdsrConfig", {"scale": 2, "n_feats": 8})})),
        Net(Made("super_image:CarnModel", {"args": Made("super_image:CarnConfig", {"scale": 2})})),
    ),
    "vit-pytorch": (
        Net(Made("vit_pytorch:ViT", _VIT), ((2, 3, 32, 32),)),
        Net(Made("vit_pytorch:SimpleViT", _VIT), ((2, 3, 32, 32),)),
        Net(
            Made(
                "vit_pytorch.mobile_vit:MobileViT",
                {
                    "image_size": (64, 64), "dims": [24, 32, 40], "num_classes": 10,
                    "channels": [8, 8, 12, 12, 16, 16, 20, 20, 24, 24, 48],
                },
            ),
        ),
    ),
    "x-transformers": (
        Net(
            Made(
                "x_transformers:TransformerWrapper",
                {**_WORDS, "attn_layers": Made("x_transformers:Encoder", _LAYERS)},
            ), ((2, 12),), (64,),
        ),
        Net(
            Made(
                "x_transformers:TransformerWrapper",
                {**_WORDS, "attn_layers": Made("x_transformers:Decoder", {**_LAYERS, "rotary_pos_emb": True})},
            ), ((2, 12),), (64,),
        ),
    ),
    "conformer": (
        Net(Made("conformer:ConformerConvModule", {"dim": 16, "kernel_size": 7}), ((2, 12, 16),)),
        Net(Made("conformer:Conformer", {"dim": 16, "depth": 2, "heads": 4, "dim_head": 8}), ((2, 12, 16),)),
    ),
    "pytorch-tabnet": (
        Net(Made("pytorch_tabnet.tab_network:TabNet", _TABLE), ((16, 8),)),
    ),
    "nbeats-pytorch": (
        Net(Made("nbeats_pytorch.model:NBeatsNet", {"hidden_layer_units": 16}), ((4, 10),)),
    ),
    "denoising-diffusion-pytorch": (
        Net(
            Made("denoising_diffusion_pytorch:Unet", {"dim": 16, "dim_mults": (1, 2)}),
            ((2, 3, 16, 16), (2,)), (0, 100),
        ),
    ),
    "monai": (
        Net(
            Made("monai.networks.nets:UNet", {**_SPACE, "channels": (4, 8, 16), "strides": (2, 2), "num_res_units": 1}),
            ((2, 1, 16, 16, 16),),
        ),
        Net(Made("monai.networks.nets:SegResNet", {**_SPACE, "init_filters": 8}), ((2, 1, 16, 16, 16),)),
        Net(Made("monai.networks.nets:DynUNet", {
            **_SPACE, "kernel_size": (3,) * 3, "strides": (1, 2, 2), "upsample_kernel_size": (2, 2),
            "filters": (4, 8, 16),
        }), ((2, 1, 16, 16, 16),)),
    ),
}  # fmt: skip


def _nets() -> dict[str, Net]:
    """The networks, by what they are called: the package, and what makes them; with a number where it makes several."""
    found: dict[str, Net] = {}
    for package, nets in PACKAGES.items():
        for net in nets:
            name = f"{package} {net.made.factory.rpartition(':')[2]}"
            again = next(i for i in count(1) if (name if i == 1 else f"{name} {i}") not in found)
            found[name if again == 1 else f"{name} {again}"] = net
    return found


def names() -> Sequence[str]:
    """The networks."""
    return list(_nets())


def made(name: str) -> nn.Module:
    """A network, as its package makes it."""
    return _nets()[name].made.make()


def inputs(name: str) -> Sequence[Inputs]:
    """What it takes."""
    net = _nets()[name]
    pairs = zip(net.shapes, net.below, strict=True)
    return [tuple(torch.randint(0, below, shape) if below else torch.randn(shape) for shape, below in pairs)]
