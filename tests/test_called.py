"""Names of specs and variants: letters of every script go into files and classes; others are refused with a mend."""

from __future__ import annotations

from pathlib import Path

import pytest

from netspec.called import is_name, name_like, why_not
from netspec.compiler import check_source
from netspec.diagnostics import Diagnostic
from netspec.mends.repair import repaired
from netspec.passes import stem_of
from netspec.text.source import Source, decode
from tests import forking

SPEC = "name: {}\ninput: [1, 8, 8]\nlayers:" + (
    " [{{Conv2d: {{out_channels: 4, kernel_size: 3}}}}, ReLU, Flatten, {{Linear: 10}}]\n"
)

NAMES = [
    "lenet", "LeNet-5", "ResNet_50.v1", "2024net", "网络", "Ünïcode-网络.v2", "сеть", "شبكة", "हिन्दी", "ネット", "İnet",
    "class", "网" * 64,
]  # fmt: skip

MISTAKES = {
    "my net": ("it has a blank", "my_net"),
    "LeNet (1998)": ("it has a blank", "LeNet_1998"),
    "a/b": ("it has `/`", "a_b"),
    ".up": ("it begins with `.`", "up"),
    "../up": ("it has `/`", "up"),
    "我的 网络": ("it has a blank", "我的_网络"),
    "ﬁne": ("Python reads it as `fine`", "fine"),
    "Ｎｅｔ": ("Python reads it as `Net`", "Net"),
    "e\u0301tude": ("Python reads it as `étude`", "étude"),
    "net\u202egpj": ("it has U+202E", "net_gpj"),
    "-net": ("it begins with `-`", "net"),
    "_net": ("it begins with `_`", "net"),
    "🚀net": ("it has `🚀`", "net"),
    "🚀": ("it has `🚀`", None),
    "": ("it is empty", None),
    "n" * 70: ("it has 70 letters", "n" * 64),
    "𠀀" * 60: ("it has 240 bytes", "𠀀" * 48),
}


def check(text: str) -> list[str]:
    return [f"{d.code}: {d.message}" for d in check_source(*decode(text.encode(), "spec.yaml"))]


@pytest.mark.needs_torch  # the programs that are started here do
@pytest.mark.parametrize("name", NAMES)
def test_a_name_of_any_script_is_one_of_files_and_of_classes_that_run(name: str, tmp_path: Path) -> None:
    assert is_name(name)
    assert name_like(name) == name
    spec = tmp_path / "spec.yaml"
    spec.write_text(SPEC.format(name), encoding="utf-8")
    assert check(spec.read_text(encoding="utf-8")) == []
    out = tmp_path / "out"
    done = forking.run("-m", "netspec", "compile", spec, "-o", out, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert {f"{name}.py", f"{name}.json"} <= {file.name for file in out.iterdir()}
    model = forking.run(out / f"{name}.py", cwd=tmp_path, torch=True)
    assert model.returncode == 0, model.stderr


@pytest.mark.parametrize("text", MISTAKES, ids=range(len(MISTAKES)))
def test_what_cannot_name_a_file_is_refused_with_the_name_that_is_nearest(text: str) -> None:
    why, near = MISTAKES[text]
    assert not is_name(text)
    assert why_not(text).startswith(why)
    assert name_like(text) == near
    assert near is None or is_name(near)
    source = Source("spec.yaml", SPEC.format(text or '""'))
    if not text.isprintable():  # what stands in a spec is refused before anything is read
        return

    def found(written: str) -> list[Diagnostic]:
        return check_source(*decode(written.encode(), "spec.yaml"))

    (finding,) = found(source.text)
    assert finding.code == "bad-name"
    assert why in finding.message
    assert (finding.fix is None) == (near is None)
    if near is not None:
        assert repaired(source, [finding], found).text == SPEC.format(near)


@pytest.mark.parametrize("quotes", ["{}", '"{}"', "'{}'"])
@pytest.mark.parametrize(
    ("name", "near"),
    [
        ("LeNet (1998)", "LeNet_1998"),
        ("2024 net", "2024_net"),
        ("1998 (LeNet)", "1998_LeNet"),
        ("Ｎｅｔ 1998", "Net_1998"),
    ],
)
def test_a_name_gets_the_same_mend_with_quotes_and_without(name: str, near: str, quotes: str) -> None:
    (finding,) = check_source(*decode(SPEC.format(quotes.format(name)).encode(), "spec.yaml"))
    assert finding.fix is not None
    assert finding.fix.certain
    assert [edit.text for edit in finding.fix.edits] == [near]


def test_a_sign_in_quotes_begins_no_comment_and_no_value() -> None:
    for name, near in {"Net # 1": "Net_1", "My: net 2": "My_net_2"}.items():
        (finding,) = check_source(*decode(SPEC.format(f'"{name}"').encode(), "spec.yaml"))
        assert finding.fix is not None
        assert finding.fix.certain
        assert finding.fix.edits[0].text == near


def test_a_name_that_is_cut_takes_no_number_away() -> None:
    (finding,) = check_source(*decode(SPEC.format(f"{'n' * 66} 1998").encode(), "spec.yaml"))
    assert finding.fix is None


def test_a_variant_is_named_as_a_spec_and_two_never_get_one_name() -> None:
    text = SPEC.format("net") + "variants: {large: {}, '大 号': {}, a b: {}, a_b: {}}\n"
    findings = [d for d in check_source(*decode(text.encode(), "spec.yaml")) if d.code == "bad-name"]
    assert [None if d.fix is None else d.fix.edits[0].text for d in findings] == ["大_号", None]


@pytest.mark.parametrize(
    ("file", "stem"),
    [("lenet.yaml", "lenet"), ("网络.yaml", "网络"), ("my net.yaml", "my_net"), (".yaml", "yaml"), ("🚀.yaml", "net"),
     ("<string>", "string")],
)  # fmt: skip
def test_a_spec_without_a_name_is_called_as_its_file(file: str, stem: str) -> None:
    assert stem_of(file) == stem
