"""The command line: exit statuses, stdout and stderr, and files that must not be written."""

from __future__ import annotations

import fcntl
import json
import os
import struct
import subprocess
import sys
import termios
from pathlib import Path

import pytest

from netspec.cli import cli
from netspec.cli.files import write_atomic
from netspec.diagnostics import UsageError
from tests import forking
from tests.commands import flowing, invoke, program

ROOT = Path(__file__).parent.parent
TRAIN = pytest.param("train", marks=pytest.mark.needs_torch)


def netspec(*arguments: str, cwd: Path = ROOT, input: bytes | None = None) -> subprocess.CompletedProcess[str]:
    environment = os.environ | {"COLUMNS": "80", "PYTHONIOENCODING": "utf-8"}
    return forking.run("-m", "netspec", *arguments, cwd=cwd, env=environment, given=input or b"")


def test_compile_prints_the_shapes_the_parameters_and_the_multiply_accumulates_of_alexnet() -> None:
    run = netspec("compile", "specs/alexnet.yaml", "--format", "json", "--no-write")
    assert run.returncode == 0, run.stderr
    net = json.loads(run.stdout)
    assert net["format"] == "netspec.net/2"
    sizes = [tuple(layer["output_shape"]) for layer in net["layers"]]
    assert len(sizes) == 21
    changing = [a for a, b in zip(sizes, [None, *sizes], strict=False) if a != b]
    assert [s[-1] for s in changing] == [54, 26, 26, 12, 12, 12, 5, 6400, 4096, 10]
    assert net["totals"]["params"] == 46_764_746
    assert net["totals"]["macs"] == 938_146_176
    assert net["source"] == "specs/alexnet.yaml"


def test_lenet_has_the_parameters_and_macs_of_the_book() -> None:
    net = json.loads(netspec("compile", "specs/lenet.yaml", "--format", "json", "--no-write").stdout)
    assert (net["totals"]["params"], net["totals"]["macs"]) == (61_706, 416_520)


def test_the_wrong_flatten_is_located_and_explained(tmp_path: Path) -> None:
    run = netspec("check", "--format", "json", "tests/specs/bad/alexnet_wrong_flatten.yaml")
    assert run.returncode == 1
    first, second = json.loads(run.stdout)
    line = (ROOT / "tests/specs/bad/alexnet_wrong_flatten.yaml").read_text().splitlines()[first["line"] - 1]
    assert line[first["column"] - 1 : first["end_column"] - 1] == "9216"
    assert "9216" in first["message"] and "6400 = 256 × 5 × 5" in first["message"] and "line 17" in first["message"]
    assert first["related"][0]["line"] == 17
    assert first["fix"]["edits"][0]["text"] == "6400"
    assert "1000" in second["message"] and "4096" in second["message"]


def test_the_json_of_the_command_is_the_file_that_it_writes(tmp_path: Path) -> None:
    run = netspec("compile", str(ROOT / "specs/lenet.yaml"), "--format", "json", cwd=tmp_path)
    assert run.returncode == 0, run.stderr
    written = tmp_path / "build" / "lenet"
    assert sorted(p.name for p in written.iterdir()) == ["lenet.json", "lenet.py", "lenet.svg"]
    assert (written / "lenet.json").read_text() == run.stdout
    assert (written / "lenet.svg").read_text().lstrip().startswith("<?xml")


BAD = {
    "an unknown layer": b"input: [1, 28, 28]\nlayers: [Convolution2d]\n",
    "an unknown argument": b"input: [1, 28, 28]\nlayers: [{Conv2d: {out_channels: 1, kernel_size: 1, kernel: 3}}]\n",
    "a string for a number": b"input: [784]\nlayers: [Linear: ten]\n",
    "a missing required argument": b"input: [1, 28, 28]\nlayers: [Conv2d: {kernel_size: 3}]\n",
    "a negative size": b"input: [1, -28, 28]\nlayers: [Flatten]\n",
    "an empty file": b"",
    "only a comment": b"# nothing\n",
    "text that is no YAML": b"input: [1, 28\nlayers: }{\n",
    "a file that is not UTF-8": "input: [784]\ndescription: caf\xe9\nlayers: [Linear: 10]\n".encode("latin-1"),
    "a bare number": b"42\n",
    "a NUL": b"input: [784]\x00\n",
    "layers of the wrong form": b"input: [784]\nlayers: {Linear: 10}\n",
    "null layers in a list": b"input: [784]\nlayers: [null, ~, 3, [], {}]\n",
}


@pytest.mark.parametrize("command", ["check", "compile"])
@pytest.mark.parametrize("text", BAD.values(), ids=BAD)
def test_bad_input_is_a_located_error_with_status_1_and_nothing_is_written(
    text: bytes, command: str, tmp_path: Path
) -> None:
    (tmp_path / "bad.yaml").write_bytes(text)
    run = netspec(command, "bad.yaml", "--format", "json", cwd=tmp_path)
    assert run.returncode == 1, run.stderr
    found = json.loads(run.stdout)
    assert found and all(d["file"] == "bad.yaml" and d["line"] >= 1 and d["column"] >= 1 for d in found)
    assert "Traceback" not in run.stderr
    assert [p.name for p in tmp_path.iterdir()] == ["bad.yaml"]


@pytest.mark.parametrize("command", ["check", "compile", "draw", TRAIN, "expand"])
@pytest.mark.parametrize("path", ["missing.yaml", "."])
def test_a_path_that_cannot_be_read_has_status_2(command: str, path: str, tmp_path: Path) -> None:
    more = ("-o", "x.svg") if command == "draw" else ()
    run = netspec(command, path, *more, cwd=tmp_path)
    assert run.returncode == 2
    assert run.stdout == "" and "Traceback" not in run.stderr and run.stderr.startswith("error[wrong-usage]: ")
    assert list(tmp_path.iterdir()) == []


def test_a_spec_can_come_from_standard_input() -> None:
    run = netspec("check", "-", "--format", "json", input=b"input: [784]\nlayers: [Lineer: 10]\n")
    assert run.returncode == 1
    assert json.loads(run.stdout)[0]["file"] == "<stdin>"


def test_set_and_variant_are_checked_with_suggestions(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text(
        "input: [784]\nvars: {width: 8}\nvariants: {big: {width: 16}}\nlayers: [Linear: width]\n"
    )
    assert netspec("compile", "a.yaml", "--no-write", "--set", "width=9", cwd=tmp_path).returncode == 0
    assert "16" in netspec("compile", "a.yaml", "--no-write", "--variant", "big", cwd=tmp_path).stdout
    wrong = netspec("compile", "a.yaml", "--no-write", "--set", "widht=9", cwd=tmp_path)
    assert (wrong.returncode, "did you mean `width`?" in wrong.stderr) == (2, True)
    wrong = netspec("compile", "a.yaml", "--no-write", "--variant", "bog", cwd=tmp_path)
    assert (wrong.returncode, "did you mean `big`?" in wrong.stderr) == (2, True)


def test_warnings_end_with_status_1_only_under_strict(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text("input: [784]\nvars: {unused: 8}\nlayers: [Linear: 10]\n")
    assert netspec("check", "a.yaml", cwd=tmp_path).returncode == 0
    assert netspec("check", "--strict", "a.yaml", cwd=tmp_path).returncode == 1


def test_a_wrong_command_line_has_status_2() -> None:
    assert netspec("chek", "specs/lenet.yaml").returncode == 2
    assert netspec("compile", "--formt", "json").returncode == 2


def test_checking_imports_nothing_heavy() -> None:
    program = (
        "import sys\nfrom netspec.cli import main\nsys.argv = ['netspec', 'check', 'specs/alexnet.yaml']\n"
        "try:\n    main()\nexcept SystemExit as end:\n    assert end.code == 0\n"
        "heavy = ['torch', 'torchvision', 'numpy', 'networkx', 'graphviz', 'rich.table', 'matplotlib', 'safetensors']\n"
        "print([m for m in heavy if m in sys.modules])\n"
    )
    run = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr
    assert run.stdout.strip() == "[]"


@pytest.mark.needs_torch
def test_the_api_is_the_one_that_is_documented() -> None:
    import netspec as api

    missing = [name for name in api.__all__ if not hasattr(api, name)]
    assert missing == []


@pytest.mark.parametrize(
    "arguments",
    [
        ("check", "missing.yaml"),
        ("compile", "missing.yaml"),
        ("compile", str(ROOT / "specs/lenet.yaml"), "--set", "nothing=1"),
        ("compare", "missing.yaml", str(ROOT / "specs/lenet.yaml")),
        pytest.param(("runs", "--in", "missing"), marks=pytest.mark.needs_torch),
    ],
    ids=" ".join,
)
def test_what_ends_a_command_is_a_json_document_where_one_was_asked_for(
    arguments: tuple[str, ...], tmp_path: Path
) -> None:
    run = netspec(*arguments, "--format", "json", cwd=tmp_path)
    assert (run.returncode, run.stderr) == (2, "")
    (told,) = json.loads(run.stdout)
    assert (told["code"], told["severity"], told["line"]) == ("wrong-usage", "error", None)
    assert flowing(f"error[wrong-usage]: {told['message']}") == flowing(netspec(*arguments, cwd=tmp_path).stderr)


def test_the_mistakes_of_a_spec_are_json_for_every_command_that_prints_json(tmp_path: Path) -> None:
    (tmp_path / "wrong.yaml").write_text("input: [784]\nlayers: [Liner: 10]\n")
    checked = netspec("check", "wrong.yaml", "--format", "json", cwd=tmp_path)
    compared = netspec("compare", "wrong.yaml", "wrong.yaml", "--format", "json", cwd=tmp_path)
    assert compared.returncode == checked.returncode == 1
    assert json.loads(compared.stdout) == json.loads(checked.stdout)


def test_what_goes_wrong_behind_a_json_document_is_no_second_one(tmp_path: Path) -> None:
    options = ("--no-write", "--format", "json", "--batch", "8", "--memory", "1KiB")
    run = netspec("compile", str(ROOT / "specs/lenet.yaml"), *options, cwd=tmp_path)
    assert run.returncode == 6
    assert json.loads(run.stdout)["name"] == "lenet"
    assert run.stderr.startswith("error[does-not-fit]: ")


@pytest.mark.parametrize(("columns", "variable"), [(60, None), (132, None), (0, None), (132, "50"), (None, None)])
def test_an_error_is_as_wide_as_the_terminal_that_shows_it(
    tmp_path: Path, columns: int | None, variable: str | None
) -> None:
    """Standard error may be a terminal where standard output is none; without one, and without its size, 80 columns."""
    environment = {key: value for key, value in os.environ.items() if key != "COLUMNS"} | {"NO_COLOR": "1"}
    environment |= {"PYTHONPATH": str(ROOT)} | ({} if variable is None else {"COLUMNS": variable})
    words = [
        sys.executable,
        "-m",
        "netspec",
        "import",
        "config.json",
        "--variants",
        "small,large=Net(depth=2, width=3)",
    ]
    master, slave = os.openpty() if columns is not None else os.pipe()
    if columns is not None:
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
    run = subprocess.run(words, cwd=tmp_path, env=environment, stdout=subprocess.PIPE, stderr=slave, check=False)
    os.close(slave)
    shown = os.read(master, 65536).decode().replace("\r", "")
    os.close(master)
    assert run.returncode == 2
    assert flowing(shown) == (
        "error[wrong-usage]: `--variants` is for a module, `package.module:factory` or `file.py:Net`, and config.json "
        "is none"
    )
    widest = max(map(len, shown.split("\n")))
    wide = int(variable or columns or 80)
    assert wide - 15 < widest <= wide or widest == len(flowing(shown))


# ---- nothing where something is wanted


@pytest.mark.parametrize(
    "arguments",
    [
        ("new", ""), ("new", "--from", ""), ("compile", "specs/lenet.yaml", "-o", ""), ("compile", ""), ("check", ""),
        ("compile", "specs/lenet.yaml", "--output="), ("eval", ""), ("predict", "", "x.png"), ("runs", ""),
        ("compile", "specs/lenet.yaml", "--variant", ""), ("draw", "specs/lenet.yaml", "-o", ""),
    ],
)  # fmt: skip
def test_an_empty_argument_is_not_taken_for_one_that_was_left_out(arguments: tuple[str, ...]) -> None:
    found = invoke(cli, *arguments)
    assert isinstance(found.exception, UsageError)
    assert str(found.exception).startswith(f"an argument is empty: `netspec {arguments[0]} ")


@pytest.mark.parametrize(
    "arguments",
    [
        ("check", "--format", "json", "--nope"), ("check", "--nope", "--format=json"), ("check", "--format", "json"),
        ("compile", "specs/lenet.yaml", "--batch", "x", "--format", "json"),
    ],
    ids=" ".join,
)  # fmt: skip
def test_a_wrong_option_has_the_code_and_the_json_of_every_other_mistake(arguments: tuple[str, ...]) -> None:
    run = netspec(*arguments)
    assert (run.returncode, run.stderr) == (2, "")
    (told,) = json.loads(run.stdout)
    assert (told["code"], told["severity"], told["line"]) == ("wrong-usage", "error", None)
    plain = netspec(*(word for word in arguments if word not in ("--format", "json", "--format=json")))
    assert (plain.returncode, plain.stdout) == (2, "")
    message, help_ = (
        f"error[wrong-usage]: {told['message']}",
        f"help: `netspec {arguments[0]} --help` says what it takes",
    )
    assert flowing(plain.stderr) in (flowing(message), flowing(f"{message} {help_}"))


def test_a_file_that_is_a_symbolic_link_is_written_through_it(tmp_path: Path) -> None:
    (tmp_path / "pictures").mkdir()
    (tmp_path / "lenet.dot").symlink_to(tmp_path / "pictures" / "real.dot")
    for _ in range(2):  # the file at its end is first not there, then there
        run = netspec("draw", str(ROOT / "specs/lenet.yaml"), "-o", "lenet.dot", cwd=tmp_path)
        assert run.returncode == 0, run.stderr
        assert (tmp_path / "lenet.dot").is_symlink()
        assert (tmp_path / "pictures" / "real.dot").read_text().startswith("digraph")
        assert [path.name for path in (tmp_path / "pictures").iterdir()] == ["real.dot"]


def test_what_is_no_ordinary_file_is_neither_written_nor_replaced(tmp_path: Path) -> None:
    """As it would be for who may do all: a device behind a link, a pipe, a link to itself."""
    os.mkfifo(tmp_path / "pipe.dot")
    (tmp_path / "to.dot").symlink_to(tmp_path / "pipe.dot")
    (tmp_path / "loop.dot").symlink_to(tmp_path / "loop.dot")
    for name in ("pipe.dot", "to.dot", "loop.dot"):
        with pytest.raises(UsageError, match=f"cannot write {tmp_path / name}: it is no ordinary file"):
            write_atomic(tmp_path / name, "x")
    assert (tmp_path / "pipe.dot").is_fifo()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["loop.dot", "pipe.dot", "to.dot"]


def test_what_a_setting_replaces_is_told_at_the_key_too() -> None:
    run = netspec("check", "specs/lenet.yaml", "--set", "train.data=CIFAR10")
    assert run.returncode == 1
    assert "overridden by `--set train.data=CIFAR10`" in run.stdout


def test_an_estimate_that_a_wrong_spec_cannot_have_is_missed_aloud(tmp_path: Path) -> None:
    (tmp_path / "wrong.yaml").write_text("input: [8]\nlayers: [Linear: 4, Linear: {in_features: 3, out_features: 2}]\n")
    run = netspec("compile", "wrong.yaml", "--batch", "8", "--no-write", cwd=tmp_path)
    assert run.returncode == 1
    assert "the memory of training is that of a whole net" in run.stderr
    assert "the memory" not in netspec("compile", "wrong.yaml", "--no-write", cwd=tmp_path).stderr


@pytest.mark.parametrize(
    "arguments",
    [
        ("train", "missing.yaml"), ("train", "--resume", "missing"), ("eval", "missing"),
        ("predict", "missing", "x.png"),
    ],
    ids=" ".join,
)  # fmt: skip
def test_what_is_not_there_is_said_before_what_is_not_installed(arguments: tuple[str, ...], tmp_path: Path) -> None:
    program = (
        "import sys, importlib.util as util\n"
        "found = util.find_spec\n"
        "util.find_spec = lambda name, *rest: None if name.partition('.')[0] == 'torch' else found(name, *rest)\n"
        "sys.modules['torch'] = None\n"
        f"sys.argv = ['netspec', *{arguments!r}]\n"
        "from netspec.cli import main\n"
        "main()\n"
    )
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    run = subprocess.run(
        [sys.executable, "-c", program], cwd=tmp_path, env=environment, capture_output=True, text=True, check=False
    )
    assert run.returncode == 2, run.stderr
    assert "missing" in run.stderr


def test_a_bare_name_shows_the_help_and_no_error() -> None:
    bare, asked = program(cwd=ROOT), program("--help", cwd=ROOT)
    assert (bare.returncode, bare.stdout) == (2, "")
    assert bare.stderr.rstrip() == asked.stdout.rstrip()


@pytest.mark.parametrize(
    ("name", "said"),
    [("unt", "did you mean `unet`"), ("resn", "`resnet18`"), ("zzzzqq", "there are alexnet, lenet, unet, and ")],
)
def test_a_spec_to_start_from_that_there_is_not_is_answered_with_few_names(
    name: str, said: str, tmp_path: Path
) -> None:
    run = program("new", "--from", name, cwd=tmp_path)
    assert (run.returncode, list(tmp_path.iterdir())) == (2, [])
    assert said in run.stderr
    assert len(run.stderr) < 300
