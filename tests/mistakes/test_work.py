"""What mends cost is bounded by counts: of checks, and of the items that those walk, however much is wrong."""

from __future__ import annotations

from collections import Counter

import pytest

from netspec.compiler import check_source
from netspec.diagnostics import Diagnostic
from netspec.language.limits import Expansion
from netspec.mends import proof
from netspec.mends.repair import repaired
from netspec.text.source import Source, decode
from tests.test_specs import BAD

MANY = 150
CASES = {
    "mistakes in a loop": (
        "input: [50]\nvars: {w: 100}\nlayers:\n  - repeat: 300\n    do:\n"
        + "      - Linear: w / 2\n      - ReLU\n" * 20
    ),
    "remarks in loops": "input: [50]\nlayers:\n" + "  - {Linear: 50, repeat: 300}\n  - ReLU\n" * 20,
    "mistakes of writing": "input: [50]\nlayers:\n" + "  - Linaer: 50\n  - ReLu\n" * MANY,
    "calls as in Python": "input: [50]\nlayers:\n" + "  - nn.Linear(50, 50),\n  - nn.ReLU(),\n" * MANY,
    "lines that cannot be read": "input: [50]\nlayers:\n"
    + "  - Dropout: {p=0.5}\n  - Linear: {out_features: 50\n" * 40,
}
WRITTEN = {
    "names": "  - Linaer: 50\n  - ReLu\n" * 60,
    "marks": "  - Linear:50\n  - Dropout {p=0.5}\n" * 60,
    "calls": "  - nn.Linear(50, 50),\n  - nn.ReLU(),\n" * 60,
}


def check(text: str) -> list[Diagnostic]:
    return check_source(*decode(text.encode(), "spec.yaml"))


def walked(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many items each walk comes by from here on."""
    walks: list[int] = []
    begin, step = Expansion.__init__, Expansion.step

    def begun(self: Expansion, *given: object) -> None:
        walks.append(0)
        begin(self, *given)  # pyright: ignore[reportArgumentType]  # as it is called

    def stepped(self: Expansion, *given: object) -> None:
        walks[-1] += 1
        step(self, *given)  # pyright: ignore[reportArgumentType]  # as it is called

    monkeypatch.setattr(Expansion, "__init__", begun)
    monkeypatch.setattr(Expansion, "step", stepped)
    return walks


@pytest.mark.parametrize("case", CASES)
def test_what_the_mends_of_a_file_walk_is_bounded(case: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The check itself, then as much as is given to all mends, and the check that spends the last of it."""
    walks = walked(monkeypatch)
    assert check(CASES[case])
    assert len(walks) <= proof.FOR_ALL + 3  # it reads on behind what cannot be read, and asks which inputs would fit
    assert sum(walks) <= proof.ITEMS + 3 * max(walks, default=0)


@pytest.mark.slow
@pytest.mark.parametrize("case", WRITTEN)
def test_mends_are_written_together_and_not_one_for_each_check(case: str) -> None:
    text = f"input: [50]\nlayers:\n{WRITTEN[case]}"
    checks: list[str] = []

    def counted(text: str) -> list[Diagnostic]:
        checks.append(text)
        return check(text)

    made = repaired(Source("spec.yaml", text), check(text), counted)
    assert not any(d.severity == "error" for d in made.left)
    assert made.ended
    assert len(made.mends) >= 60
    assert len(checks) <= len(made.mends) // 8 + 2


AGAIN = {
    "a name, and an argument that it hid": (
        "  - Lniear: {in_feature: 50, out_features: 50}\n",
        "  - Linear: {in_features: 50, out_features: 50}\n",
        2,
    ),
    "marks": ("  - Linear: {out_features: 50 bias=false}\n", "  - Linear: {out_features: 50, bias: false}\n", 1),
    "widths": ("  - BatchNorm1d: {num_features: 49}\n", "  - BatchNorm1d: {num_features: 50}\n", 1),
}  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize("case", AGAIN)
def test_a_mistake_that_is_made_again_and_again_is_mended_at_once(case: str) -> None:
    wrong, right, most = AGAIN[case]
    text = "input: [50]\nlayers:\n" + wrong * 120
    checks: list[str] = []

    def again(changed: str) -> list[Diagnostic]:
        checks.append(changed)
        return check(changed)

    done = repaired(Source("spec.yaml", text), check(text), again)
    assert done.text == "input: [50]\nlayers:\n" + right * 120
    assert len(checks) <= most + 1


REPEATED = [name for name, case in BAD.items() if max(Counter(code for *_, code in case.found).values(), default=0) > 1]


@pytest.mark.slow
def test_what_is_remembered_of_a_mend_is_what_comes_of_trying_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every broken spec that has one kind of mistake several times is told the same without the memory."""
    assert len(REPEATED) > 40
    texts = [BAD[name].text for name in REPEATED] + [
        f"input: [50]\nlayers:\n{wrong * 9}" for wrong, *_ in AGAIN.values()
    ]
    told = [check(text) for text in texts]
    monkeypatch.setattr(proof.Proof, "_remembered", lambda *_: None)
    assert [check(text) for text in texts] == told
