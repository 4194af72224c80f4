"""Picture files of every kind become eight bits a channel, or are refused with the reason."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import save_file

import netspec
from netspec.diagnostics import ResourceError
from netspec.trainer.data.pictures import read_picture
from tests.train.small_runs import PLAIN, finish

RAMP = np.linspace(0, 65535, 64).astype(np.uint16).reshape(8, 8)


def test_sixteen_bits_become_their_upper_eight(tmp_path: Path) -> None:
    Image.fromarray(RAMP).save(tmp_path / "a.png")
    grey = read_picture(tmp_path / "a.png", 1, "")
    assert torch.equal(grey, torch.from_numpy((RAMP >> 8).astype(np.uint8))[None])
    assert torch.equal(read_picture(tmp_path / "a.png", 3, ""), grey.expand(3, 8, 8))


@pytest.mark.parametrize("values", [RAMP.astype(np.float32) / 65535, RAMP.astype(np.int32) * 4])
def test_values_of_no_known_range_are_refused(values: np.ndarray, tmp_path: Path) -> None:
    Image.fromarray(values).save(tmp_path / "a.tiff")
    with pytest.raises(ResourceError, match="whose range no file tells; save it with 8 or 16 bits"):
        read_picture(tmp_path / "a.tiff", 1, "")


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGB", "RGBA", "CMYK"])
def test_other_modes_are_what_pillow_makes_of_them(mode: str, tmp_path: Path) -> None:
    image = Image.fromarray((RAMP >> 8).astype(np.uint8)).convert("RGB").convert(mode)
    image.save(tmp_path / "a.tiff")
    wanted = torch.from_numpy(np.array(image.convert("RGB"))).permute(2, 0, 1)
    assert torch.equal(read_picture(tmp_path / "a.tiff", 3, ""), wanted)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="there are no named pipes")
def test_a_pipe_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "x.png")
    with pytest.raises(ResourceError, match="is no file; remove it"):
        read_picture(tmp_path / "x.png", 1, "remove it")


@pytest.mark.parametrize(
    ("augment", "words"),
    [
        ("RandomCrop: 5", r"makes an example 1 × 5 × 5, but the net's input is 1 × 6 × 6"),
        ("RandomCrop: 50", r"\(`RandomCrop`\) cannot take the transformed examples"),
    ],
)
def test_augmentation_that_changes_the_size_is_refused_before_the_first_step(
    augment: str, words: str, tmp_path: Path
) -> None:
    """Of files of tensors only the data themselves tell the size; elsewhere the check of the spec does."""
    save_file(
        {"x": torch.zeros(8, 1, 6, 6, dtype=torch.uint8), "y": torch.arange(8) % 3}, tmp_path / "data.safetensors"
    )
    data = f"data: {{tensors: {{train: '{tmp_path / 'data.safetensors'}'}}}}"
    text = PLAIN.replace("data: {synthetic: {train: 36, test: 12}}", data)
    net = netspec.loads(text.replace("  batch_size", f"  augment: [{augment}]\n  batch_size"))
    with pytest.raises(ResourceError, match=words):
        finish(net, tmp_path / "run")
