"""What `compare` and `python -m tests.zoo` say of networks that differ, and of libraries that are missing."""

from __future__ import annotations

from functools import partial

import pytest
from torch import nn

from tests.zoo import agreement, books, families, proof
from tests.zoo.__main__ import lines_of, prove
from tests.zoo.agreement import Apart, Found, Unasked, agree, compare
from tests.zoo.families import Job


def another() -> nn.Module:
    """LeNet with other functions in its last layers."""
    model = books.lenet()
    model[8] = nn.Tanh()  # type: ignore[index]
    return model


def lenet(theirs: nn.Module, apart: Apart = Apart()) -> list[str]:  # noqa: B008  # a tuple, which nobody changes
    return compare("lenet", theirs, reference="by hand", reshaped=True, apart=apart).complaints


def test_equal_networks_have_no_complaints() -> None:
    assert lenet(books.lenet()) == []


def test_other_outputs_are_told_in_both_precisions() -> None:
    single, double = lenet(another())
    assert single.startswith("output 0 differs in float32 by ")
    assert double.startswith("output 0 differs in float64 by ")


def test_another_number_of_parameters_is_told() -> None:
    theirs = books.lenet()
    theirs.register_parameter("more", nn.Parameter(theirs[0].weight.detach().clone()))  # type: ignore[index]
    assert lenet(theirs) == ["the reference has 61,856 parameters, the net 61,706"]


def test_a_reason_for_other_counts_holds_for_its_number_alone() -> None:
    assert lenet(books.lenet(), Apart(macs=(1, "a reason"))) == [
        "torch counts 416,520 multiply-accumulates in the reference, the net says 416,520"
    ]
    assert Apart(macs=(-1, "a reason")).said() == "-1 multiply-accumulates there: a reason"


def test_python_that_computes_otherwise_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(proof, "emitted", lambda net, device: another())
    assert lenet(books.lenet()) == ["the emitted Python gives other bits than the built module"]


def test_agree_asserts_or_notes_and_passes_by_what_nobody_asked_for() -> None:
    with pytest.raises(AssertionError, match="lenet: output 0 differs in float32"):
        agree("lenet", another(), reshaped=True)
    with agreement.noting(frozenset({"lenet"})) as found:
        agree("lenet", another(), reshaped=True)
        with pytest.raises(Unasked):
            agree("alexnet", another())
    assert [(each.spec, len(each.complaints)) for each in found] == [("lenet", 2)]


def found(complaint: str = "") -> list[Found]:
    said = [complaint] if complaint else []
    return [Found("d2l/lenet", None, "by hand", {"width": [2, 3]}, 1234, 5678, True, "", [], said)]


def broken() -> list[Found]:
    raise RuntimeError("out of order")


def test_a_line_tells_what_holds_a_network_and_what_is_missing() -> None:
    jobs = [Job("d2l/lenet", found), Job("d2l/lenet", broken, "a_library_that_nobody_has")]
    (line,) = lines_of(prove("d2l/lenet", jobs))
    assert " 1,234 parameters " in line
    assert " 5,678 MACs " in line
    assert line.endswith(
        "equal; a_library_that_nobody_has not installed: held by size only: by hand, outputs at width 2 × 3"
    )


def test_complaints_stand_below_their_network() -> None:
    line, complaint = lines_of(prove("d2l/lenet", [Job("d2l/lenet", partial(found, "it is another"))]))
    assert "DIFFERS" in line
    assert complaint == "    it is another"
    assert list(lines_of(prove("a test", [Job("a test", broken)]))) == [
        "a test: DIFFERS",
        "    RuntimeError: out of order",
    ]


@pytest.mark.slow
def test_the_table_names_its_networks_once() -> None:
    shipped = families.shipped()
    assert len(set(shipped)) == len(shipped)
    assert {spec for spec, _ in shipped} >= families.compared_by_hand()
