"""What a recipe does to a picture before evaluation, as a function of the emitted file.

It is written with `torchvision.transforms.v2`, whose names and arguments the recipe has. The import stands inside, so
that the network itself needs torch alone.
"""

from __future__ import annotations

from typing import Final

from netspec.emit.python.code import Argument, Expression, FunctionCall, Literal, Raw, listing
from netspec.layers.defaults import REQUIRED
from netspec.net import Net
from netspec.recipe.base import Transform, is_image

NAMES: Final = frozenset({"images", "transforms", "v2"})
"""The names inside, which nothing else of the file may have."""
_SCALED: Final = FunctionCall("v2.ToDtype", (Argument(Raw("torch.float32")), Argument(Literal(True), "scale", True)))


def takes_pictures(net: Net) -> bool:
    """True if the net has a recipe whose examples are pictures, for which transforms are defined."""
    return net.recipe is not None and net.recipe.data.images and any(is_image(value.type) for value in net.inputs)


def preprocessing(net: Net, name: str) -> list[str]:
    """The lines of the function; none for a net that takes no pictures, and where a transform is a plugin's."""
    if net.recipe is None or not takes_pictures(net) or foreign(net):
        return []
    lines = [
        f"def {name}(images: torch.Tensor) -> torch.Tensor:",
        '    """What the network takes, of a batch of pictures: uint8 from 0 to 255, or float32 from 0 to 1."""',
    ]
    if not net.recipe.transforms:
        return [*lines, "    return images / 255 if images.dtype == torch.uint8 else images"]
    return [
        *lines,
        "    from torchvision.transforms import v2  # the network itself does without torchvision",
        "",
        *listing([_SCALED, *map(_call, net.recipe.transforms)], 1, "transforms = "),
        "    return v2.Compose(transforms)(images)",
    ]


def _call(transform: Transform) -> FunctionCall:
    """`v2.Resize(224)`: the argument that a recipe may give alone stands alone here, too."""
    arguments: list[Argument] = []
    for name, info in type(transform).model_fields.items():
        value = Literal(getattr(transform, name), name, REQUIRED if info.is_required() else info.default)
        if not value.is_default:
            bare = name == transform.scalar and not arguments
            arguments.append(Argument(_spelled(name, value), "" if bare else name, keyword=not bare))
    return FunctionCall(f"v2.{transform.name()}", tuple(arguments))


def _spelled(name: str, value: Literal) -> Expression:
    """The value of an argument, of which torchvision has one as an enumeration."""
    if name != "interpolation":
        return value
    return Raw(f"v2.InterpolationMode.{str(value.value).upper().replace('-', '_')}")


def foreign(net: Net) -> list[str]:
    """The names of the recipe's transforms that are a plugin's, of which the file cannot say how they are called."""
    return [] if net.recipe is None else [t.name() for t in net.recipe.transforms if t.is_foreign()]
