"""What a notebook shows of netspec's values, in a real kernel."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import netspec
from tests.browser import Page
from tests.commands import ROOT

nbformat: Any = pytest.importorskip("nbformat", reason="nbclient is not installed")
nbclient: Any = pytest.importorskip("nbclient", reason="nbclient is not installed")
pytest.importorskip("ipykernel", reason="ipykernel is not installed")

pytestmark = pytest.mark.slow  # a kernel takes seconds to start

SPEC = "input: [1, 28, 28]\nlayers:\n  - Conv2d: {out_channels: 6, kernel_size: 5}\n  - Flatten\n  - Linear: WIDTH\n"
CELLS = {
    "net": "import netspec\nnetspec.load('specs/lenet.yaml')",
    "deep": "netspec.load('specs/torchvision/resnet.yaml', 'resnet152')",
    "magic": "%%netspec mine --set width=7\nvars: {width: 10}\n" + SPEC.replace("WIDTH", "width"),
    "bound": "mine.output_shape",
    "warned": "%%netspec\n" + SPEC.replace("Linear: WIDTH", "Linear: 10\n  - Linear: 5"),
    "wrong": "%%netspec\n" + SPEC.replace("WIDTH", "{in_features: 9216, out_features: 10}"),
    "line": "%%netspec 3x\n" + SPEC.replace("WIDTH", "10"),
    "option": "%%netspec --varant a\n" + SPEC.replace("WIDTH", "10"),
    "missing": "netspec.load('nowhere.yaml')",
    "summary": "netspec.summary(mine)",
    "comparison": "netspec.compare(netspec.load('specs/lenet.yaml'), mine)",
    "diagram": "netspec.diagram(mine)",
    "hostile": "%%netspec\nname: a\ndescription: <script>alert(1)</script>\ninput: [4]\nlayers:\n"
    "  - {Linear: 3, name: x}\n  - for: s in ['<img src=x onerror=alert(1)>']\n    do: [ReLU]\n",
    "run": """result = netspec.train(netspec.loads('''
input: [1, 8, 8]
layers: [Flatten, Linear: 4]
train: {data: {synthetic: {train: 64, test: 32}}, batch_size: 32, epochs: 2, optimizer: SGD,
  loss: CrossEntropyLoss}
'''), run=r'RUN')""",
    "result": "result",
    "opened": "netspec.open_run(r'RUN')",
}


@pytest.fixture(scope="module")
def shown(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[Any]]:
    """The outputs of each cell. There is no `dot` where the kernel looks for programs."""
    pytest.importorskip("torch")
    run = str(tmp_path_factory.mktemp("runs") / "run")
    path = str(tmp_path_factory.mktemp("empty"))
    cells = [f"import os\nos.environ['PATH'] = {path!r}", *(text.replace("RUN", run) for text in CELLS.values())]
    book = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(text) for text in cells])
    client = nbclient.NotebookClient(
        book, timeout=600, startup_timeout=300, kernel_name="python3", allow_errors=True,
        resources={"metadata": {"path": str(ROOT)}},
    )  # fmt: skip
    client.execute(env=os.environ | {"PYTHONPATH": str(ROOT)})
    return dict(zip(CELLS, (cell.outputs for cell in book.cells[1:]), strict=True))


def html(outputs: list[Any]) -> str:
    (output,) = outputs
    return output["data"]["text/html"]


def error(outputs: list[Any]) -> str:
    (output,) = outputs
    assert output["output_type"] == "error"
    return "\n".join(output["traceback"])


@pytest.mark.parametrize(
    ("cell", "facts"),
    [
        ("net", "<strong>lenet</strong>: 1 × 28 × 28 → 10; 61,706 parameters, 416,520 MACs"),
        ("deep", "<strong>resnet152</strong>: 3 × 224 × 224 → 1000; 60,192,808 parameters, 11,513,626,624 MACs"),
        ("magic", "<strong>mine</strong>: 1 × 28 × 28 → 7; 24,355 parameters, 110,592 MACs"),
    ],
)
def test_a_net_is_shown_with_its_facts_two_pictures_and_its_layers(
    shown: dict[str, list[Any]], cell: str, facts: str
) -> None:
    page = html(shown[cell])
    assert facts in page
    assert page.count("<svg ") == 2
    assert page.count("<details>") == 1
    assert "Linear" in page.partition("<details>")[2]


def test_the_magic_keeps_the_net_under_its_name_and_shows_warnings(shown: dict[str, list[Any]]) -> None:
    assert shown["bound"][0]["data"]["text/plain"] == "(7,)"
    warning, output = shown["warned"]
    assert warning["text"].startswith("warning[nothing-between]: ")
    assert "<svg " in output["data"]["text/html"]


def test_a_wrong_spec_is_shown_as_the_command_line_shows_it(shown: dict[str, list[Any]]) -> None:
    text = error(shown["wrong"])
    assert "error[width-mismatch]" in text
    assert "`in_features: 9216`, but `Flatten` (line 4) gives 3456 = 6 × 24 × 24" in text
    assert "cell:5:27" in text
    assert "Traceback" not in text
    assert "site-packages" not in text


@pytest.mark.parametrize(
    ("cell", "said"),
    [
        ("line", "`%%netspec 3x`: the network is kept under a name of Python's, which `3x` is not"),
        ("option", "it is written `%%netspec [NAME] [--variant V] [--set KEY=VALUE]`"),
        ("missing", "there is no file 'nowhere.yaml': check the name, or see what `ls` lists"),
    ],
)
def test_wrong_usage_is_a_line(shown: dict[str, list[Any]], cell: str, said: str) -> None:
    text = error(shown[cell])
    assert text.startswith("error[wrong-usage]: ")
    assert said in text
    assert text.count("\n") <= 1


def test_a_summary_is_a_table_and_no_literal(shown: dict[str, list[Any]]) -> None:
    (output,) = shown["summary"]
    assert output["data"]["text/plain"].splitlines()[0] == "mine: input 1 × 28 × 28, output 7"


def test_a_comparison_is_a_table_a_picture_and_the_differences(shown: dict[str, list[Any]]) -> None:
    page = html(shown["comparison"])
    assert page.count("<table>") == 1
    assert page.count("<svg ") == 2
    mine = netspec.loads(CELLS["magic"].partition("\n")[2], "mine", set={"width": 7})
    said = netspec.compare(netspec.load(ROOT / "specs" / "lenet.yaml"), mine).sentence
    assert f"<p>{said}.</p>" in page
    assert shown["comparison"][0]["data"]["text/plain"] == f"<Comparison: {said}>"


def test_a_diagram_is_shown_by_whichever_engine_is_there(shown: dict[str, list[Any]]) -> None:
    """There is no `dot` on this kernel's path: pygraphviz draws, or one line says what to install."""
    from netspec.drawing.rendering import find_spec

    (output,) = shown["diagram"]
    if find_spec("pygraphviz"):
        assert "<svg " in output["data"]["image/svg+xml"]
    else:
        assert "pip install" in str(output)


def test_a_run_is_shown_with_its_figures_curves_and_epochs(shown: dict[str, list[Any]]) -> None:
    for cell, head in (("result", "test acc"), ("opened", "trained in ")):
        page = html(shown[cell])
        assert head in page
        assert page.count('<img alt="loss and accuracy by epoch" src="data:image/svg+xml;base64,') == 2
        assert "<summary>2 epochs</summary>" in page
        assert "epoch   2  loss " in page


def test_dark_notebooks_show_the_dark_picture_and_others_the_light_one(
    shown: dict[str, list[Any]], tmp_path: Path, page: Page
) -> None:
    for theme, seen in (("true", "light"), ("false", "dark")):
        file = tmp_path / f"{theme}.html"
        file.write_text(
            f'<!doctype html><meta charset="utf-8"><body data-jp-theme-light="{theme}">{html(shown["net"])}',
            encoding="utf-8",
        )
        page.open(file)
        for kind in ("light", "dark"):
            style = page.js(f"getComputedStyle(document.querySelector('.netspec > .{kind}')).display")
            assert (style == "block") == (kind == seen)


def test_nothing_of_a_spec_is_markup(shown: dict[str, list[Any]]) -> None:
    for output in shown["hostile"]:
        page = str(output)
        assert "<script>alert" not in page
        assert "<img src=x" not in page


def test_without_ipython_an_import_registers_nothing() -> None:
    code = "import sys, netspec; assert not [m for m in sys.modules if m.startswith('netspec.')], sys.modules"
    run = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, encoding="utf-8", check=False)
    assert (run.returncode, run.stderr) == (0, "")
