"""Mends that newcomers looked for and did not find."""

from __future__ import annotations

import pytest

from netspec.compiler import check_source
from netspec.diagnostics import Diagnostic
from netspec.text.source import Source

HEAD = "input: [1, 28, 28]\nvars: {k: 3, by: 2}\nlayers:\n"


def first(items: str) -> Diagnostic:
    return next(d for d in check_source(Source("net.yaml", HEAD + items)) if d.severity == "error")


def test_a_dense_layer_behind_a_map_is_first_of_all_behind_a_flatten() -> None:
    d = first("  - Conv2d: {out_channels: 8, kernel_size: k}\n  - ReLU\n  - Dense: by * 5\n")
    assert d.fix is not None
    assert d.otherwise is not None
    assert [edit.text for edit in d.fix.edits] == ["- Flatten\n  ", "Linear"]
    assert d.otherwise.edits[0].text == "Conv2d: {out_channels: by * 5, kernel_size: 1}"


@pytest.mark.parametrize("name", ["ReLU-6", "Relu 6", "relu6"])
def test_a_name_in_quotes_is_mended_as_one_without(name: str) -> None:
    d = first(f'  - Conv2d: {{out_channels: k, kernel_size: by}}\n  - "{name}"\n')
    assert d.fix is not None
    assert d.fix.certain
    (edit,) = d.fix.edits
    assert (edit.text, edit.span.end_column - edit.span.column) == ("ReLU6", len(name) + 2)


@pytest.mark.parametrize(
    ("kernel", "told"),
    [("k", "`padding: 1`, half the kernel"), ("[k, 5]", "`padding: [1, 2]`, half the kernel"), ("2 * by", None)],
)
def test_same_beside_a_stride_is_told_what_does_it(kernel: str, told: str | None) -> None:
    d = first(f"  - Conv2d: {{out_channels: 8, kernel_size: {kernel}, padding: same, stride: by}}\n")
    assert d.code == "invalid-argument"
    assert ("half the kernel" in d.message) is (told is not None)
    assert (told or "") in d.message


def test_code_of_python_below_the_layers_is_no_key() -> None:
    d = first("  - ReLU\nself.fc = nn.Linear(8, 2)\n")
    assert (d.code, d.fix) == ("yaml-syntax", None)
    assert "`self.fc`" in d.message and "`- Linear: 2`" in (d.help or "")


def test_the_beginning_of_a_name_means_that_name() -> None:
    assert "did you mean `Linear`?" in (first("  - Lin\n").help or "")
    assert "did you mean `Flatten`?" in (first("  - Flat\n").help or "")


def test_a_number_with_commas_among_bounds_is_told_of() -> None:
    text = "input: [4]\nexpect: {params: 30,730}\nlayers: [Linear: 3]\n"
    found = {d.code: d for d in check_source(Source("net.yaml", text))}
    assert "`730`" in found["unknown-key"].message
    assert "without commas" in (found["unknown-key"].help or "")
