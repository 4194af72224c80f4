"""A mend made unasked loses nothing and means nothing else; nothing that is wrong brings a traceback or takes long."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from netspec import compiler
from netspec.compiler import check_source
from netspec.diagnostics import Diagnostic
from netspec.mends.repair import repaired
from netspec.text.source import Source, decode


def check(text: str) -> list[Diagnostic]:
    return check_source(*decode(text.encode(), "spec.yaml"))


def fixed(text: str) -> str:
    return repaired(Source("spec.yaml", text), check(text), check).text


SPECS = Path(__file__).parents[2] / "specs"
HEAD = "input: [8, 8, 8]\nlayers:\n"


@pytest.mark.parametrize(
    ("item", "mended"),
    [
        ("residual: BatchNorm2d", "residual: [BatchNorm2d]"),
        ("each: Flatten", "each: [Flatten]"),
        ("gate: {Conv2d: {out_channels: 8, kernel_size: 1}}", "gate: [{Conv2d: {out_channels: 8, kernel_size: 1}}]"),
    ],
)
def test_a_body_without_brackets_is_a_body_and_no_name(item: str, mended: str) -> None:
    assert fixed(f"{HEAD}  - {item}\n") == f"{HEAD}  - {mended}\n"


KEPT = {
    "a padding mask of torch's, which is the opposite": (
        "input: {t: [10, 64], m: [12, 64], pad: [12, bool]}\nlayers:\n"
        "  - attend: [[], m, m]\n    key_padding_mask: pad\n"
    ),
    "a block of one's own with a value too many": (
        "input: [3, 8, 8]\nblocks:\n  conv(out, k=3):\n"
        "    - Conv2d: {out_channels: out, kernel_size: k, padding: k / 2}\n"
        "    - ReLU\nlayers:\n  - conv: [16, 3, 2]\n"
    ),
    "the channels of a map": "input: [32, 16, 16]\nlayers:\n  - LayerNorm: {normalized_shape: 32}\n",
    "a map, or a batch of sequences": "input: [32, 16, 16]\nlayers:\n  - SelfAttention: 4\n",
    "frames, or a batch": (
        "input: [8, 3, 32, 32]\nlayers:\n  - Conv2d: {out_channels: 4, kernel_size: 3}\n  - AdaptiveAvgPool2d: 1\n"
        "  - Flatten\n  - LSTM: 32\n"
    ),
    "one axis, of a length or of features": "input: [16]\nlayers:\n  - LSTM: 10\n",
    "two blocks of one name": (
        "input: [8]\nblocks:\n  a:\n    - Linear: 4\n  a:\n    - Tanh\nlayers: [a: ]\n"
    ),
    "lines that cannot be read": "  - a: 512\n      b: 1\ninput: [8]\nlayers:\n  - ReLU\n",
    "a comment beside what is written anew": (
        "input: [8]\nlayers:\n  - Linear:  # why\n    out_features: 3  # three\n"
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", KEPT)
def test_what_may_mean_another_thing_is_left_to_the_reader(case: str) -> None:
    text = KEPT[case]
    assert fixed(text) == text
    assert any(d.severity == "error" for d in check(text))


NETWORK = "import torch.nn as nn\nmodel = nn.Sequential(nn.Linear(8, 4), nn.ReLU(), nn.Linear(4, 2))\n"
CLASS = (
    "class Net(nn.Module):\n    def __init__(self):\n        super().__init__()\n        self.a = nn.Linear(8, 8)\n"
    "        self.b = nn.ReLU()\n    def forward(self, x):\n        return self.b(self.a(x))\n"
)
PROGRAMS = [
    NETWORK + "model.append(nn.ReLU())\n",
    NETWORK + "model.pop(1)\n",
    NETWORK + "model[1] = nn.Tanh()\n",
    NETWORK + "model = model[:2]\n",
    *(
        NETWORK + line + "\n"
        for line in (
            "del model[1]", "model.__delitem__(1)", "model.__setitem__(1, nn.Tanh())", "setattr(model, '1', nn.Tanh())",
            "nn.utils.spectral_norm(model[0])", "parametrizations.weight_norm(model[0])", "exec('model.pop(1)')",
            "prune.l1_unstructured(model[0], 'weight', 0.5)", "model[0].register_forward_hook(hook)", "model *= 2",
            "m = model\nm.pop(1)", "for m in model:\n    m.inplace = True", "model._modules['1'] = nn.Tanh()",
            "def f(m):\n    m[1] = nn.Tanh()\nf(model)", "def f(m):\n    del m[1]\nf(model)", "model += [nn.ReLU()]",
            "model[0], model[2] = model[2], model[0]",
            "if True:\n    model.pop(1)", "model.set_submodule('1', nn.Tanh())",
        )
    ),
    *(
        CLASS.replace("return self.b(self.a(x))", f"return {what}").replace("self.b = nn.ReLU()", "self.n = 1")
        for what in (
            "F.dropout(self.a(x))", "F.rrelu(self.a(x))", "F.gumbel_softmax(self.a(x))", "self.a(x).view(-1, 4)",
        )
    ),
    CLASS.replace("self.b = nn.ReLU()", "self.b = nn.ReLU()\n        self.c = nn.Linear(8, 8)"),
    CLASS + "    def __call__(self, x):\n        return super().__call__(x).tanh()\n",
    *(
        "class Net(nn.Module):\n    def __init__(self):\n        super().__init__()\n        self.a = nn.Linear(8, 8)\n"
        f"        self.b = nn.ReLU()\n        {line}\n    def forward(self, x):\n        return self.b(self.a(x))\n"
        for line in (
            "nn.utils.spectral_norm(self.a)", "self.apply(self.start)", "del self.b", "self.b.inplace = True",
            "self.a.register_forward_hook(hook)", "setattr(self, 'b', nn.Tanh())", "self._modules['b'] = nn.Tanh()",
        )
    ),
    NETWORK + "model[0].weight.requires_grad = False\n",
    NETWORK + "nn.init.zeros_(model[2].weight)\n",
    NETWORK.replace("model", "encoder") + NETWORK,
    "l = nn.Linear(8, 8)\nmodel = nn.Sequential(l, nn.ReLU(), l)\n",
    "class Net(nn.Module):\n    def __init__(self):\n        super().__init__()\n        self.a = nn.Linear(8, 8)\n"
    "        self.b = self.a\n    def forward(self, x):\n        return self.b(torch.tanh(self.a(x)))\n",
    "class Net(nn.Module):\n    def __init__(self):\n        super().__init__()\n        self.a = nn.Linear(8, 8)\n"
    "    def forward(self, x):\n        return F.dropout(self.a(x), 0.5, False)\n",
    "from tensorflow import keras\n"
    "model = keras.Sequential([layers.Conv2D(4, 1, activation='softmax', input_shape=(8, 8, 3))])\n",
    "from keras import layers\nd = layers.Dense(4)\ninp = keras.Input(shape=(4,))\n"
    "x = d(inp)\nx = d(x)\nmodel = keras.Model(inp, x)\n",
]  # fmt: skip


@pytest.mark.parametrize("program", PROGRAMS)
def test_a_program_that_says_more_than_its_layers_is_not_written_anew_unasked(program: str) -> None:
    assert fixed(program) == program
    (d,) = [d for d in check(program) if d.severity == "error"][:1]
    assert d.fix is None or (not d.fix.certain and ", without `" in d.fix.title)


@pytest.mark.parametrize(
    "behind",
    [
        "print(model[0])", "y = model(torch.randn(1, 8))", "opt = torch.optim.SGD(model.parameters(), lr=0.1)",
        "model.to('cuda').eval()", "n = sum(p.numel() for p in model.parameters())", "summary(model, (8,))",
        "for name, p in model.named_parameters():\n    print(name, p.shape)",
        "def train(model, data):\n    total = 0\n    for x, y in data:\n        total += f(model(x), y).item()\n"
        "train(model, data)",
    ],
)  # fmt: skip
def test_a_program_that_only_uses_its_network_is(behind: str) -> None:
    assert fixed(NETWORK + behind + "\n") == (
        "input: [8]\nlayers:\n  - Linear: {in_features: 8, out_features: 4}\n  - ReLU\n"
        "  - Linear: {in_features: 4, out_features: 2}\n"
    )


@pytest.mark.parametrize(
    "text",
    [
        "input: [8]\nlayers:\n  x\n  # c\n  y\noutput: []\n",
        "input: [8]\rlayers:\r  - Linear 4\r",
        "input: [8]\nlayers:\n  - each: [{Linear: 3, init: zeros_}]\n",
        "input: [8]\nlayers:\n  - {Select: {dim: 1, index: 0}}\n  - Linear: 3\ninit: {Linear: zeros_}\n",
        "input: [8]\nlayers:\n  - {Select: {dim: 1, index: 0}}\n  - {Linear: 3, parametrize: weight_norm}\n",
        "input: [8]\nlayers:\n  - {Linear: 3, name: a}\n  - {Select: {dim: 1, index: 0}}\n"
        "  - {Linear: 3, tie: {weight: a.weight}}\n",
        "input: [3, 4]\nlayers: [Parameter: [5, 6], each: [Linear: 3]]\n",
    ],
)
def test_it_is_told_without_a_traceback(text: str) -> None:
    found = check(text)
    assert any(d.severity == "error" for d in found)
    assert not any("{given}" in d.message for d in found)


@pytest.mark.parametrize(
    "text",
    [
        HEAD + "# netspec: ignore[nothing-between]\n" * 1000 + "  - ReLU\n",
        HEAD + "  - " + "a" * 40_000 + "\n",
        HEAD + "  - ReLU" + " " * 40_000 + "x: {\n",
        HEAD + "  - Linear: {" + "\n" * 40_000,
    ],
    ids=["comments", "letters", "blanks", "lines"],
)
def test_what_is_long_is_answered_soon(text: str) -> None:
    began = time.process_time()
    check(text)
    assert time.process_time() - began < 4


def test_a_mistake_in_a_block_is_thought_of_once_and_not_in_every_call() -> None:
    """In processor time: as long as the right spec takes, which it was a multiple of."""
    variants = "".join(f"  v{i}: {{n: {i + 300}}}\n" for i in range(20))
    text = (
        f"input: [8, 8, 8]\nvars: {{n: 300}}\nvariants:\n{variants}blocks:\n  conv(kernel):\n"
        "    - Conv2d: {out_channels: 8, kernel_size: 3, padding: kernnel // 2}\n"
        "layers:\n  - for: i in range(n)\n    do: [conv: 3]\n"
    )

    def cost(text: str) -> float:
        began = time.process_time()
        check_source(*decode(text.encode(), "spec.yaml"), mends=False)
        return time.process_time() - began

    assert cost(text) < 3 * cost(text.replace("kernnel", "kernel"))


def test_a_text_is_checked_once_for_all_findings_that_it_would_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[bytes] = []
    plain = compiler.decode
    monkeypatch.setattr(compiler, "decode", lambda data, *given: read.append(data) or plain(data, *given))
    right = (SPECS / "vision" / "pvt_v2.yaml").read_text(encoding="utf-8")
    whole = "Conv2d: {out_channels: hidden, kernel_size: 3, padding: 1, groups: hidden}"
    text = right.replace(whole, "Conv2d: {out_channels=hidden, kernel_size=3, padding=1, groups=hidden}")
    assert check(text)
    assert read.count(right.encode()) == 1
