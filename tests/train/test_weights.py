"""`--weights FILE` with keys that are left alone by name, on either side; and what is told of them."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file

import netspec
from netspec.cli import cli
from netspec.diagnostics import UsageError
from netspec.trainer.machine.processes import World
from netspec.trainer.setup.assembly import assemble
from netspec.trainer.setup.options import Options
from tests.commands import invoke
from tests.train.small_runs import PLAIN, small_net


def stored(folder: Path, without: tuple[str, ...] = (), **more: torch.Tensor) -> Path:
    """The weights of a plain net with another seed, without some keys and with others, in a file."""
    weights = {k: v for k, v in netspec.build(small_net(PLAIN), seed=5).state_dict().items() if k not in without}
    save_file({**weights, **{key.replace("_", "."): value for key, value in more.items()}}, folder / "w.safetensors")
    return folder / "w.safetensors"


def assembled(file: Path, *fresh: str) -> Any:
    return assemble(small_net(PLAIN), Options(weights=file, fresh=fresh), World(), "cpu")


def test_keys_are_ignored_by_name_on_both_sides_and_told(tmp_path: Path) -> None:
    file = stored(tmp_path, without=("3.bias",), fc_weight=torch.zeros(2), fc_bias=torch.zeros(3))
    trainer = assembled(file, "3.bias", "fc.*")
    (note,) = trainer.notes
    assert note == (
        f"note: `weights='{file}'`: 3 of 4 parameters are loaded; as initialised stay `3.bias`; of the file are "
        "ignored `fc.bias`, `fc.weight`"
    )
    own, initial, given = (
        trainer.model.state_dict(),
        netspec.build(small_net(PLAIN), seed=0).state_dict(),
        load_file(file),
    )
    assert torch.equal(own["3.bias"], initial["3.bias"])
    assert all(torch.equal(own[key], given[key]) for key in ("1.weight", "1.bias", "3.weight"))
    assert assembled(stored(tmp_path)).notes == ()


@pytest.mark.parametrize(
    ("without", "more", "says", "advice"),
    [
        ((), {"3_weight": torch.zeros(5, 8), "3_bias": torch.zeros(5)}, "`3.weight` is 5 × 8 there and 3 × 8", "3.*"),
        ((), {"fc_weight": torch.zeros(5, 8)}, "`fc.weight` is not in the net: 5 × 8 there", "fc.*"),
        (("1.bias",), {}, "`1.bias` is missing: 8 in the net", "1.bias"),
        (("3.weight", "3.bias"), {"head_a_b": torch.zeros(2)}, "`head.a.b` is not in the net", "3.* head.*"),
    ],
)  # fmt: skip
def test_what_does_not_fit_is_told_with_the_option_that_makes_it_fit(
    without: tuple[str, ...], more: dict[str, torch.Tensor], says: str, advice: str, tmp_path: Path
) -> None:
    file = stored(tmp_path, without, **more)
    (tmp_path / "net.yaml").write_text(PLAIN)
    with pytest.raises(UsageError) as told:
        assembled(file)
    assert says in str(told.value)
    assert f"`fresh={advice.split()}` leaves these alone, and loads the other " in str(told.value)
    line = ["train", tmp_path / "net.yaml", "--weights", file, "--run", tmp_path / "run", "--quiet", "--no-report"]
    done = invoke(cli, *line)
    (words,) = re.findall(r"`(--fresh [^`]+)` leaves these alone", str(done.exception))
    assert words == " ".join(f"--fresh '{one}'" if "*" in one else f"--fresh {one}" for one in advice.split())
    assert not (tmp_path / "run").exists()
    fitting = invoke(cli, *line, *words.replace("'", "").replace("--fresh", "--ignore").split())
    assert not fitting.exception and "parameters are loaded" in fitting.stderr


def test_weights_of_another_net_and_patterns_that_leave_nothing_are_refused(tmp_path: Path) -> None:
    file = tmp_path / "other.safetensors"
    save_file({"fc.weight": torch.zeros(2)}, file)
    with pytest.raises(UsageError, match="no key of the net is there, so these are weights of another net"):
        assembled(file)
    with pytest.raises(UsageError, match=r"`fresh=\['\*\.\*'\]` leaves all 4 parameters as initialised"):
        assembled(stored(tmp_path), "*.*")
    with pytest.raises(UsageError, match=r"`fresh=\['head.\*'\]` matches no parameter of the net and none of the file"):
        assembled(stored(tmp_path), "head.*")
    for wrong, meant in (("1", "1.*"), ("1.wieght", "1.weight")):  # a module's name is no pattern
        with pytest.raises(UsageError) as told:
            assembled(stored(tmp_path), wrong)
        assert str(told.value).endswith(f"; did you mean `fresh={[meant]}`?")
        assert "of 4 parameters are loaded" in assembled(stored(tmp_path), meant).notes[0]
