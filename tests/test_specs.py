"""The specs under `tests/specs`: the good ones are clean, and of the bad ones netspec says what `tests/corpus.py` reads
in their comments: code, line and column of each finding, a part of its help, and what `--fix` makes of the spec.

Those under `noted` are clean, but for notes where they say `# note: code`; they stand several to a file."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path

import pytest

import netspec
from netspec.compiler import check_source
from netspec.diagnostics import Diagnostic
from netspec.text.source import decode
from tests.corpus import cases, end_of, fixed, places
from tests.mistakes.check import check

HERE = Path(__file__).parent / "specs"
ROOT = Path(__file__).parent.parent
BAD = cases()


def several(folder: Path) -> dict[str, str]:
    return {
        f"{path.stem}-{number}": text
        for path in sorted(folder.glob("*.yaml"))
        for number, text in enumerate(path.read_text().split("---\n"), 1)
    }


NOTED = several(HERE / "noted")


def expected(text: str, mark: str = "error") -> Counter[tuple[int, str]]:
    found: Counter[tuple[int, str]] = Counter()
    for number, line in enumerate(text.splitlines(), 1):
        if marked := re.search(rf"# {mark}: (.+)$", line):
            found.update((number, code) for code in marked[1].split())
    return found


@pytest.mark.parametrize("name", BAD)
def test_a_bad_spec_is_wrong_exactly_where_it_says_and_its_help_helps(name: str) -> None:
    case = BAD[name]
    found = check(case.text)
    said = [f"{d.span.line}:{d.span.column} {d.code} {d.message}" for d in found]
    assert places(found) == case.found, said
    assert case.found, "a spec that is right stands under `good`"
    for line, wanted in case.helps:
        above = max(d.span.line for d in found if d.span.line <= line)
        assert wanted in " ".join(d.help or "" for d in found if d.span.line == above)


@pytest.mark.parametrize("name", BAD)
def test_fix_makes_of_a_bad_spec_what_it_says(name: str) -> None:
    case = BAD[name]
    assert end_of(case, fixed(case.text, check(case.text))) == case.end


@pytest.mark.parametrize("name", BAD)
def test_what_is_shown_as_certain_is_what_fix_writes(name: str) -> None:
    """Or the finding is gone with another mend."""
    found = check(BAD[name].text)
    made = fixed(BAD[name].text, found)
    written = {fix.title for _, fix in made.mends}
    left = {(d.code, d.message) for d in made.left}
    sure = [d for d in found if d.fix is not None and d.fix.certain]
    assert [d.fix.title for d in sure if d.fix and d.fix.title not in written and (d.code, d.message) in left] == []


@pytest.mark.parametrize("name", [name for name, case in BAD.items() if case.mended is not None])
def test_a_spec_as_one_would_mend_it_is_clean(name: str) -> None:
    """Clean of what it says, and of errors: it may be warned of what nobody was to mend."""
    mended, own = BAD[name].mended, {code for _, _, code in BAD[name].found}
    assert mended is not None
    left = [d for d in check(mended) if d.severity == "error" or d.code in own]
    assert [(d.span.line, d.code, d.message) for d in left] == [], mended


def findings(text: str, *, notes: bool = False, mends: bool = True) -> list[Diagnostic]:
    source, problems = decode(text.encode(), "spec.yaml")
    return check_source(source, problems, notes=notes, mends=mends)


def test_there_are_many_bad_specs() -> None:
    assert len(BAD) >= 440


@pytest.mark.parametrize("path", sorted((HERE / "good").glob("*.yaml")), ids=lambda p: p.stem)
def test_a_good_spec_has_no_findings(path: Path) -> None:
    assert [(d.span.line, d.code, d.message) for d in netspec.check(path)] == []


@pytest.mark.parametrize("name", NOTED)
def test_a_legitimate_spec_has_notes_exactly_where_it_says_and_shows_them_if_asked(name: str) -> None:
    found = findings(NOTED[name], notes=True)
    assert Counter((d.span.line, d.code) for d in found) == expected(NOTED[name], "note"), [
        (d.span.line, d.code, d.message) for d in found
    ]
    assert {d.severity for d in found} <= {"note"}
    assert findings(NOTED[name]) == []


SHIPPED_NOTES = {
    "alexnet": {"cut-off": 4},
    "audio/conformer": {"bias-before-norm": 1, "cut-off": 1},
    "audio/wav2vec2": {"cut-off": 1},
    "d2l/alexnet": {"cut-off": 4},
    "d2l/densenet": {"bias-before-norm": 1},
    "d2l/googlenet": {"mostly-padding": 1},
    "d2l/lenet_batch_norm": {"bias-before-norm": 2},
    "d2l/nin": {"cut-off": 2},
    "d2l/resnet18": {"bias-before-norm": 3, "cut-off": 1},
    "d2l/resnext": {"bias-before-norm": 1, "cut-off": 1},
    "generative/cyclegan_generator": {"bias-before-norm": 1},
    "generative/sagan_generator": {"bias-before-norm": 1},
    "graphs/film": {"bias-before-norm": 2},
    "graphs/fpn": {"cut-off": 1},
    "graphs/fpn_resnet34": {"cut-off": 1},
    "graphs/hrnet_w18": {"bias-before-norm": 2},
    "graphs/nbeats": {"low-rank": 1},
    "graphs/pointnet": {"bias-before-norm": 2, "dropout-shifts-norm": 1},
    "graphs/res2net": {"cut-off": 1},
    "graphs/retinanet": {"cut-off": 1},
    "graphs/segnet": {"bias-before-norm": 1, "cut-off": 1},
    "graphs/siamese": {"heavy-layer": 1},
    "graphs/slowfast": {"cut-off": 2},
    "graphs/unet_resnet34": {"cut-off": 1},
    "graphs/unetpp": {"bias-before-norm": 1},
    "language/han": {"heavy-layer": 1},
    "language/sasrec": {"heavy-layer": 1},
    "torchvision/efficientnet": {"low-rank": 1},
    "torchvision/mnasnet": {"low-rank": 1},
    "torchvision/mobilenet_v2": {"low-rank": 1},
    "torchvision/mobilenet_v3": {"norm-between": 1},
    "torchvision/regnet": {"cut-off": 1},
    "torchvision/resnet": {"cut-off": 1},
    "torchvision/squeezenet": {"cut-off": 1},
    "torchvision/vgg": {"bias-before-norm": 1},
    "vision/bit": {"cut-off": 2},
    "vision/c3d": {"mostly-padding": 1},
    "vision/capsnet": {"cut-off": 1},
    "vision/cbam": {"cut-off": 1},
    "vision/crnn": {"bias-before-norm": 1},
    "vision/deeplabv3": {"cut-off": 1, "dropout-shifts-norm": 1, "mostly-padding": 1},
    "vision/detr": {"cut-off": 1},
    "vision/dpn": {"cut-off": 1},
    "vision/eca_resnet": {"cut-off": 1},
    "vision/efficientnet_edge": {"low-rank": 1},
    "vision/levit": {"cut-off": 1},
    "vision/mobileone": {"cut-off": 1},
    "vision/mobilevit": {"low-rank": 1},
    "vision/nonlocal": {"bias-before-norm": 1},
    "vision/r3d": {"cut-off": 1, "mostly-padding": 1},
    "vision/repvgg": {"cut-off": 1},
    "vision/senet": {"cut-off": 1},
    "vision/sknet": {"cut-off": 1},
    "vision/starnet": {"bias-before-norm": 3},
    "vision/xception": {"cut-off": 1},
}
"""How many notes each shipped spec has that has any, by code: `netspec check --notes specs` prints them."""


@pytest.mark.parametrize("path", sorted(ROOT.glob("specs/**/*.yaml")), ids=lambda p: p.stem)
def test_every_spec_that_we_ship_is_clean_in_every_variant(path: Path) -> None:
    found = findings(path.read_text(), notes=True, mends=False)
    assert [(d.span.line, d.code, d.message) for d in found if d.severity != "note"] == []
    key = path.relative_to(ROOT / "specs").as_posix().removesuffix(".yaml")
    assert dict(Counter(d.code for d in found)) == SHIPPED_NOTES.get(key, {})


@pytest.mark.parametrize("path", sorted((HERE / "good").glob("*.yaml")), ids=lambda p: p.stem)
def test_the_flat_yaml_compiles_to_the_same_layers(path: Path) -> None:
    net = netspec.load(path)
    flat = netspec.loads(netspec.expand(net), "flat.yaml")
    assert [(x.path, x.call, x.input, x.output, x.init, x.frozen) for x in net.layers] == [
        (x.path, x.call, x.input, x.output, x.init, x.frozen) for x in flat.layers
    ]
