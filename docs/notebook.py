"""The tutorial as a notebook, docs/tutorial.ipynb, made from docs/tutorial.md; `python docs/generate.py` writes it.

Text becomes cells of text, specs become files, commands become cells with the output that the page shows. What a page
tells of training is a cell that trains: as a program, so that the notebook shows the bar and the curves.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any, Final

DOCS: Final = Path(__file__).resolve().parent
NOTEBOOK: Final = DOCS / "tutorial.ipynb"
_FENCE: Final = re.compile(r"^```(\w+)( recorded)?\n(.*?)^```\n", re.MULTILINE | re.DOTALL)
_LINK: Final = re.compile(r"\[([^\]]*)\]\(([\w-]+\.md)(#[\w-]+)?\)")
_PICTURE: Final = re.compile(r"^!\[[^\]]*\]\(images/([\w-]+)\.svg\)\n", re.MULTILINE)
_ITSELF: Final = re.compile(r"^.*\(tutorial\.ipynb\).*\n", re.MULTILINE)
_EXAMPLES: Final = "docs/examples/"

_BEGIN: Final = """\
import importlib.util
import os
import shutil
import sys
from pathlib import Path

if importlib.util.find_spec("netspec") is None:  # in Colab: the wheel, beside this notebook
    wheels = list(Path().glob("netspec_compiler-*.whl"))
    if not wheels:
        raise FileNotFoundError(
            "upload netspec_compiler-*.whl beside this notebook (the folder on the left); "
            "`pip wheel --no-deps .` in a clone of netspec makes it"
        )
    wheel = max(wheels, key=lambda file: file.stat().st_mtime)
    %pip install --quiet "{wheel}[torch]"
    importlib.invalidate_caches()

import netspec

os.environ["PATH"] = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
if Path("../specs/lenet.yaml").is_file():  # in a clone, in docs/
    os.chdir("..")
package = Path(netspec.__file__).parent
if not Path("specs").is_dir():  # the specs that come with netspec, from a wheel or a clone
    shutil.copytree(next(p for p in (package / "specs", package.parent / "specs") if p.is_dir()), "specs")"""
_ABOUT: Final = """\
This notebook is [the tutorial](tutorial.md) to be run. It needs netspec with PyTorch: in a clone
`pip install -e ".[torch]"` and a Jupyter of your own; in Colab upload the wheel that `pip wheel --no-deps .` makes in a
clone. Training takes the Fashion-MNIST in `$NETSPEC_DATA`, or downloads it."""
_FILES: Final = ("lenet.yaml", "softmax.yaml")
"""What the specs of the page are written into."""
_EPOCHS: Final = "epochs = 10  # of training, below"
_TRAIN: Final = """\
net = netspec.load("specs/lenet.yaml", set={"train.epochs": epochs})
result = netspec.train(net)
print(result.line)"""
_DRAW: Final = """\
!netspec draw specs/lenet.yaml specs/alexnet.yaml --style stack -o lenet-alexnet.svg
from IPython.display import SVG

SVG("lenet-alexnet.svg")"""


def notebook(tutorial: str) -> str:
    """The text of docs/tutorial.ipynb, from that of docs/tutorial.md."""
    beginning, heading, rest = tutorial.partition("\n## ")
    text = heading.lstrip() + rest
    cells = [_text(beginning), _text(_ABOUT), _code(_BEGIN), _code(_EPOCHS, tags=["parameters"])]
    specs = iter(_FILES)
    end = 0
    for fence in _FENCE.finditer(text):
        cells += _words(text[end : fence.start()])
        end = fence.end()
        match fence[1]:
            case "yaml":
                file = next(specs)
                cells += [_code(f"%%writefile {file}\n{fence[3].rstrip()}"), _code(f"!netspec check {file}")]
            case "console":
                cells += _command(fence[3], recorded=bool(fence[2]))
            case other:
                raise AssertionError(f"docs/tutorial.md: no cell is made of ```{other}")
    cells += _words(text[end:])
    for number, cell in enumerate(cells):
        cell["id"] = f"cell-{number}"
    about = {"kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
             "language_info": {"name": "python"}, "colab": {"provenance": []}}  # fmt: skip
    whole = {"cells": cells, "metadata": about, "nbformat": 4, "nbformat_minor": 5}
    return json.dumps(whole, indent=1, ensure_ascii=False) + "\n"


def _words(text: str) -> list[dict[str, Any]]:
    """Cells of text; a picture of the page is drawn."""
    before, *behind = _PICTURE.split(text)
    cells = [_text(before)] if before.strip() else []
    for after in behind[1::2]:
        cells += [_code(_DRAW), *([_text(after)] if after.strip() else [])]
    return cells


def _command(block: str, *, recorded: bool) -> list[dict[str, Any]]:
    """The cells of a command: what it reads, if that is an example of the documents, and what it says."""
    command, _, said = block.partition("\n")
    words = command.removeprefix("$ ")
    if words.startswith("netspec train"):
        return [_code(_TRAIN, said, recorded=True)]
    cells = [
        _code(f"%%writefile {name}\n{(DOCS / 'examples' / name).read_text(encoding='utf-8').rstrip()}")
        for name in re.findall(rf"{_EXAMPLES}([\w.]+)", words)
    ]
    return [*cells, _code(f"!{words}".replace(_EXAMPLES, ""), said.replace(_EXAMPLES, ""), recorded=recorded)]


def _text(text: str) -> dict[str, Any]:
    """A cell of text, without the link to the notebook. Links to pages beside it would lead nowhere in Colab."""
    named = _LINK.sub(lambda m: f"{m[1]} (`docs/{m[2]}`)", _ITSELF.sub("", text).strip())
    return {"cell_type": "markdown", "metadata": {}, "source": named.splitlines(keepends=True)}


def _code(source: str, said: str = "", *, tags: list[str] | None = None, recorded: bool = False) -> dict[str, Any]:
    outputs = [{"name": "stdout", "output_type": "stream", "text": said.splitlines(keepends=True)}] if said else []
    about = {"tags": tags or (["recorded"] if recorded else [])}
    return {"cell_type": "code", "execution_count": None, "metadata": about if about["tags"] else {},
            "outputs": outputs, "source": source.splitlines(keepends=True)}  # fmt: skip
