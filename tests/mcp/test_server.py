"""`netspec mcp`, asked by the protocol's own client over standard input and output."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

import netspec
from netspec.cli.explain import explain
from tests.commands import ROOT, program

mcp: Any = pytest.importorskip("mcp", reason="mcp is not installed")

LENET = (ROOT / "specs" / "lenet.yaml").read_text(encoding="utf-8")
WRONG = "input: [1, 28, 28]\nlayers: [Flatten, Linear: {in_features: 400, out_features: 10}]\n"


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory with a spec, beside one that the server must not read."""
    place = tmp_path_factory.mktemp("served")
    (place / "inside" / "nets").mkdir(parents=True)
    (place / "inside" / "nets" / "lenet.yaml").write_text(LENET, encoding="utf-8")
    (place / "outside.yaml").write_text(LENET, encoding="utf-8")
    (place / "inside" / "link.yaml").symlink_to(place / "outside.yaml")
    (place / "inside" / "circle.yaml").symlink_to(place / "inside" / "circle.yaml")
    (place / "inside" / "secret.txt").write_text("input: [4]", encoding="utf-8")
    return place / "inside"


def asked(root: Path, ask: Callable[[Any], Awaitable[Any]], *options: str) -> Any:
    """What a client is answered by a server of its own."""
    from mcp import Client, StdioServerParameters

    parameters = StdioServerParameters(
        command=sys.executable, args=["-m", "netspec", "mcp", str(root), *options],
        env=os.environ | {"PYTHONPATH": os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")])},
    )  # fmt: skip

    async def run() -> Any:
        async with Client(parameters) as client:
            return await ask(client)

    return asyncio.run(run())


def called(root: Path, *calls: tuple[str, dict[str, Any]]) -> list[tuple[bool, str]]:
    """Whether each call of a tool failed, and its text."""

    async def ask(client: Any) -> list[tuple[bool, str]]:
        results = [await client.call_tool(name, arguments) for name, arguments in calls]
        return [(bool(result.is_error), "".join(part.text for part in result.content)) for result in results]

    return asked(root, ask)


@pytest.mark.slow
def test_the_tools_are_told_with_what_they_take(root: Path) -> None:
    async def ask(client: Any) -> Any:
        return client.server_info.version, client.instructions, (await client.list_tools()).tools

    version, instructions, tools = asked(root, ask)
    assert version == netspec.__version__
    assert "Call `check`" in instructions
    assert {tool.name for tool in tools} == {
        "specs", "check", "summary", "expand", "cost", "draw", "compare", "explain",
    }  # fmt: skip
    assert all(tool.description for tool in tools)


@pytest.mark.slow
def test_each_tool_says_what_netspec_says(root: Path) -> None:
    net = netspec.load(root / "nets" / "lenet.yaml")
    path = {"path": "nets/lenet.yaml"}
    answers = called(
        root,
        ("check", path),
        ("check", {"text": WRONG}),
        ("summary", {**path, "depth": 1}),
        ("expand", path),
        ("cost", {**path, "batch": 64, "optimizer": "Adam"}),
        ("draw", path),
        ("draw", {**path, "style": "stack"}),
        ("compare", {"path_a": "nets/lenet.yaml", "text_b": LENET.replace("kernel_size: 5", "kernel_size: 3", 1)}),
        ("explain", {"name": "Conv2d"}),
        ("summary", {"text": "{input: [3, H, W], layers: [AvgPool2d: 2]}", "set": {"H": 64, "W": 32}}),
    )
    assert [failed for failed, _ in answers] == [False] * len(answers)
    clean, wrong, table, flat, cost, mermaid, svg, differences, explained, symbols = (text for _, text in answers)
    assert clean == "no mistakes"
    assert "spec.yaml:2:" in wrong
    assert "`in_features: 400`, but `Flatten` (line 2) gives 784 = 1 × 28 × 28" in wrong
    assert table == netspec.summary(net, depth=1)
    assert flat == netspec.expand(net)
    assert cost == netspec.estimate(net, 64, optimizer="Adam").to_text()
    assert "\nflowchart TB\n" in mermaid
    assert svg.startswith("<svg ")
    assert "kernel_size 5×5 → 3×3" in differences or "5×5" in differences
    assert explained == explain("Conv2d")
    assert "3 × 32 × 16" in symbols


@pytest.mark.slow
def test_the_specs_below_the_directory_are_listed_and_nothing_else(root: Path, tmp_path: Path) -> None:
    (tmp_path / ".hidden").mkdir()
    inside = tmp_path / ".hidden" / "here"
    inside.mkdir()
    assert called(inside, ("specs", {})) == [(False, "there is no spec below this directory")]
    (inside / "a.yml").write_text("layers: [Flatten]\ninput: [4]\nvariants: {small: {}, large: {}}\n")
    (inside / "other.yaml").write_text("a: 3\n")
    (inside / "broken.yaml").write_text("layers: [\n")
    (inside / "bytes.yaml").write_bytes(b"layers: [\xff]\n")
    assert called(inside, ("specs", {})) == [(False, "a.yml: small, large\nbroken.yaml\nbytes.yaml")]
    assert called(root, ("specs", {})) == [(False, "nets/lenet.yaml")]


def test_nothing_is_said_beside_the_answers(root: Path) -> None:
    hello = {
        "jsonrpc": "2.0", "id": 1, "method": "initialize",
        "params": {"protocolVersion": "2025-06-18", "capabilities": {}, "clientInfo": {"name": "a", "version": "1"}},
    }  # fmt: skip
    call: dict[str, Any] = {
        "jsonrpc": "2.0",
        "id": 2,
        "method": "tools/call",
        "params": {"name": "specs", "arguments": {}},
    }
    words: list[dict[str, Any]] = [hello, {"jsonrpc": "2.0", "method": "notifications/initialized"}, call]
    run = subprocess.run(
        [sys.executable, "-m", "netspec", "mcp", str(root)], input="".join(f"{json.dumps(one)}\n" for one in words),
        capture_output=True, encoding="utf-8", check=False, cwd=ROOT,
    )  # fmt: skip
    assert (run.returncode, run.stderr) == (0, "")
    assert '"id":1' in run.stdout.replace(" ", "")


@pytest.mark.slow
def test_what_is_wrong_is_told_and_ends_nothing(root: Path) -> None:
    answers = called(
        root,
        ("summary", {"text": WRONG}),
        ("summary", {}),
        ("summary", {"text": LENET, "path": "nets/lenet.yaml"}),
        ("summary", {"path": "nets/none.yaml"}),
        ("summary", {"text": LENET, "variant": "large"}),
        ("cost", {"text": LENET, "batch": 0}),
        ("draw", {"text": LENET, "style": "stack", "fit": "a5"}),
        ("explain", {"name": "Conv2e"}),
        ("check", {"text": "layers: [" * 200}),
        ("check", {"text": LENET}),
    )
    assert [failed for failed, _ in answers] == [True] * 8 + [False] * 2
    texts = [text for _, text in answers]
    assert "error[width-mismatch]" in texts[0]
    assert "give the spec as `text`, or the `path` of a file: one of the two" in texts[1]
    assert texts[1] == texts[2]
    assert "there is no file" in texts[3]
    assert "no variant" in texts[4]
    assert "a batch has at least one example, not 0" in texts[5]
    assert "--fit a5" in texts[6]
    assert "did you mean `Conv" in texts[7]
    assert "error[" in texts[8]
    assert all("Traceback" not in text for text in texts)


OUTSIDE = ("../outside.yaml", "link.yaml", "circle.yaml", "/etc/hosts.yaml", "nets/../../outside.yaml", "a\0b.yaml")


@pytest.mark.slow
def test_no_file_outside_the_directory_is_read(root: Path) -> None:
    for path, (failed, text) in zip(OUTSIDE, called(root, *(("check", {"path": p}) for p in OUTSIDE)), strict=True):
        assert failed, path
        assert "is not below the directory of this server: give the spec as `text`" in text, path


@pytest.mark.slow
def test_only_specs_are_read(root: Path) -> None:
    ((failed, text),) = called(root, ("check", {"path": "secret.txt"}))
    assert failed
    assert "`secret.txt` is no spec: its name ends with neither .yaml nor .yml" in text


@pytest.mark.slow
def test_nothing_is_written_and_a_spec_loads_no_plugin(root: Path) -> None:
    before = sorted(path.name for path in root.rglob("*"))
    text = "plugins: [tests.plugged]\ninput: [4, 3]\nlayers: [SquaredReLU]\n"
    ((_, told),) = called(root, ("check", {"text": text}))
    assert "SquaredReLU" in told
    assert sorted(path.name for path in root.rglob("*")) == before

    async def ask(client: Any) -> Any:
        return await client.call_tool("check", {"text": text})

    result = asked(root, ask, "--plugin", "tests.plugged")
    assert result.content[0].text == "no mistakes"


def test_a_directory_that_there_is_not_is_told(tmp_path: Path) -> None:
    run = program("mcp", "nowhere", cwd=tmp_path)
    assert (run.returncode, run.stdout) == (2, "")
    assert run.stderr == "error[wrong-usage]: `nowhere` is no directory: name the one below which specs may be read\n"
