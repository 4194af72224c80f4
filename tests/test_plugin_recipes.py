"""Losses, transforms and data sets of one's own in specs: checked without torch, known to whoever knows the tables, and
refused where they are wrong."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import netspec
from netspec.cli import cli
from netspec.compiler import check_source
from netspec.layers import TorchCall
from netspec.lsp.words import argument_of_recipe, of_recipe
from netspec.plugins.importing import import_plugins
from netspec.plugins.registration import offer_of
from netspec.recipe import DataSet, Facts, ImageType, Loss, Transform
from netspec.recipe.vocabulary import vocabulary
from netspec.schema import schema
from netspec.text.source import Source
from tests.commands import invoke
from tests.plugged_recipes import PARTS, SPEC
from tests.test_completion import completed

NAME = "tests.plugged_recipes"
OFFER = offer_of(import_plugins([NAME]))
ROOT = Path(__file__).parent.parent


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "rings.yaml").write_text(SPEC)
    path = list(sys.path)
    yield tmp_path
    sys.path[:] = path


def findings(text: str, *parts: Any) -> list[tuple[str, str, str | None]]:
    found = netspec.check("net.yaml", text, plugins=parts or PARTS)
    return [(d.code, d.message, d.help) for d in found]


def changed(old: str, new: str) -> str:
    assert SPEC.count(old) == 1
    return SPEC.replace(old, new)


# ---- checked


def test_a_spec_is_checked_with_a_plugin_and_no_torch(here: Path) -> None:
    text = (
        "import sys, netspec\n"
        f"found = netspec.check('rings.yaml', plugins=['{NAME}'])\n"
        "assert not found, found\n"
        "assert 'torch' not in sys.modules and 'tests.plugged_training' not in sys.modules\n"
        f"print(netspec.load('rings.yaml', plugins='{NAME}').plugins[0].name)\n"
    )
    done = subprocess.run([sys.executable, "-c", text], cwd=here, env=os.environ | {"PYTHONPATH": str(ROOT)},
                          capture_output=True, text=True, check=False)  # fmt: skip
    assert (done.returncode, done.stdout, done.stderr) == (0, f"{NAME}\n", "")


def test_a_check_without_plugins_imports_none_of_their_modules(here: Path) -> None:
    text = "import sys, netspec\nnetspec.check('rings.yaml')\nprint([n for n in sys.modules if 'netspec.plugins' in n])"
    done = subprocess.run([sys.executable, "-c", text], cwd=here, env=os.environ | {"PYTHONPATH": str(ROOT)},
                          capture_output=True, text=True, check=False)  # fmt: skip
    assert done.stdout == "[]\n", done.stderr


def test_a_missing_plugin_is_named_for_each_part(here: Path) -> None:
    found = netspec.check("net.yaml", f"plugins: [mine]\n{SPEC}")
    assert [d.code for d in found] == ["unknown-data-set", "unknown-transform", "unknown-transform", "unknown-loss"]
    for d in found:
        assert d.message.endswith("; the spec names the plugin `mine`, not loaded")
        assert str(d.help).startswith('run with `--plugin mine`; in Python, `netspec.load(…, plugins=["mine"])`')
    assert all("not loaded" not in d.message for d in netspec.check("net.yaml", SPEC))


@pytest.mark.parametrize(
    ("old", "new", "code", "message", "help_"),
    [
        ("TolerantLoss:", "TolerantLos:", "unknown-loss", "there is no loss `TolerantLos`",
         "did you mean `TolerantLoss`?"),
        ("{q: 0.5}", "{quality: 0.5}", "unknown-argument", "`TolerantLoss` has no argument `quality`",
         None),
        ("{q: 0.5}", "-1", "invalid-argument", "`q` of `TolerantLoss` wants a number greater than 0, not -1", None),
        ("Halve,", "Halv,", "unknown-transform", "there is no transform `Halv`", "did you mean `Halve`?"),
        ("{Rings: {train: 44}}", "Ring", "unknown-data-set", "there is no data set `Ring`", "did you mean `Rings`?"),
        ("[Halve, ", "[RandomScanlines, Halve, ", "recipe-conflict",
         "`RandomScanlines` draws anew for every example, but `transforms` also prepare the evaluation",
         "put it under `augment`, which is for training only"),
        ("Linear: 4", "Linear: 3", "classes-mismatch", None, None),
        ("Linear: 4]", "Linear: 4, Softmax: 1]", "loss-mismatch", None, None),
        ("[Halve, ", "[", "data-mismatch", None, None),
        ("{TolerantLoss: {q: 0.5}}", "RelativeLoss", "loss-mismatch", None, None),
    ],
)  # fmt: skip
def test_what_a_class_says_is_held_against_the_spec(
    old: str, new: str, code: str, message: str | None, help_: str | None
) -> None:
    found = findings(changed(old, new))
    assert [one[0] for one in found][:1] == [code], found
    assert message is None or found[0][1] == message
    assert help_ is None or found[0][2] == help_


def test_a_misspelt_name_of_a_plugins_is_mended() -> None:
    (found,) = check_source(Source("net.yaml", changed("TolerantLoss:", "TolerantLos:")), offer=OFFER)
    assert found.fix is not None and found.fix.edits[0].text == "TolerantLoss"


def test_set_reaches_the_arguments_of_a_plugins_part() -> None:
    set_ = {"train.loss.TolerantLoss.q": 0.25, "train.augment.RandomScanlines.p": 0.125, "train.data.Rings.size": 16}
    recipe = netspec.loads(SPEC, plugins=PARTS, set=set_).recipe
    assert recipe is not None
    assert dict(recipe.loss) == {"q": 0.25} and dict(recipe.augment[0]) == {"p": 0.125}  # type: ignore[arg-type]
    with pytest.raises(netspec.UsageError, match=r"did you mean `train\.loss\.TolerantLoss\.q`"):
        netspec.loads(SPEC, plugins=PARTS, set={"q": 0.5})


# ---- known to whoever knows the tables


def test_the_commands_know_the_parts(here: Path) -> None:
    plugin = ("--plugin", NAME)
    for words, told in (
        (("check", "rings.yaml"), ""),
        (("explain", "TolerantLoss"), "TolerantLoss (loss)"),
        (("explain", "Rings"), "data: Rings"),
        (("explain", "RandomScanlines"), "augment: [RandomScanlines]"),
        (("explain", "loss"), "RelativeLoss"),
        (("explain",), "RandomScanlines"),
        (("expand", "rings.yaml"), f"plugins: [{NAME}]\n"),
        (("compare", "rings.yaml", "rings.yaml"), ""),
    ):
        done = invoke(cli, *words, *plugin)
        assert not done.exception, (words, done.exception)
        assert told in done.stdout
    flat = invoke(cli, "expand", "rings.yaml", *plugin).stdout
    assert netspec.loads(flat, plugins=PARTS).recipe == netspec.loads(SPEC, plugins=PARTS).recipe
    assert "did you mean `TolerantLoss`" in str(invoke(cli, "explain", "TolerantLosss", *plugin).exception)
    assert "tolerant loss" not in str(invoke(cli, "explain", "Rings").exception)


def test_the_schema_has_the_parts_and_takes_the_spec() -> None:
    jsonschema = pytest.importorskip("jsonschema", reason="jsonschema is not installed")
    import yaml  # the spec as any reader of YAML has it

    data = yaml.safe_load(SPEC)
    jsonschema.validate(data, schema(OFFER))
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(data, schema())


def test_the_shell_completes_what_a_plugin_has_that_the_line_names(here: Path) -> None:
    line = f"netspec train rings.yaml --plugin {NAME} --set"
    assert completed(here, f"{line} train.loss = To") == ["TolerantLoss"]
    assert completed(here, f"{line} train.loss.To") == ["train.loss.TolerantLoss.q="]
    assert completed(here, "netspec train rings.yaml --plugin nowhere --set train.loss = To") == []
    assert completed(here, f"netspec explain --plugin {NAME} Tol") == ["TolerantLoss"]


def test_the_language_server_knows_the_parts() -> None:
    pytest.importorskip("lsprotocol", reason="the language server is an extra")
    from netspec.lsp.reading import LiveText

    words = vocabulary(OFFER)
    assert "**TolerantLoss** (loss)" in str(of_recipe("TolerantLoss", words))
    assert "labelled wrongly" in str(argument_of_recipe("TolerantLoss", "q", words))
    assert LiveText("rings.yaml", SPEC, offer=OFFER).net is not None


# ---- refused


def part(base: type, **members: Any) -> Any:
    """A class that is a part of a recipe but for these members."""

    def call(self: Any) -> TorchCall:
        return TorchCall("f", {}, "somewhere")

    def facts(self: Any) -> Facts:
        return Facts((1, 16, 16), 4, 44, 16)

    name = members.pop("name", "Mine")
    more = {"facts": facts} if base is DataSet else {"target": "classes"} if base is Loss else {}
    return type(name, (base,), {"__module__": __name__, "call": call} | more | members)


NETS = {
    Loss: changed("{TolerantLoss: {q: 0.5}}", "Mine"),
    Transform: changed("[Halve,", "[Mine, Halve,"),
    DataSet: changed("{Rings: {train: 44}}", "Mine"),
}


@pytest.mark.parametrize("base", NETS)
def test_the_change_of_nothing_is_a_part(base: type) -> None:
    assert findings(NETS[base], *PARTS, part(base)) == []


@pytest.mark.parametrize(
    ("base", "members", "message"),
    [
        (Loss, {"name": "MSELoss"}, "has a loss `MSELoss`.* which is a loss of netspec's own: give the class"),
        (Transform, {"name": "SGD"}, "has a transform `SGD`.* which is an optimizer of netspec's own"),
        (DataSet, {"name": "TolerantLoss"},
         "there are two parts of recipes `TolerantLoss`: .* load one of the plugins"),
        (DataSet, {"name": "mine_set"}, "cannot be a data set: its name is .*: `MineSet`, not `mine_set`"),
        (Loss, {"call": Loss.call}, "cannot be a loss: it has no `call`, which says what carries it out"),
        (DataSet, {"facts": DataSet.facts}, "cannot be a data set: it has no `facts`"),
        (Loss, {"target": "labels"}, "`target` is 'labels'; it is one of classes, values, nothing"),
        (Loss, {"ending": "scores"}, "`ending` is 'scores'; it is None or an `Ending`"),
        (Loss, {"takes": "output"}, "`takes` is 'output', and no tuple of texts"),
        (Loss, {"takes": ()}, "`takes` is empty"),
        (Loss, {"given": True}, "`given` is true"),
        (Loss, {"scalar": "gamma"}, "`scalar` is 'gamma', which is none of its fields: none"),
        (Transform, {"columns": 2}, "`columns` is 2 and `random` False"),
        (Transform, {"random": True}, "`columns` is 0 and `random` True"),
        (Loss, {"__annotations__": {"a": dict[str, object]}}, "netspec cannot say what `a` takes"),
    ],
)  # fmt: skip
def test_a_class_that_cannot_be_a_part_is_refused(base: type, members: dict[str, Any], message: str) -> None:
    with pytest.raises(netspec.PluginError, match=message):
        netspec.loads("input: [3]\nlayers: [ReLU]\n", plugins=[*PARTS, part(base, **members)])


def test_plugins_are_names_and_classes() -> None:
    for given, message in ((PARTS[0](), "write the class, not an instance"), (str, "`plugins=` takes a name")):
        with pytest.raises(netspec.PluginError, match=message):
            netspec.loads("input: [3]\nlayers: [ReLU]\n", plugins=[given])  # type: ignore[list-item]
    with pytest.raises(netspec.PluginError, match="there is no plugin `nowhere`"):
        netspec.check("net.yaml", SPEC, plugins=["nowhere"])
    net = netspec.loads("input: [3]\nlayers: [SquaredReLU]\n", plugins=["tests.plugged", NAME])
    assert [plugin.name for plugin in net.plugins] == ["tests.plugged"]  # those that are used


# ---- their code


def gives(value: Any) -> Any:
    def method(self: Any, *arguments: Any) -> Any:
        return value

    return method


def raises(self: Any, *arguments: Any) -> Any:
    return {}["nothing"]


def endless(self: Any, *arguments: Any) -> Any:
    while True:
        pass


@pytest.mark.parametrize(
    ("base", "members", "message"),
    [
        (Loss, {"call": gives(3)}, "`call` of `Mine` gives 3, not a `TorchCall`"),
        (Loss, {"call": raises}, "`call` of `Mine` raised KeyError: 'nothing'"),
        (Loss, {"call": endless}, "`call` of `Mine` does not end"),
        (Loss, {"call": gives(TorchCall("a b", {}))}, "`call` of `Mine` gives TorchCall"),
        (Loss, {"divisor": 3}, "`divisor` of `Mine` gives 3, not None or a `Divisor`"),
        (Loss, {"target_shape": gives("x")}, "`target_shape` of `Mine` gives 'x'"),
        (Loss, {"target_shape": raises}, "`target_shape` of `Mine` raised KeyError"),
        (Transform, {"output": gives((1, 2))}, r"`output` of `Mine` gives \(1, 2\), not an `ImageType`"),
        (Transform, {"output": gives(ImageType(1, 0, 2))}, "`output` of `Mine` gives ImageType"),
        (Transform, {"output": raises}, "`output` of `Mine` raised KeyError"),
        (DataSet, {"facts": gives(None)}, "`facts` of `Mine` gives None, not `Facts`"),
        (DataSet, {"facts": gives(Facts((1, 0)))}, "`facts` of `Mine` gives Facts"),
        (DataSet, {"facts": endless}, "`facts` of `Mine` does not end"),
        (DataSet, {"has_validation": 1}, "`has_validation` of `Mine` gives 1, not true or false"),
        (DataSet, {"has_validation": property(raises)}, "raised KeyError"),
        (DataSet, {"problems": gives("none")}, "`problems` of `Mine` gives 'none', not a list of `Problem`s"),
        (DataSet, {"shape_for": gives([1])}, r"`shape_for` of `Mine` gives \[1\]"),
    ],
)
def test_what_a_methods_code_does_wrong_is_an_error_of_the_spec(
    base: type, members: dict[str, Any], message: str
) -> None:
    members = {name: property(gives(v)) if name in ("divisor", "has_validation") and isinstance(v, int) else v
               for name, v in members.items()}  # fmt: skip
    ((code, said, _),) = findings(NETS[base], *PARTS, part(base, **members))
    assert code == "plugin-failed"
    import re  # the message is a pattern

    assert re.search(message, said), said


def test_the_findings_are_a_programs_to_read(here: Path) -> None:
    done = invoke(cli, "check", "--format", "json", "--plugin", NAME, "rings.yaml")
    assert json.loads(done.stdout) == []
