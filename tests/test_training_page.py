"""docs/training.md, followed word by word."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch

import netspec
from netspec.compiler import check_source
from netspec.diagnostics import ResourceError
from netspec.text.source import Source
from tests.followed import Page, run

PAGE = Page("training")
LOG, FOUND, OPENED = (block.text for block in PAGE.blocks if block.kind == "python" and not block.file)


def test_the_page_has_what_is_followed_here() -> None:
    assert list(PAGE.files) == ["rings.py", "rings.yaml"]
    assert len(PAGE.printed) == 2
    assert sum(bool(line.strip()) for line in PAGE.files["rings.py"].splitlines()) <= 25
    assert check_source(Source("rings.yaml", PAGE.files["rings.yaml"])) == []


@pytest.mark.slow
def test_the_program_learns_ends_by_its_callback_and_its_run_is_opened(tmp_path: Path) -> None:
    PAGE.write(tmp_path)
    program = PAGE.files["rings.py"].replace("callbacks=enough", "callbacks=[Log(), enough]")
    head, net, rest = program.partition("net = ")
    shown = OPENED.replace("run.evaluate(", "print(run.evaluate(").replace("metrics=[near])", "metrics=[near]))")
    done = run(tmp_path, "-c", head + LOG + net + rest + shown, torch=True)
    assert done.returncode == 0, done.stderr
    assert "by the callback `enough`" in done.stderr
    records = [json.loads(line) for line in (tmp_path / "runs/rings-1/metrics.jsonl").read_text().splitlines()]
    assert 1 < len(records) < 100
    assert records[-1]["validation_near"] > 0.9 >= max(record["validation_near"] for record in records[:-1])
    assert f"near {records[-1]['validation_near']:.4f}" in done.stdout
    assert "'near': 0." in done.stdout.splitlines()[-1]
    again = run(tmp_path, "-m", "netspec", "train", "--resume", "runs/rings-1", torch=True)
    assert again.returncode == 2
    assert "netspec.train(netspec.load(" in again.stderr


@pytest.mark.slow
def test_a_learning_rate_is_found_as_it_says(tmp_path: Path) -> None:
    PAGE.write(tmp_path)
    program = PAGE.files["rings.py"].partition("result = ")[0]
    done = run(tmp_path, "-c", program + FOUND, torch=True)
    assert done.returncode == 0, done.stderr
    shown, printed = (text.strip().splitlines()[1:] for text in (done.stdout, PAGE.printed[0]))
    assert len(shown) == len(printed)
    for ours, theirs in zip(shown, printed, strict=True):  # other machines round otherwise
        for one, other in zip(ours.split(), theirs.split(), strict=False):
            if other.strip(":")[0].isdigit():
                assert float(one.strip(":")) == pytest.approx(float(other.strip(":")), rel=0.25)
            elif other[0] != "█":
                assert one == other
    assert sorted(path.name for path in tmp_path.iterdir()) == ["lr.svg", "rings.py", "rings.yaml"]


def test_a_mistake_is_told_as_it_says(tmp_path: Path) -> None:
    class Rings(torch.utils.data.Dataset[object]):
        def __len__(self) -> int:
            return 3

        def __getitem__(self, index: int) -> object:
            return {"image": torch.zeros(2), "label": torch.zeros(1)}

    data = {"train": Rings(), "validation": Rings()}
    with pytest.raises(ResourceError) as found:
        netspec.train(netspec.loads(PAGE.files["rings.yaml"]), data=data, loss=torch.nn.MSELoss(), run=tmp_path / "run")
    assert " ".join(str(found.value).split()) == " ".join(PAGE.printed[1].split())
    assert not (tmp_path / "run").exists()
