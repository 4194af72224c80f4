"""`netspec lock` and `check --locked`: what must not change unseen is written down, and what has changed is told."""

from __future__ import annotations

import json
from pathlib import Path

import click
import pytest

import netspec
from netspec.cli.check import command as check
from netspec.cli.lock import command as lock
from netspec.cli.locks import NAME
from netspec.diagnostics import UsageError
from netspec.locking import Lock, differences, lock_text, locked
from tests.checkouts import LENET, MLP, SEVERAL, checkout, git, write
from tests.commands import ROOT, invoke


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    made = checkout(tmp_path / "here", mlp=MLP, several=SEVERAL)
    monkeypatch.chdir(made)
    assert invoke(lock, "specs").return_value == 0
    return made


def found(*words: object) -> list[tuple[str, str]]:
    """Code and message of what `check --locked` finds."""
    made = invoke(check, "--locked", "--format", "json", *words)
    assert made.exception is None, made.exception
    return [(each["code"], each["message"]) for each in json.loads(made.stdout)]


def helped(*words: object) -> str:
    """The help of the first finding."""
    return json.loads(invoke(check, "--locked", "--format", "json", *words).stdout)[0]["help"]


def test_what_is_locked_holds_until_the_spec_changes(root: Path) -> None:
    assert found("specs") == []
    write(root, "specs/mlp.yaml", MLP.replace("512", "500") + "# more\n")
    ((code, message),) = found("specs")
    assert (code, message) == (
        "lock-differs", "`mlp` is not what netspec.lock.json has: parameters: 407,050 → 397,510"
    )  # fmt: skip
    assert helped("specs").split("\n") == [
        "as it is locked → as it is now:",
        "  parameters: 407,050 → 397,510",
        "  trainable parameters: 407,050 → 397,510",
        "  MACs: 406,528 → 397,000",
        "  `0`: output 512 → 500, `weight` 512 × 784 → 500 × 784, `bias` 512 → 500",
        "  `1`: output 512 → 500",
        "  `2`: `weight` 10 × 512 → 10 × 500",
        "if that is meant, `netspec lock specs/mlp.yaml` and commit netspec.lock.json",
    ]
    assert invoke(lock, "specs/mlp.yaml").return_value == 0
    assert found("specs") == []


def test_comments_names_of_blocks_and_arguments_without_a_shape_change_nothing(root: Path) -> None:
    write(root, "specs/mlp.yaml", "# words\n" + MLP.replace("ReLU", "f") + "blocks:\n  f(): [ReLU: {inplace: true}]\n")
    assert found("specs") == []


@pytest.mark.parametrize(
    ("before", "now", "words"),
    [
        ("ReLU", "GELU", "`1`: `ReLU` → `GELU`"),
        ("[784]", "[28, 28]", "the input: 784 → 28 × 28"),
        ("[784]", "{x: [784]}", "the input: 784 → none"),
        ("Linear: 10]", "Linear: 10, Sigmoid]", "`3` is new: `Sigmoid`"),
        (" ReLU,", "", "`2` is gone: `Linear`, with `2.weight`, `2.bias`"),
        ("Linear: 10]", "{Linear: 10, name: head}]", "`head` is new: `Linear`, with `head.weight`, `head.bias`"),
        ("Linear: 10]", "{Linear: 10, freeze: true}]", "trainable parameters: 407,050 → 401,920"),
        ("Linear: 10]", "Linear: {out_features: 10, bias: false}]", "`2`: `bias` 10 → none"),
    ],
)  # fmt: skip
def test_each_kind_of_change_is_said_with_both_values(before: str, now: str, words: str) -> None:
    old, new = (locked(netspec.loads(text)) for text in (MLP, MLP.replace(before, now)))
    assert words in [difference.words for difference in differences(old, new)]
    assert differences(old, old) == []


def test_variants_are_locked_each_and_told_together_where_they_change_alike(root: Path) -> None:
    write(root, "specs/several.yaml", SEVERAL.replace("width: 4", "width: 5").replace("large:", "huge:"))
    assert sorted(found("specs")) == [
        ("lock-differs", "`several-small` is not what netspec.lock.json has: parameters: 27,098 → 33,870"),
        ("lock-left-over", "specs/several.yaml: the variant `large` is in this lock, and the spec has no such"),
        ("not-locked", "the variant `huge` is not in netspec.lock.json, which has the rest of this spec"),
    ]
    write(root, "specs/several.yaml", SEVERAL.replace("ReLU", "GELU"))
    ((_, message),) = found("specs")
    assert message == (
        "the variants the spec without one, `small`, `large` are not what netspec.lock.json has: `2`: `ReLU` → `GELU`"
    )


def test_a_budget_that_is_not_kept_and_a_lock_are_told_side_by_side(root: Path) -> None:
    write(root, "specs/several.yaml", SEVERAL.replace("{width: 4}", "{width: 5, expect: {params: {at_most: 9}}}"))
    assert sorted(code for code, _ in found("specs")) == ["expectation-unmet", "lock-differs"]
    made = invoke(lock, "specs")
    assert made.return_value == 1
    assert "nothing is written" in made.stderr


def test_a_spec_that_is_new_gone_or_moved_is_told_and_locked_again_all_is_well(root: Path) -> None:
    write(root, "specs/new.yaml", LENET)
    git(root, "mv", "specs/mlp.yaml", "specs/moved.yaml")
    assert found("specs") == [
        ("not-locked", "this spec is not in netspec.lock.json; specs/mlp.yaml is, is gone, and was the same network"),
        ("not-locked", "this spec is not in netspec.lock.json"),
        ("lock-left-over", "specs/mlp.yaml is locked, and there is no such file"),
    ]
    (left_over,) = [
        each for each in json.loads(invoke(check, "--locked", "--format", "json", "specs").stdout)
        if each["code"] == "lock-left-over"
    ]  # fmt: skip
    line = (root / NAME).read_text(encoding="utf-8").split("\n")[left_over["line"] - 1]
    assert line[left_over["column"] - 1 : left_over["end_column"] - 1] == '"specs/mlp.yaml"'
    made = invoke(lock, "specs/moved.yaml", "specs/new.yaml")
    assert made.stderr == (
        "specs/moved.yaml: new\nspecs/new.yaml: new\nspecs/mlp.yaml: gone, dropped\n"
        "wrote netspec.lock.json: 3 specs with 5 networks\n"
    )
    assert found("specs") == []
    for path in (root / "specs").iterdir():
        path.unlink()
    assert {code for code, _ in found("--changed", "main")} == {"lock-left-over"}


def test_it_does_not_matter_where_a_command_is_run(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(root, "specs/mlp.yaml", MLP.replace("512", "500"))
    monkeypatch.chdir(root / "specs")
    assert [code for code, _ in found("mlp.yaml", "several.yaml")] == ["lock-differs"]
    assert helped("mlp.yaml").endswith("`netspec lock mlp.yaml` and commit ../netspec.lock.json")
    before = (root / NAME).read_bytes()
    assert invoke(lock).return_value == 0
    assert (root / NAME).read_bytes() != before
    assert not (root / "specs" / NAME).exists()
    monkeypatch.chdir(root.parent)
    assert found(root / "specs") == []
    write(root, "specs/netspec.lock.json", lock_text(Lock()))  # the nearest counts
    assert [code for code, _ in found(root / "specs")] == ["not-locked", "not-locked"]


def test_outside_of_a_checkout_the_lock_is_where_the_command_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(tmp_path, "deep/specs/a.yaml", MLP)
    monkeypatch.chdir(tmp_path / "deep")
    assert found("specs") == [("not-locked", "this spec is not locked: there is no netspec.lock.json")]
    assert isinstance(invoke(lock).exception, UsageError)
    assert invoke(lock, "specs").return_value == 0
    assert [path.name for path in tmp_path.rglob("*.json")] == [NAME]
    assert (tmp_path / "deep" / NAME).is_file()


def test_locking_twice_gives_the_same_bytes_and_one_line_for_each_layer(root: Path) -> None:
    text = (root / NAME).read_text(encoding="utf-8")
    said = invoke(lock)
    assert said.stderr == "netspec.lock.json: 2 specs with 4 networks, as before\n"
    assert (root / NAME).read_text(encoding="utf-8") == text
    assert lock_text(Lock.model_validate_json(text)) == text
    assert '          "2": {"type": "Linear", "output": [10], "state": {"weight": [10, 512], "bias": [10]}}\n' in text
    before = text.splitlines()
    write(root, "specs/mlp.yaml", MLP.replace("ReLU", "GELU"))
    invoke(lock)
    now = (root / NAME).read_text(encoding="utf-8").splitlines()
    assert len([1 for old, new in zip(before, now, strict=True) if old != new]) == 1


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("<<<<<<< HEAD\n{}\n=======\n{}\n>>>>>>> work\n", "marks of a merge in conflict"),
        ('{"format": "netspec.lock/2", "specs": {}}', "no lock that this netspec wrote"),
        ('{"format": "netspec.lock/1", "specs": {"a": {"net": []}}}', "at specs: a: net"),
        ("{", "no lock that this netspec wrote"),
        ("[" * 100_000, "no lock that this netspec wrote"),
        ("\udcff", "no lock that this netspec wrote"),
    ],
)
def test_a_lock_that_cannot_be_read_is_told_with_what_to_do_which_helps(text: str, why: str, root: Path) -> None:
    (root / NAME).write_bytes(text.encode("utf-8", "surrogateescape"))
    made = invoke(check, "--locked", "specs")
    assert made.return_value == 2
    assert why in made.stderr and "`rm netspec.lock.json`" in made.stderr
    refused = invoke(lock)
    assert isinstance(refused.exception, UsageError)
    (root / NAME).unlink()
    assert invoke(lock, "specs").return_value == 0
    assert found("specs") == []


def test_a_merge_of_two_branches_that_lock_other_specs_needs_no_hand(root: Path) -> None:
    git(root, "add", "-A")
    git(root, "commit", "-qm", "locked")
    for branch, spec in (("one", "mlp"), ("two", "several")):
        git(root, "switch", "-q", "-c", branch, "work")
        path = root / "specs" / f"{spec}.yaml"
        path.write_text(path.read_text(encoding="utf-8").replace("ReLU", "GELU"), encoding="utf-8")
        invoke(lock)
        git(root, "commit", "-qam", branch)
    git(root, "merge", "-q", "one")
    assert found("specs") == []


def test_specs_with_symbols_several_outputs_and_shared_modules_are_locked(tmp_path: Path) -> None:
    texts = [
        "input: [3, H, W]\nlayers: [Conv2d: {out_channels: 8, kernel_size: 3}, ReLU]\n",
        "input: [4]\nlayers: [{Linear: 4, shared: a}, ReLU, {Linear: 4, shared: a}]\noutput: {k: [Linear: 3], s: []}\n",
    ]
    for text in texts:
        record = locked(netspec.loads(text))
        written = lock_text(Lock(specs={"a": {"net": record}}))  # pyright: ignore[reportArgumentType]
        assert Lock.model_validate_json(written).specs["a"].net == record
    assert '[8, "H - 2", "W - 2"]' in lock_text(Lock(specs={"a": {"net": locked(netspec.loads(texts[0]))}}))  # pyright: ignore[reportArgumentType]


def test_what_cannot_go_with_it_is_refused(root: Path) -> None:
    for words in (("--variant", "small"), ("--set", "width=3")):
        made = invoke(check, "--locked", "specs/several.yaml", *words)
        assert isinstance(made.exception, UsageError | click.UsageError)
    assert isinstance(invoke(lock, "-").exception, UsageError)


def test_a_lock_imports_no_torch(root: Path) -> None:
    import subprocess
    import sys

    for words in ("['lock', 'specs']", "['check', '--locked', '--changed', 'main', '--format', 'sarif']",
                  "['compare', '--git', 'main']"):  # fmt: skip
        code = (
            "import sys\nfrom netspec.cli import cli\n"
            f"cli({words}, standalone_mode=False)\n"
            "print(sorted({'torch', 'torchvision'} & set(sys.modules)))"
        )
        made = subprocess.run(
            [sys.executable, "-c", code], cwd=root, env={"PYTHONPATH": str(ROOT), "PATH": "/usr/bin:/bin"},
            capture_output=True, encoding="utf-8", check=True,
        )  # fmt: skip
        assert made.stdout.endswith("[]\n")


@pytest.mark.needs_torch
def test_the_keys_are_those_of_the_state_dict() -> None:
    import torch

    for name in ("lenet", "unet", "torchvision/googlenet"):
        net = netspec.load(ROOT / "specs" / f"{name}.yaml")
        record = locked(net)
        state = {f"{path}.{key}": shape for path, layer in record.layers.items() for key, shape in layer.state.items()}
        with torch.device("meta"):
            model = netspec.build(net)
        assert state == {key: tuple(tensor.shape) for key, tensor in model.state_dict().items()}
