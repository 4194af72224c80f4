"""What a report shows of a net's answers: curves with their areas, residuals, masks beside what is right."""

from __future__ import annotations

import base64
import io
import re
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor

import netspec
from netspec.cli import cli
from netspec.trainer.show.answers import answer_sections
from netspec.trainer.trained.inspection import inspect
from netspec.trainer.trained.opening import open_trained
from tests.commands import invoke
from tests.train.test_pairs import IGNORING, PAIRS, spec, write
from tests.train.test_recipe_metrics import area, numbers


def run_of(layers: str, loss: str, x: Tensor, y: Tensor, path: Path) -> Path:
    from safetensors.torch import save_file

    save_file({"x": x, "y": y}, path / "data.safetensors")
    files = f"{{train: {path / 'data.safetensors'}, test: {path / 'data.safetensors'}}}"
    text = (
        f"name: shown\ninput: {list(x.shape[1:])}\nlayers: [{layers}]\ntrain:\n  data: {{tensors: {files}}}\n"
        f"  batch_size: 16\n  epochs: 2\n  optimizer: {{Adam: {{lr: 0.05}}}}\n  loss: {loss}\n"
    )
    return netspec.train(netspec.loads(text), run=path / "run", quiet=True, report=True).run


def sections(run: Path) -> list[tuple[str, str, list[str]]]:
    trained = open_trained(run)
    return list(answer_sections(inspect(trained, "test", shown=True).answers, trained.names))


@pytest.mark.slow
def test_the_areas_of_ranks_are_those_of_the_definition(tmp_path: Path) -> None:
    x = numbers(0, 120, 5)
    y = (x[:, :3] + numbers(1, 120, 3)).argmax(1)
    run = run_of("Linear: 3", "CrossEntropyLoss", x, y, tmp_path)
    ((title, words, pictures),) = sections(run)
    assert (title, words) == ("Ranks", "120 examples: of each class or label against the others.")
    p = netspec.open_run(run).predict(x).softmax(1).numpy()
    told = dict(re.findall(r">(\d) (\d\.\d{3})<", pictures[0]))
    assert told == {str(c): f"{area(p[:, c], y.numpy() == c):.3f}" for c in range(3)}
    page = (run / "report.html").read_text()
    assert "<h2>Ranks</h2>" in page and "<h2>Confusion</h2>" in page


@pytest.mark.slow
@pytest.mark.filterwarnings("error")
def test_classes_that_no_example_has_leave_a_report_without_curves(tmp_path: Path) -> None:
    x = numbers(0, 20, 5)
    run = run_of("Linear: 3", "CrossEntropyLoss", x, torch.zeros(20, dtype=torch.int64), tmp_path)
    ((title, _, pictures),) = sections(run)
    assert title == "Ranks" and "ROC, with the area below" in pictures[0]


@pytest.mark.slow
def test_residuals_are_told_by_their_mean_and_deviation(tmp_path: Path) -> None:
    x = numbers(0, 100, 4)
    y = x[:, :1] + 0.1 * numbers(1, 100, 1)
    run = run_of("Linear: 1", "MSELoss", x, y, tmp_path)
    ((title, words, pictures),) = sections(run)
    apart = (netspec.open_run(run).predict(x) - y).numpy()
    assert (title, words) == ("Residuals", "100 examples")
    assert f"mean {apart.mean():.4g}, deviation {apart.std():.4g}" in pictures[0]
    assert "<h2>Residuals</h2>" in (run / "report.html").read_text()


@pytest.mark.slow
def test_masks_stand_beside_the_picture_and_what_is_right(tmp_path: Path) -> None:
    x = torch.rand(9, 3, 8, 8, generator=torch.Generator().manual_seed(0))
    y = x.argmax(1)
    y[:, 0] = 255
    loss = "{CrossEntropyLoss: {ignore_index: 255}}"
    run = run_of("Conv2d: {out_channels: 3, kernel_size: 1}", loss, x, y, tmp_path)
    ((title, words, (gallery,)),) = sections(run)
    assert (title, words) == ("Answers", "6 of 9 examples: the picture, the target, the answer.")
    shown = [
        np.asarray(Image.open(io.BytesIO(base64.b64decode(data)))) for data in re.findall(r"base64,([^\"]+)", gallery)
    ]
    assert len(shown) == 18
    output = netspec.open_run(run).predict(x)
    for number in range(6):
        picture, target, answer = shown[3 * number : 3 * number + 3]
        assert np.array_equal(picture, (x[number] * 255).round().byte().permute(1, 2, 0).numpy())
        assert (target[0] == 255).all()  # what is left out is white
        same = (target[1:] == answer[1:]).all(-1)
        assert np.array_equal(same, (output[number].argmax(0) == y[number])[1:].numpy())


@pytest.mark.slow
def test_a_gallery_of_masks_has_the_classes_with_their_overlap_and_the_names_of_files(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    write(tmp_path / "p" / "train", 8)
    write(tmp_path / "p" / "test", 9, 8)
    text = spec(PAIRS, loss=IGNORING, epochs=3, metrics="[{JaccardIndex: {average: none}}]")
    run = netspec.train(netspec.loads(text), run="run", quiet=True, report=True)
    page = (run.run / "report.html").read_text(encoding="utf-8")
    shown = sorted(f"p{number}.png" for number in range(8, 17))[:6]
    assert re.findall(r"<figcaption[^>]*>([^<]+)</figcaption>", page) == shown
    assert f'alt="the answer of {shown[0]}"' in page
    told = re.findall(
        r'background: rgb\((\d+), (\d+), (\d+)\)"></span></td><td class="left">(\d)</td><td>([\d.]+|—)<', page
    )
    assert [name for *_, name, _ in told] == ["0", "1", "2"] and "IoU, 9 examples" in page
    for *colour, name, share in told:  # held against the metric of the library, over all examples
        figure = run.records[-1].figure(f"test_iou.{name}")
        assert figure is not None and (share == "—" or float(share) == pytest.approx(figure, abs=6e-4))
        assert tuple(map(int, colour)) in {(31, 35, 40), (230, 97, 72), (76, 139, 214)}


@pytest.mark.slow
def test_eval_writes_the_report_anew_for_any_task(tmp_path: Path) -> None:
    x = numbers(0, 60, 4)
    run = run_of("Linear: 1", "MSELoss", x, x[:, :1].clone(), tmp_path)
    (run / "report.html").unlink()
    assert invoke(cli, "eval", run, "--report").exit_code == 0
    assert "<h2>Residuals</h2>" in (run / "report.html").read_text()


@pytest.mark.slow
@pytest.mark.parametrize("loss", ["BCEWithLogitsLoss", "BCELoss"])
def test_labels_have_ranks(loss: str, tmp_path: Path) -> None:
    x = numbers(0, 80, 4)
    y = (x[:, :2] > 0).float()
    run = run_of(f"Linear: 2{', Sigmoid' if loss == 'BCELoss' else ''}", loss, x, y, tmp_path)
    ((title, _, pictures),) = sections(run)
    output = netspec.open_run(run).predict(x).numpy()
    told = dict(re.findall(r">(\d) (\d\.\d{3})<", pictures[0]))
    assert title == "Ranks"
    assert told == {str(c): f"{area(output[:, c], y[:, c].numpy() == 1):.3f}" for c in range(2)}
