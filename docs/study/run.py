"""Measure the study and write what comes of it: `python docs/study/run.py PART…`.

    counts          shapes, parameters, MACs               seconds, no torch
    gradients       at the beginning, sigmoid and ReLU     seconds
    speed           one forward pass                       seconds
    pieces          LeNet: activation and pooling          quarter of an hour of one core
    schedule        LeNet with a falling learning rate     minutes
    regularisation  dropout and augmentation               quarter of an hour
    depth           AlexNet with sigmoids                  minutes
    classical       SVM, random forest, HOG, shifts        minutes; needs the extra `study`
    pictures        docs/images/study-*.svg                seconds
    tables          the tables of docs/study-alexnet.md    seconds, no torch
    all             everything that is not there yet

A row that stands in docs/study/results.json is not measured again, but by `--again`. The data set is looked for where
`netspec train` looks; runs lie under runs/study.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")  # read when torch is imported; the page says how many it were
sys.path.insert(0, str(Path(__file__).resolve().parent.parent.parent))

from docs.study.store import ROOT, Results  # the checkout is on the path now
from netspec.diagnostics import NetspecError


def _counts(results: Results, again: bool) -> None:
    from docs.study.counts import NETS, counted

    for name in NETS:
        results.put("counts", name, counted(name))


def _gradients(results: Results, again: bool) -> None:
    from docs.study.tensors import measure_gradients

    measure_gradients(results, again)


def _speed(results: Results, again: bool) -> None:
    from docs.study.tensors import measure_speed

    measure_speed(results, again)


def _training(part: str) -> Callable[[Results, bool], None]:
    def measure(results: Results, again: bool) -> None:
        from docs.study.training import train_all

        train_all(part, results, again)

    return measure


def _classical(results: Results, again: bool) -> None:
    missing = [name for name in ("sklearn", "skimage") if find_spec(name) is None]
    if missing:
        raise SystemExit(f"`classical` needs {' and '.join(missing)}: python -m pip install -e '.[study]'")
    from docs.study.classical import measure_all

    measure_all(results, again)


def _pictures(results: Results, again: bool) -> None:
    from docs.study.pictures import write_pictures

    write_pictures(results)


def _tables(results: Results, again: bool) -> None:
    from docs.study.tables import PAGE, filled

    PAGE.write_text(filled(PAGE.read_text(encoding="utf-8"), results), encoding="utf-8")


PARTS: dict[str, Callable[[Results, bool], None]] = {
    "counts": _counts,
    "gradients": _gradients,
    "speed": _speed,
    "pieces": _training("pieces"),
    "schedule": _training("schedule"),
    "regularisation": _training("regularisation"),
    "depth": _training("depth"),
    "classical": _classical,
    "pictures": _pictures,
    "tables": _tables,
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("parts", nargs="+", choices=[*PARTS, "all"], metavar="PART")
    parser.add_argument("--again", action="store_true", help="measure rows that are there, too")
    given = parser.parse_args()
    os.chdir(ROOT)  # the commands in the rows name specs from here
    results = Results()
    for part in PARTS if "all" in given.parts else given.parts:
        try:
            PARTS[part](results, given.again)
        except NetspecError as error:  # as of data that are not there
            print(f"{part}: {error}", file=sys.stderr)
            sys.exit(error.exit_status)


if __name__ == "__main__":
    main()
