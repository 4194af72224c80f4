"""`netspec import --write-plugin`: layers that a spec lacks are written, and the import is proven with them."""

from __future__ import annotations

from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result

import netspec
from netspec.capture.graph import NotCaptured
from netspec.capture.plugging.plugin import WrittenPlugin
from netspec.cli import cli
from netspec.cli.module_files import ModuleFiles
from netspec.diagnostics import UsageError
from tests.capture.modules import at_home
from tests.commands import flowing, invoke

PROGRAM = """\
import math
import torch
from torch import nn
from torch.nn import functional as F

class Sort(nn.Module):
    def __init__(self, descending: bool = False):
        super().__init__()
        self.descending = descending
    def forward(self, x):
        return x.sort(-1, descending=self.descending).values

class Gate(nn.Module):
    def __init__(self, dim, hidden, act=nn.ReLU, slope: float = 1):
        super().__init__()
        self.a = nn.Linear(dim, hidden)
        self.b = nn.Linear(hidden, dim)
        self.act = act()
        self.slope = slope
    def forward(self, x):
        return x + self.slope * self.b(self.act(self.a(x)).sort(-1).values)

class Conv(nn.Module):
    def __init__(self, cin, cout, stride=1):
        super().__init__()
        self.w = nn.Parameter(torch.randn(cout, cin, 3, 3) * 0.1)
        self.stride = stride
        self.register_buffer("seen", torch.zeros(cout))
    def forward(self, x):
        return F.conv2d(x, self.w, None, self.stride, 1).sort(1).values

class Pool(nn.Module):
    def __init__(self, kernel=(2, 2)):
        super().__init__()
        self.k = kernel
    def forward(self, x):
        a, b = self.k
        return x.unfold(2, a, a).unfold(3, b, b).flatten(4).sort(-1).values[..., 0]

class Nearest(nn.Module):
    def __init__(self, dim):
        super().__init__()
        self.proj = nn.Linear(dim, dim)
    def forward(self, x, words):
        near = torch.cdist(self.proj(x), words).sort(-1).indices[..., :1]
        return words.gather(1, near.expand(-1, -1, words.shape[-1]))

class Top(nn.Module):
    def __init__(self, k):
        super().__init__()
        self.k = k
    def forward(self, x):
        found = x.topk(self.k).values
        return found, found.flip(-1).sort(-1).values

class Root(nn.Module):
    def forward(self, x):
        return x.sort(-1).values[..., : math.isqrt(x.shape[-1])]

class Lost(nn.Module):
    def __init__(self, factor):
        super().__init__()
        self.f = lambda x: x * factor
    def forward(self, x):
        return self.f(x).sort(-1).values

class Tool(nn.Module):
    def __init__(self, act):
        super().__init__()
        self.act = act
    def forward(self, x):
        return self.act(x).sort(-1).values

class Pair(nn.Module):
    def __init__(self):
        super().__init__()
        self.image, self.near = nn.Linear(6, 4), Nearest(4)
    def forward(self, x, words):
        return self.near(self.image(x), words=words)

class layer_norm(nn.Module):
    def __init__(self, width, eps=None, mode="mean", **more):
        super().__init__()
        print("made")
        self.mode, self.eps = mode, eps
        self.g = nn.Parameter(torch.ones(width))
    def forward(self, x, mask=None):
        return (x - x.median(-1, keepdim=True).values) * self.g

class Codes(nn.Module):
    def __init__(self, vocab: int, dim: int):
        super().__init__()
        self.e = nn.Embedding(vocab, dim)
    def forward(self, ids):
        return self.e(ids.sort(-1).values)

class Two(nn.Module):
    def __init__(self):
        super().__init__()
        self.top, self.head = Top(3), nn.Linear(3, 2)
    def forward(self, x):
        a, b = self.top(x)
        return self.head(a) - self.head(b)

class Experts(nn.Module):
    def __init__(self, dim, hidden, experts=3, top=2):
        super().__init__()
        self.top = top
        self.gate = nn.Linear(dim, experts, bias=False)
        parts = (nn.Sequential(nn.Linear(dim, hidden), nn.Linear(hidden, dim)) for _ in range(experts))
        self.experts = nn.ModuleList(parts)
    def forward(self, x):
        flat = x.reshape(-1, x.shape[-1])
        weight, chosen = self.gate(flat).softmax(-1).topk(self.top, -1)
        y = torch.zeros_like(flat)
        for number, expert in enumerate(self.experts):
            rows, which = torch.where(chosen == number)
            y[rows] += weight[rows, which, None] * expert(flat[rows])
        return y.reshape(x.shape)

class Itself(nn.Module):
    def __init__(self):
        super().__init__()
        self.a = nn.Linear(3, 4)
    def forward(self, x):
        return self.a(x).sort(-1).values

def sorts(): return nn.Sequential(nn.Linear(6, 4), Sort(True), nn.Linear(4, 2))
def gates(): return nn.Sequential(nn.Linear(6, 4), Gate(4, 5), Gate(4, 7, slope=2))
def convs(): return nn.Sequential(Conv(3, 4), Conv(4, 6, 2), Pool((2, 3)))
def mixture(): return nn.Sequential(nn.Linear(6, 8), Experts(8, 5))
def mixtures(): return nn.Sequential(Experts(8, 5), Experts(8, 5, experts=4))
def roots(): return nn.Sequential(nn.Linear(6, 9), Root())
def lost(): return nn.Sequential(nn.Linear(6, 9), Lost(3.0))
def tools(): return nn.Sequential(nn.Linear(6, 9), Tool(nn.ReLU()))
def local():
    class Inner(Sort):
        pass
    return nn.Sequential(nn.Linear(6, 9), Inner())
def words(): return nn.Sequential(Codes(20, 12), layer_norm(12, bias=True))
def plain(): return nn.Linear(6, 9)
"""


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A directory with a program, of which no module is known afterwards."""
    with at_home(tmp_path, monkeypatch, "lacking", PROGRAM, ("own_layers", "own_more", "own_x")) as home:
        yield home


def lacking(net: str, *inputs: str, write: str = "own_layers.py") -> Result:
    given = [word for sizes in inputs for word in ("--input", sizes)]
    return invoke(cli, "import", f"lacking.py:{net}", *given, "-o", f"{net}.yaml", "--write-plugin", write)


def probed(home: Path, *names: str) -> None:
    """The layers of the written file agree with their modules; it is imported as another program does."""
    own: Any = import_module("own_layers")
    for name in names:
        netspec.probe(getattr(own, name), count=12)


@pytest.mark.slow
def test_a_layer_is_written_and_then_read(home: Path) -> None:
    wrote = lacking("sorts")
    assert wrote.exit_code == 0, wrote.output
    assert "wrote own_layers.py, which `--plugin own_layers` reads: `Sort`\n" in wrote.stderr
    assert "next: netspec compile --plugin own_layers sorts.yaml\n" in wrote.stderr
    spec = (home / "sorts.yaml").read_text()
    assert "plugins: [own_layers]\n" in spec and "- Sort: {descending: true}\n" in spec
    read = invoke(cli, "import", "lacking.py:sorts", "--plugin", "own_layers")
    assert read.stdout.replace("name: sorts", "") == spec.replace("name: sorts", "")
    assert invoke(cli, "compile", "sorts.yaml", "--plugin", "own_layers", "--no-write", "--verify").exit_code == 0
    text = (home / "own_layers.py").read_text()
    assert "(*) → (*)" in text and "To be filled in" not in text
    probed(home, "Sort")


@pytest.mark.slow
def test_arguments_are_found_where_a_module_keeps_them(home: Path) -> None:
    wrote = lacking("gates")
    assert wrote.exit_code == 0, wrote.output
    assert "- Gate: 5\n  - Gate: {hidden: 7, slope: 2}\n" in (home / "gates.yaml").read_text()
    text = (home / "own_layers.py").read_text()
    assert 'kept_as = (("hidden", "a.out_features"),)\n' in text
    assert "    hidden: Count\n    slope: Real = 1\n" in text
    assert "return 2 * x.shape[0] * self.hidden\n" in text
    assert 'TorchCall("Gate", {"dim": x.shape[0], **self.arguments(x)}, "lacking")' in text
    probed(home, "Gate")


@pytest.mark.slow
def test_windows_that_slide_are_formulas_of_arguments(home: Path) -> None:
    wrote = lacking("convs", "3,12,12")
    assert wrote.exit_code == 0, wrote.output
    text = (home / "own_layers.py").read_text()
    assert "(x.shape[1] - 1) // self.stride + 1" in text and 'kept_as = (("cout", "w.shape.0"),)\n' in text
    assert "x.shape[2] // spread(self.kernel, 2)[1]" in text and "    kernel: Counts2 = (2, 2)\n" in text
    assert '"seen": (self.cout,),' in text
    assert "To be filled in" not in text
    probed(home, "Conv")


@pytest.mark.slow
def test_a_layer_takes_several_tensors(home: Path) -> None:
    wrote = lacking("Pair", "5,6", "7,4")
    assert wrote.exit_code == 0, wrote.output
    text = (home / "own_layers.py").read_text()
    assert '    tensors = ("words",)\n' in text and "need(same(x.shape[1], words.shape[1])" in text
    assert "- {Nearest: {words: words}, name: near}\n" in (home / "Pair.yaml").read_text()


@pytest.mark.slow
def test_a_layer_gives_several_tensors(home: Path) -> None:
    wrote = lacking("Two", "8")
    assert wrote.exit_code == 0, wrote.output
    assert "return (TensorType((self.k,)), TensorType((self.k,)))\n" in (home / "own_layers.py").read_text()


@pytest.mark.slow
def test_sizes_that_follow_no_formula_are_for_what_was_seen(home: Path) -> None:
    wrote = lacking("roots")
    assert wrote.exit_code == 0, wrote.output
    said = "note: `Root` is for the size that was seen alone, since the sizes of what it gives follow no rule that was"
    assert f"{said} seen; own_layers.py says where to fill it in" in flowing(wrote.stderr)
    spec = "plugins: [own_layers]\ninput: [{}]\nlayers: [Root]\n"
    assert netspec.loads(spec.format(9), plugins=["own_layers"]).output_shape == (3,)
    with pytest.raises(netspec.SpecError, match="`Root`: axis 0 of `x` is 9"):
        netspec.loads(spec.format(16), plugins=["own_layers"])


@pytest.mark.slow
def test_names_words_and_whole_numbers(home: Path) -> None:
    wrote = lacking("words", "9,int64")
    assert wrote.exit_code == 0, wrote.output
    assert wrote.stderr.count("made\n") < 5  # the network, and its spec
    text = (home / "own_layers.py").read_text()
    assert 'need(x.dtype == "int64", ' in text and 'kept_as = (("vocab", "e.num_embeddings"), ("dim", "e.emb' in text
    assert "class OwnLayerNorm(Layer):" in text and 'TorchCall("layer_norm", {"width": x.shape[1], ' in text
    assert """need(self.mode == "mean", lambda: "`OwnLayerNorm`: `mode` is mean, which alone was seen")\n""" in text


@pytest.mark.slow
def test_a_number_of_parts_is_as_it_was_seen_and_sizes_are_free(home: Path) -> None:
    wrote = lacking("mixture", "4,6")
    assert wrote.exit_code == 0, wrote.output
    said = flowing(wrote.stderr)
    assert "note: `Experts` is for `experts: 3` alone: with another it has other parameters or outputs; own_l" in said
    spec = "plugins: [own_layers]\ninput: [{}]\nlayers: [Experts: {}]\n"
    wider = netspec.loads(spec.format("7, 12", "{hidden: 9, top: 1}"), plugins=["own_layers"])
    assert wider.output_shape == (7, 12)
    assert wider.params == 3 * 12 + 3 * (12 * 9 + 9 + 9 * 12 + 12)
    netspec.verify(wider)
    with pytest.raises(netspec.SpecError, match="`Experts`: `experts` is 3, which alone was seen"):
        netspec.loads(spec.format("4, 8", "{hidden: 5, experts: 4}"), plugins=["own_layers"])
    text = (home / "own_layers.py").read_text()
    assert "        # To be filled in: with another `experts` there are other parameters or outputs.\n" in text
    assert "        return 2 * x.shape[0] * x.shape[1] * self.hidden * self.top + 3 * x.shape[0] * x.shape[1]\n" in text


@pytest.mark.slow
def test_a_module_of_several_numbers_of_parts_is_refused_with_the_argument_that_decides(home: Path) -> None:
    wrote = lacking("mixtures", "4,8")
    assert str(wrote.exception) == (
        "no layer can be made of `Experts`: with another `experts` it has other parameters or outputs, and not only "
        "others of their sizes, and it is used with several sizes or arguments; write its layer by hand: "
        "docs/plugins.md"
    )


def test_a_file_that_no_plugin_would_find_says_where_to_go(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (home / "deeper").mkdir()
    monkeypatch.chdir(home / "deeper")
    wrote = invoke(cli, "import", "../lacking.py:sorts", "--write-plugin", "own_layers.py")
    assert str(wrote.exception).endswith(f"is no module: go to the folder of {(home / 'lacking.py').resolve()}")


@pytest.mark.parametrize(
    ("net", "says"),
    [
        (
            "Itself",
            "`sort` has no form in a spec\n`Itself.forward` itself does this, and layers are written for modules",
        ),
        ("lost", "argument `factor` is 3.0, which the module keeps nowhere: `self.factor = factor` in its `__init__`"),
        ("tools", "argument `act` is ReLU(), and a spec has numbers, truths and texts"),
        ("local", "no layer can be made of `local.<locals>.Inner`: it is defined inside of something else"),
    ],
)
def test_what_no_layer_can_be_made_of_is_told_and_nothing_is_written(home: Path, net: str, says: str) -> None:
    wrote = lacking(net, "3" if net == "Itself" else "6")
    assert isinstance(wrote.exception, NotCaptured)
    assert says in str(wrote.exception)
    assert sorted(path.name for path in home.iterdir() if path.suffix) == ["lacking.py"]


def test_a_file_that_is_there_is_not_written_over_and_a_name_is_one_of_pythons(home: Path) -> None:
    (home / "own_layers.py").write_text("# mine\n")
    for write, says in (
        ("own_layers.py", "own_layers.py is there already, and what somebody wrote is not written over: name another"),
        ("own-layers.py", "a file that Python imports from here, as in `my_layers.py`"),
        ("own_layers", "a file that Python imports from here"),
        ("json.py", "there is a module `json` already, which it would hide"),
    ):
        wrote = lacking("sorts", write=write)
        assert isinstance(wrote.exception, UsageError) and says in str(wrote.exception)
    assert (home / "own_layers.py").read_text() == "# mine\n"
    wrote = invoke(cli, "import", "config.json", "--write-plugin", "own_more.py")
    assert "`--write-plugin` is for a module of a program" in str(wrote.exception)


@pytest.mark.parametrize(
    ("spec", "plugin", "says"),
    [
        ("own_x.py", "own_x.py", "the spec and the layers that are lacking would be one file, own_x.py"),
        ("./own_x.py", "own_x.py", "would be one file"),
        ("again/own_x.py", "own_x.py", "would be one file"),
        ("linked.yaml", "own_x.py", "the spec and the map of its keys would be one file, linked.keys.json"),
        ("none/x.yaml", "own_x.py", "cannot write none/x.yaml: there is no directory none; make it first"),
        ("x.yaml", "none/own_x.py", "cannot write none/own_x.py: there is no directory none; make it first"),
        ("old.yaml", "own_x.py", "old.keys.json is there already, where the map of the keys is written"),
        ("lacking.py", "own_x.py", "cannot write lacking.py: it is the file that is read"),
    ],
)
def test_files_that_cannot_be_written_are_refused_before_the_module_is_made(
    home: Path, spec: str, plugin: str, says: str
) -> None:
    (home / "lacking.py").write_text("raise SystemError('it runs')\n")
    (home / "again").symlink_to(home)
    (home / "linked.yaml").symlink_to(home / "linked.keys.json")
    (home / "old.keys.json").write_text("{}")
    before = sorted(home.iterdir())
    told = invoke(cli, "import", "lacking.py:net", "-o", spec, "--write-plugin", plugin)
    assert isinstance(told.exception, UsageError), told.exception
    assert says in str(told.exception)
    assert sorted(home.iterdir()) == before


def test_files_are_written_together_or_not_at_all(home: Path) -> None:
    files = ModuleFiles(home / "net.yaml", home / "net.keys.json", home / "gone" / "own_layers.py")
    with pytest.raises(UsageError, match="there is no directory"):
        files.write("netspec: 1\n", {"a": "b"}, WrittenPlugin("own_layers", "", ("Sort",), ()))
    assert [path.name for path in home.iterdir()] == ["lacking.py"]


def test_what_is_next_names_the_plugins_of_variants(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (home / "own_layers.py").write_text(
        'from netspec.layers import Layer\n\nclass Same(Layer):\n    family = "shape"\n'
        "    def output(self, x):\n        return x\n"
    )
    head = "plugins: [own_layers]\ninput: [4]\n"
    nets = [netspec.loads(f"{head}layers: [{layer}]\n", plugins=["own_layers"]) for layer in ("ReLU", "Same", "Same")]
    files = ModuleFiles(Path("my nets.yaml"), None, None)
    files.tell_next(nets, "t2")
    files.tell_next(nets[:1])
    assert capsys.readouterr().err == (
        "next: netspec compile --plugin own_layers 'my nets.yaml' --variant t2\nnext: netspec compile 'my nets.yaml'\n"
    )


def test_nothing_is_written_where_no_layer_is_lacking(home: Path) -> None:
    wrote = lacking("plain")
    assert wrote.exit_code == 0 and "note: no layer is lacking: own_layers.py was not written\n" in wrote.stderr
    assert not (home / "own_layers.py").exists()


def test_a_refusal_names_the_module_and_what_writes_its_layer(home: Path) -> None:
    refused = invoke(cli, "import", "lacking.py:sorts")
    assert str(refused.exception).endswith(
        "`netspec import --write-plugin my_layers.py` writes a layer of yours for `Sort`"
    )
