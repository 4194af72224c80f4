"""Layers of one's own: how they are found, what is refused, and that a spec loads none of them."""

from __future__ import annotations

import inspect
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from importlib import import_module
from itertools import count
from pathlib import Path
from typing import Any

import pytest

import netspec
from netspec.cli import COMMANDS, cli, module_of
from netspec.dims import UNKNOWN
from netspec.layers import Count, Layer, Real, Saved, Shape, Size, TensorType, TorchCall, invalid, need
from netspec.plugins import asking
from netspec.plugins.importing import import_plugin
from netspec.plugins.registration import offer_of
from tests.commands import invoke, program
from tests.plugged import LAYERS, SPEC, ChannelScale, SquaredReLU

ROOT = Path(__file__).parent.parent

LAYER = """\
from netspec.layers import Layer, TensorType


class {name}(Layer):
    family = "activation"

    def output(self, x: TensorType) -> TensorType:
        return x
"""

_numbers = count()


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The current directory, empty. What is imported from it is forgotten afterwards."""
    monkeypatch.chdir(tmp_path)
    path, known = list(sys.path), set(sys.modules)
    yield tmp_path
    sys.path[:] = path
    for name in set(sys.modules) - known:
        del sys.modules[name]


def module(here: Path, text: str) -> str:
    """A module of a new name with this text; its name."""
    name = f"own{next(_numbers)}"
    (here / f"{name}.py").write_text(text, encoding="utf-8")
    return name


def findings(spec: str, *layers: type[Layer], **more: Any) -> list[tuple[str, str]]:
    """Code and message of every error of a spec."""
    try:
        netspec.loads(spec, layers=layers, **more)
    except netspec.SpecError as error:
        return [(found.code, found.message) for found in error.diagnostics]
    return []


# ---- a spec loads nothing


WITNESS = """\
import sys
from pathlib import Path
sys.addaudithook(lambda event, arguments: event == "import" and seen.append(arguments[0]))
seen = []
import netspec
found = netspec.check("net.yaml")
assert [d.code for d in found] == ["unknown-layer"], found
assert "colorsys" not in seen
import colorsys
assert "colorsys" in seen, "the hook is blind"
print(*[name for name in seen if name.startswith(("witness", "netspec.plugins"))])
"""


@pytest.mark.parametrize("named", ["[witness]", "witness", "[witness, my-witness]", "[witness.inner]"])
def test_a_spec_that_names_a_plugin_imports_nothing(here: Path, named: str) -> None:
    (here / "witness.py").write_text("open('loaded', 'w').close()\n" + LAYER.format(name="Mine"))
    (here / "net.yaml").write_text(f"plugins: {named}\ninput: [3]\nlayers: [Mine]\n")
    done = subprocess.run(
        [sys.executable, "-c", WITNESS], cwd=here, env=os.environ | {"PYTHONPATH": f"{ROOT}{os.pathsep}{here}"},
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert (done.returncode, done.stdout.strip()) == (0, ""), done.stderr
    assert not (here / "loaded").exists()


def test_a_missing_plugin_is_named_with_the_option_that_loads_it() -> None:
    spec = "plugins: [mine, other-layers]\ninput: [3]\nlayers: [Mine, ReLU, relu6]\n"
    first, second = (netspec_error(spec)).diagnostics
    assert first.code == "unknown-layer" and first.message.endswith(
        "names the plugins `mine` and `other-layers`, not loaded"
    )
    assert str(first.help).startswith("run with `--plugin mine --plugin other-layers`")
    assert second.message == "there is no layer or block `relu6`"  # no plugin's layer has such a name
    with pytest.raises(netspec.SpecError, match="names the plugin `mine`, not loaded"):
        netspec.loads("plugins: [mine, tests.plugged]\ninput: [3]\nlayers: [SquaredReLU, Mine]\n", layers=LAYERS)


def netspec_error(spec: str) -> netspec.SpecError:
    with pytest.raises(netspec.SpecError) as caught:
        netspec.loads(spec)
    return caught.value


@pytest.mark.parametrize("named", ["{a: b}", "[[a]]", "['a b']", "['../a']", "[os;ls]", "['']", "''"])
def test_plugins_of_a_spec_are_names(named: str) -> None:
    found = findings(f"plugins: {named}\ninput: [3]\nlayers: [ReLU]\n")
    assert [code for code, _ in found] == ["bad-name"]


# ---- the option


def test_every_command_that_reads_a_spec_or_explains_layers_has_the_option() -> None:
    commands = {name: import_module(module_of(name)).command for name in COMMANDS}
    have = {name for name, made in commands.items() if any("--plugin" in option.opts for option in made.params)}
    behind = {"launch"}  # it takes the options of `train` behind `--`, this among them
    assert set(COMMANDS) - have - behind == {"new", "doctor", "format"}


def test_a_plugin_is_found_in_the_current_directory_and_may_be_repeated(here: Path) -> None:
    (here / "mine.py").write_text("print('hello')\n" + LAYER.format(name="Mine"))
    (here / "inner").mkdir()
    (here / "inner" / "more.py").write_text(LAYER.format(name="More"))
    (here / "net.yaml").write_text("input: [3]\nlayers: [Mine, More]\n")
    words = ("--plugin", "mine", "--plugin", "inner.more", "--plugin", "mine")
    done = program("check", "--format", "json", *words, "net.yaml", cwd=here)
    assert (done.returncode, json.loads(done.stdout)) == (0, [])
    assert "  mine: Mine\n  inner.more: More\n" in invoke(cli, "explain", *words).stdout
    assert invoke(cli, "explain", "Mine", *words).stdout.startswith("Mine (activation)")
    assert "did you mean `Mine`" in str(invoke(cli, "explain", "Mime", *words).exception)
    for name in ("compile", "expand", "draw"):
        options = {"compile": ["--format", "json"], "expand": [], "draw": ["-o", "net.dot"]}[name]
        done = invoke(cli, name, *words, *options, "net.yaml")
        assert not done.exception
        assert "More" in (done.stdout or (here / "net.dot").read_text())
    assert "plugins: [mine, inner.more]\n" in invoke(cli, "expand", *words, "net.yaml").stdout
    assert not invoke(cli, "compare", *words, "net.yaml", "net.yaml").exception
    unknown = invoke(cli, "expand", "net.yaml").exception  # the next command knows nothing of it
    assert isinstance(unknown, netspec.SpecError)


def test_an_installed_distribution_offers_its_entry_points(here: Path) -> None:
    (here / "lib").mkdir()
    (here / "lib" / "fancy.py").write_text(LAYER.format(name="One") + LAYER.format(name="Two"))
    (here / "lib" / "plain.py").write_text(LAYER.format(name="Three"))
    info = here / "lib" / "fancy_layers-1.2.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: fancy-layers\nVersion: 1.2\n")
    points = info / "entry_points.txt"
    points.write_text("[netspec.layers]\none = fancy:One\nall = plain\n[other]\ntwo = fancy:Two\n")
    sys.path.insert(0, str(here / "lib"))
    plugin = import_plugin("fancy-layers")
    assert (plugin.name, plugin.version) == ("fancy-layers", "1.2")
    assert [cls.__name__ for cls in plugin.layers] == ["One", "Three"]
    points.write_text("[netspec.layers]\none = fancy:Gone\n")
    with pytest.raises(PluginErrorType, match=r"names the entry point `fancy:Gone`, which is not there"):
        import_plugin("fancy-layers")


PluginErrorType = netspec.PluginError


@pytest.mark.parametrize(
    ("text", "layers"),
    [
        (LAYER.format(name="A") + LAYER.format(name="_B"), ["A"]),
        ("from tests.plugged import SquaredReLU\n" + LAYER.format(name="A"), ["A"]),
        ("from tests.plugged import SquaredReLU\n__all__ = ['SquaredReLU']\n", ["SquaredReLU"]),
        ("class Base(__import__('netspec.layers').layers.Layer):\n    pass\n" + LAYER.format(name="A"), ["A"]),
        (LAYER.format(name="A") + "Same = A\n", ["A"]),
    ],
    ids=["private", "of another", "listed", "base", "alias"],
)
def test_the_layers_of_a_module_are_its_own_or_those_that_it_lists(here: Path, text: str, layers: list[str]) -> None:
    assert [cls.__name__ for cls in import_plugin(module(here, text)).layers] == layers


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "has no layers: those are classes derived from `netspec.layers.Layer`"),
        ("def f(:\n", r"cannot be imported: it raised SyntaxError: .* \(own\d+.py, line 1\)"),
        ("\n\nraise ValueError('no\\ngood')\n", r"it raised ValueError: no good \(own\d+.py, line 3\)"),
        ("import sys\nsys.exit(3)\n", r"it raised SystemExit: 3 \(own\d+.py, line 2\)"),
        (
            "import torchvisionn\n",
            r"it raised ModuleNotFoundError: No module named 'torchvisionn' \(own\d+.py, line 1\)",
        ),
        ("from netspec.layers import Lawyer\n", r"it raised ImportError: .* \(own\d+.py, line 1\)"),
        ("def f(): f()\nf()\n", r"it raised RecursionError: .* \(own\d+.py, line 1\)"),
    ],
)
def test_a_plugin_that_cannot_be_imported_is_an_error_with_its_line(here: Path, text: str, message: str) -> None:
    with pytest.raises(PluginErrorType, match=message):
        import_plugin(module(here, text))


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("nowhere", r"there is no plugin `nowhere`: Python finds no module `nowhere`, neither in .* nor among"),
        ("tests.nowhere", "there is no plugin `tests.nowhere`: Python finds no module `tests.nowhere`"),
        ("mine.py", "is named `--plugin mine`"),
        ("./a/mine.py", "is named `--plugin a.mine`"),
        ("fp2,fp", "`--plugin` names one, and may be repeated: `--plugin fp2 --plugin fp`"),
        ("no good", "it is neither the name of a module nor that of an installed distribution"),
        ("", "there is no plugin ``"),
        ("json", "the plugin `json` has no layers"),
    ],
)
def test_a_plugin_that_is_not_there_is_an_error_that_says_where_it_was_looked_for(
    here: Path, name: str, message: str
) -> None:
    with pytest.raises(PluginErrorType, match=message):
        import_plugin(name)


def test_no_traceback_of_netspecs_stands_in_an_error_of_a_plugin(here: Path) -> None:
    raising = module(here, "raise ValueError('broken')\n")
    failing = module(here, LAYER.format(name="Mine").replace("return x", "return x.shape[7]"))
    (here / "net.yaml").write_text("input: [3]\nlayers: [Mine]\n")
    for plugin, status, words in (
        (raising, 2, f"error[bad-plugin]: the plugin `{raising}` cannot be imported: it raised ValueError: broken"),
        (failing, 1, f"`output` of `Mine` raised IndexError: tuple index out of range ({failing}.py, line 8)"),
        ("nowhere", 2, "error[bad-plugin]: there is no plugin `nowhere`"),
    ):
        done = program("check", "--plugin", plugin, "net.yaml", cwd=here)
        assert done.returncode == status
        assert words in done.stdout + done.stderr
        assert "Traceback" not in done.stderr
    done = program("check", "--format", "json", "--plugin", raising, "net.yaml", cwd=here)
    (found,) = json.loads(done.stdout)
    assert (found["code"], found["line"]) == ("bad-plugin", None)


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("Example({}, (4,), (4,))", ""),
        ("Example({'a': 1}, (4,), (4,))", "an example of `Mine` has wrong arguments: Extra inputs"),
        ("Example({}, (4, 4), (4,))", "an example of `Mine` is refused by its rule: `Mine` wants 1 axis (n), but"),
        ("Example({}, (3,), (4,))", "an example of `Mine` raised ZeroDivisionError: "),
    ],
)
def test_a_wrong_example_of_a_plugins_layer_ends_its_explanation(here: Path, line: str, message: str) -> None:
    rule = "self.need_rank(x, 1, '(n)')\n        return TensorType((4 // (x.shape[0] - 3),))"
    text = LAYER.format(name="Mine").replace("return x", rule).replace("import ", "import Example, ", 1)
    name = module(here, text.replace('"activation"', f'"activation"\n    examples = ({line},)'))
    done = invoke(cli, "explain", "Mine", "--plugin", name)
    if message:
        assert isinstance(done.exception, netspec.PluginError) and str(done.exception).startswith(message)
    else:
        assert "4 → 4" in done.stdout
    assert "Examples:" not in invoke(cli, "explain", "Mine", "--plugin", module(here, LAYER.format(name="Mine"))).stdout


# ---- what is no layer


def changed(**members: Any) -> type[Layer]:
    """A class that is a layer but for these members."""

    def output(self: Layer, x: TensorType) -> TensorType:
        return x

    name = members.pop("name", "Mine")
    return type(
        name,
        (members.pop("base", Layer),),
        {"family": "activation", "output": output, "__module__": __name__} | members,
    )


def test_the_change_of_nothing_is_a_layer() -> None:
    assert findings("input: [3]\nlayers: [Mine]\n", changed()) == []


def annotated(**types: Any) -> dict[str, Any]:
    return {"__annotations__": types}


@pytest.mark.parametrize(
    ("members", "message"),
    [
        ({"name": "Linear"}, "has a layer `Linear`.* which is a layer of netspec's own"),
        ({"name": "mine"}, "a layer's name is in CapWords"),
        ({"name": "Mine_Two"}, "a layer's name is in CapWords"),
        ({"name": "Über"}, "a layer's name is in CapWords"),
        ({"family": "magic"}, "`family` is 'magic'; it is one of convolution, pooling"),
        ({"family": None}, "`family` is missing"),
        ({"autocast": "half"}, "`autocast` is 'half'; it is one of low, full, same"),
        ({"gives": "logits"}, "`gives` is 'logits'"),
        ({"scalar": "size"}, "`scalar` is 'size', which is none of its fields: none"),
        ({"width": "a", **annotated(a=Count)}, "`a` follows from the input, so its default is None"),
        ({"examples": ({"a": 1},)}, "`examples` holds .* which is no `Example`"),
        (annotated(a=dict[str, object]), "netspec cannot say what `a` takes"),
        (annotated(a=Count, b=float), "netspec cannot say what `b` takes"),
        (annotated(a="Nowhere"), "its fields cannot be read"),
        ({"output": Layer.output}, "it has no `output`"),
    ],
)
def test_a_class_that_cannot_be_a_layer_is_refused(members: dict[str, Any], message: str) -> None:
    with pytest.raises(PluginErrorType, match=message):
        netspec.loads("input: [3]\nlayers: [ReLU]\n", layers=[changed(**members)])


def test_layers_are_classes() -> None:
    for given, message in (
        (SquaredReLU(), "write the class, not an instance of it"),
        (str, "`layers=` takes such classes"),
    ):
        with pytest.raises(PluginErrorType, match=message):
            netspec.loads("input: [3]\nlayers: [ReLU]\n", layers=[given])  # type: ignore[list-item]


def test_two_plugins_with_one_name_are_told_apart_by_their_lines(here: Path) -> None:
    names = [module(here, LAYER.format(name="Mine")) for _ in range(2)]
    plugins = [import_plugin(name) for name in names]
    with pytest.raises(PluginErrorType) as caught:
        offer_of(plugins)
    assert f"two layers `Mine`: {names[0]}.py, line 4, and {names[1]}.py, line 4" in str(caught.value)
    assert offer_of([plugins[0], plugins[0]]).layers["Mine"] is plugins[0].layers[0]


# ---- a registry for each call


def test_layers_belong_to_one_call() -> None:
    spec = "input: [3]\nlayers: [Mine]\n"
    wide = changed(output=lambda self, x: TensorType((7,)))
    assert netspec.loads(spec, layers=[changed()]).output_shape == (3,)
    assert netspec.loads(spec, layers=[wide]).output_shape == (7,)
    assert [code for code, _ in findings(spec)] == ["unknown-layer"]


def test_a_net_keeps_what_it_needs() -> None:
    net = netspec.loads(SPEC, layers=LAYERS)
    flat = netspec.expand(net)
    assert "plugins: [tests.plugged]" in flat
    again = netspec.loads(flat, layers=LAYERS)
    assert netspec.expand(again) == flat
    assert [layer.path for layer in again.layers] == [layer.path for layer in net.layers]
    assert (again.params, again.macs) == (net.params, net.macs)
    assert [plugin.name for plugin in net.plugins] == ["tests.plugged"]
    assert netspec.loads("input: [3]\nlayers: [ReLU]\n", layers=LAYERS).plugins == ()  # none is used
    assert "ChannelScale" in netspec.diagram(net).source and "ChannelScale" in netspec.summary(net)
    assert {layer["type"] for layer in netspec.to_json(net)["layers"]} >= {"SquaredReLU", "ChannelScale", "Widen"}
    assert netspec.check.__kwdefaults__["layers"] == ()


def test_the_names_of_a_plugin_are_taken_and_mean_layers_everywhere(tmp_path: Path) -> None:
    assert [code for code, _ in findings("input: [3]\nvars: {SquaredReLU: 1}\nlayers: [Linear: 1]\n", SquaredReLU)] == [
        "name-taken"
    ]
    spec = """
input: [3]
vars: {act: SquaredReLU, norm: {ChannelScale: 0.1}}
layers: [$act, $norm, concat: [[], [SquaredReLU]]]
"""
    net = netspec.loads(spec, layers=[SquaredReLU, ChannelScale])
    assert [layer.type for layer in net.layers] == ["SquaredReLU", "ChannelScale", "SquaredReLU"]
    (tmp_path / "net.yaml").write_text(spec)
    assert netspec.check(tmp_path / "net.yaml", layers=[SquaredReLU, ChannelScale]) == []
    found = netspec_error_with("input: [3]\nlayers: [SquaredRelu]\n")
    assert found.help == "did you mean `SquaredReLU`?"


def netspec_error_with(spec: str) -> Any:
    with pytest.raises(netspec.SpecError) as caught:
        netspec.loads(spec, layers=LAYERS)
    return caught.value.diagnostics[0]


# ---- rules that fail


class Failing(Layer):
    """Does what its subclasses say."""

    family = "activation"

    def output(self, x: TensorType) -> TensorType:
        return x


class Raises(Failing):
    def output(self, x: TensorType) -> TensorType:
        return TensorType((x.shape[0] // 0,))


class Loops(Failing):
    def output(self, x: TensorType) -> TensorType:
        while True:
            pass


class LoopsInside(Failing):
    def macs(self, x: TensorType) -> Size:
        return sum(1 for _ in count())


class Recurses(Failing):
    def output(self, x: TensorType) -> TensorType:
        return self.output(x)


class GivesNothing(Failing):
    def output(self, x: TensorType) -> TensorType:
        return None  # type: ignore[return-value]


class GivesAShape(Failing):
    def output(self, x: TensorType) -> TensorType:
        return x.shape  # type: ignore[return-value]


class GivesAList(Failing):
    def output(self, x: TensorType) -> TensorType:
        return TensorType([3])  # type: ignore[arg-type]


class GivesNegative(Failing):
    def output(self, x: TensorType) -> TensorType:
        return TensorType((-3,))


class GivesFloats(Failing):
    def output(self, x: TensorType) -> TensorType:
        return TensorType((1.5,))  # type: ignore[arg-type]


class GivesADtype(Failing):
    def output(self, x: TensorType) -> TensorType:
        return TensorType((3,), "float8")  # type: ignore[arg-type]


class CountsFloats(Failing):
    def macs(self, x: TensorType) -> Size:
        return 1.5  # type: ignore[return-value]


class NamesNoParameters(Failing):
    def parameters(self, x: TensorType) -> dict[str, Shape]:
        return [(3,)]  # type: ignore[return-value]


class RefusesLate(Failing):
    def parameters(self, x: TensorType) -> dict[str, Shape]:
        need(False, lambda: "no")
        return {}


class SavesNonsense(Failing):
    def saved(self, x: TensorType) -> Saved:
        return Saved(extra=-1)


class CallsNothing(Failing):
    def call(self, x: TensorType) -> TorchCall:
        return TorchCall("No Class", {}, "torch.nn")


class DerivesNumbers(Failing):
    def derivation(self, x: TensorType, axis: int) -> str | None:
        return 3  # type: ignore[return-value]


class GivesOneOfSeveral(Failing):
    several = True

    def results(self, x: TensorType, others: object) -> tuple[TensorType, ...]:
        return x  # a type, and no tuple of types


class CountsSeveral(Failing):
    several = True

    def macs(self, x: TensorType) -> Size:
        return -1


FAULTS = [
    (GivesOneOfSeveral, "`results` of `GivesOneOfSeveral` gives (3,), not a `TensorType`"),
    (CountsSeveral, "`macs` of `CountsSeveral` gives -1, not an integer of at least 0"),
    (Raises, "`output` of `Raises` raised ZeroDivisionError: "),
    (Loops, "`output` of `Loops` does not end: it was stopped after 20,000 lines of Python"),
    (LoopsInside, "`macs` of `LoopsInside` does not end: it was stopped after 20,000 lines of Python"),
    (Recurses, "`output` of `Recurses` raised RecursionError: "),
    (GivesNothing, "`output` of `GivesNothing` gives None, not a `TensorType`"),
    (GivesAShape, "`output` of `GivesAShape` gives (3,), not a `TensorType`"),
    (GivesAList, "not a tuple of sizes of at least 1, with one of float32, int64, bool"),
    (GivesNegative, "not a tuple of sizes of at least 1"),
    (GivesFloats, "not a tuple of sizes of at least 1"),
    (GivesADtype, "not a tuple of sizes of at least 1, with one of float32, int64, bool"),
    (CountsFloats, "`macs` of `CountsFloats` gives 1.5, not an integer of at least 0"),
    (NamesNoParameters, "`parameters` of `NamesNoParameters` gives [(3,)], not a dict of names with shapes"),
    (RefusesLate, "`parameters` of `RefusesLate` refuses an input that `output` takes: no"),
    (SavesNonsense, "`saved` of `SavesNonsense` gives Saved("),
    (CallsNothing, "`call` of `CallsNothing` gives TorchCall(target='No Class'"),
    (DerivesNumbers, "`derivation` of `DerivesNumbers` gives 3, not a text or None"),
]


@pytest.mark.parametrize(("cls", "message"), FAULTS, ids=[cls.__name__ for cls, _ in FAULTS])
def test_a_rule_that_fails_is_one_error_at_the_layer_with_the_line_of_the_rule(
    cls: type[Layer], message: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(asking, "LINES", 20_000)
    spec = f"input: [3]\nlayers:\n  - ReLU\n  - {cls.__name__}\n  - Linear: {{out_features: 2, in_features: 5}}\n"
    with pytest.raises(netspec.SpecError) as caught:
        netspec.loads(spec, layers=[cls])
    (found,) = caught.value.diagnostics  # and nothing of what follows from it
    assert (found.code, found.span.line, found.span.column) == ("plugin-failed", 4, 5)
    assert message in found.message
    assert "test_plugins.py, line " in found.message
    assert "netspec.probe" in str(found.help)


class CountsOthersWrong(Failing):
    several = True
    tensors = ("other",)

    def macs_of_all(self, x: TensorType, others: object) -> Size:
        return -1


class SavesOthersWrong(Failing):
    several = True
    tensors = ("other",)

    def saved_of_all(self, x: TensorType, others: object, learned: object = ()) -> Saved:
        return Saved(others="other")  # type: ignore[arg-type]  # a text, and no tuple of them


@pytest.mark.parametrize(
    ("cls", "message"),
    [
        (CountsOthersWrong, "`macs_of_all` of `CountsOthersWrong` gives -1, not an integer of at least 0"),
        (SavesOthersWrong, "`saved_of_all` of `SavesOthersWrong` gives Saved("),
    ],
)
def test_what_a_layer_counts_of_tensors_that_it_is_given_is_asked_too(cls: type[Layer], message: str) -> None:
    spec = f"input: {{x: [3], y: [3]}}\nlayers: [{cls.__name__}: {{other: y}}]\n"
    ((code, found),) = findings(spec, cls)
    assert code == "plugin-failed"
    assert message in found


def test_a_failing_rule_ends_no_command_with_a_traceback(here: Path) -> None:
    name = module(here, LAYER.format(name="Mine").replace("return x", "return x.shape[3]"))
    (here / "net.yaml").write_text("input: [3]\nlayers: [Mine]\n")
    for words in (["compile", "--no-write"], ["compile", "--format", "json"], ["expand"], ["draw", "-o", "x.svg"]):
        done = invoke(cli, *words, "--plugin", name, "net.yaml")
        if words[0] == "compile":
            assert not done.exception and "plugin-failed" in done.stdout + done.stderr
        else:
            assert isinstance(done.exception, netspec.SpecError)


class Checked(Failing):
    """Refuses by its own words what is no multiple of three, and breaks at nine."""

    size: Count = 3

    def model_post_init(self, context: Any, /) -> None:
        if self.size % 3:
            raise invalid(f"`size: {self.size}` is no multiple of 3")
        if self.size == 9:
            raise KeyError("nine")


def test_a_check_of_arguments_refuses_in_its_own_words_and_a_broken_one_is_the_plugins() -> None:
    spec = "input: [3]\nlayers: [Checked: {size: %s}]\n"
    assert findings(spec % 6, Checked) == []
    assert findings(spec % 4, Checked) == [("invalid-argument", "`Checked`: `size: 4` is no multiple of 3")]
    ((code, message),) = findings(spec % 9, Checked)
    assert code == "plugin-failed"
    assert message.startswith("the check of the arguments of `Checked` raised KeyError: 'nine' (")
    assert findings(spec % "'x'", Checked)[0][0] == "unknown-name"
    assert findings(spec % 0, Checked) == [
        ("invalid-argument", "`size` of `Checked` wants an integer of at least 1, not 0")
    ]


class Branches(Failing):
    """Takes sizes for numbers."""

    def output(self, x: TensorType) -> TensorType:
        return TensorType((3 if x.shape[0] > 4 else 5,))  # type: ignore[operator]


def test_a_rule_that_takes_symbols_for_numbers_is_told_how_sizes_are_compared() -> None:
    assert netspec.loads("input: [3]\nlayers: [Branches]\n", layers=[Branches]).output_shape == (5,)
    with pytest.raises(netspec.SpecError) as caught:
        netspec.loads("input: [H]\nlayers: [Branches]\n", layers=[Branches])
    (found,) = caught.value.diagnostics
    assert found.code == "plugin-failed" and "raised TypeError: " in found.message
    assert "`need`, `same`, `minimum` and `maximum`" in str(found.help)
    assert netspec.loads("input: [H]\nlayers: [Branches]\n", layers=[Branches], set={"H": 9}).output_shape == (3,)


class Indexed(Failing):
    """Breaks at what is unknown."""

    def output(self, x: TensorType) -> TensorType:
        if any(size is UNKNOWN for size in x.shape):
            raise ValueError("unknown")
        return x


def test_what_a_rule_makes_of_sizes_that_are_unknown_is_no_second_error() -> None:
    spec = """
input: [3, 8, 8]
layers:
  - Conv2d: {out_channels: 4, kernel_size: 9}
  - Indexed
  - Linear: {out_features: x}
"""
    assert [code for code, _ in findings(spec, Indexed)] == ["shape-mismatch", "unknown-name"]


class CountsNumbers(Failing):
    """Counts with sizes as if each were a number."""

    def parameters(self, x: TensorType) -> dict[str, Shape]:
        return {"weight": tuple(int(size) for size in x.shape)}  # type: ignore[call-overload]


def test_nothing_asks_a_method_that_fails_at_what_is_unknown(here: Path) -> None:
    """The mistake of the spec is shown, and nothing that follows from it."""
    spec = """
input: [3, 8, 8]
layers:
  - Conv2d: {out_channels: 4, kernel_size: 9}
  - CountsNumbers
init: {CountsNumbers: ones_}
"""
    assert [code for code, _ in findings(spec, CountsNumbers)] == ["shape-mismatch"]
    text = f"from netspec.layers import Layer, Shape, TensorType\n\n\n{inspect.getsource(Failing)}\n\n"
    name = module(here, text + inspect.getsource(CountsNumbers))
    (here / "net.yaml").write_text(spec)
    done = invoke(cli, "compile", "--plugin", name, "net.yaml")
    assert not done.exception
    assert "shape-mismatch" in done.stderr and "plugin" not in done.stderr


class Picky(Failing):
    """States what it needs."""

    scalar = "most"

    most: Real = 4

    def output(self, x: TensorType) -> TensorType:
        self.need_rank(x, 1, "(features)")
        need(
            x.shape[0] <= self.most,
            lambda: f"`Picky` takes at most {self.most} features, but {{given}}",
            at="most",
            axis=0,
        )
        return x

    def parameters(self, x: TensorType) -> dict[str, Shape]:
        return {"weight": (self.check(x.shape[0]),)}

    def check(self, size: Size) -> Size:
        assert isinstance(size, int) and size <= self.most
        return size


def test_a_requirement_of_a_rule_is_a_mistake_of_the_spec() -> None:
    spec = "input: [9]\nlayers:\n  - Linear: 6\n  - Picky\n"
    assert findings(spec, Picky) == [
        ("shape-mismatch", "`Picky` takes at most 4 features, but `Linear` (line 3) gives 6")
    ]


def test_a_debugger_is_left_alone() -> None:
    def trace(*_: object) -> None:
        return None

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        netspec.loads(SPEC, layers=LAYERS)
        assert sys.gettrace() is trace
    finally:
        sys.settrace(before)
