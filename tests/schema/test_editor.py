"""The schema in an editor: the real yaml-language-server completes, explains and checks with it.

The server is a program of Node's, installed once into `build/`: `python -m tests.schema.install`.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from netspec.schema import schema
from tests.commands import ROOT
from tests.schema.install import server_program

pygls: Any = pytest.importorskip("pygls.lsp.client", reason="pygls is not installed")
types: Any = pytest.importorskip("lsprotocol.types", reason="pygls is not installed")

pytestmark = pytest.mark.slow

HALF = "\n".join(
    ["input: [1, 28, 28]", "layers:", "  - ", "  - Conv2d:", " " * 6, "train:", "  data: FashionMNIST", "  ", ""]
)
"""A file that is half typed: blanks stand where one goes on."""
WRONG = """\
input: [1, 28, 28]
layers:
  - Conv2d: {out_channels: 6, kernel_sise: 5}
  - Lniear: 10
train:
  data: FashionMNIST
  epoch: 3
"""


class Editor:
    """A client with one open file."""

    def __init__(self, folder: Path, client: Any) -> None:
        self.folder, self.client = folder, client
        self.found: dict[str, asyncio.Future[Any]] = {}

    async def open(self, name: str, text: str) -> str:
        """Open a file whose first line names the schema; its address."""
        uri = (self.folder / name).as_uri()
        self.found[uri] = asyncio.get_running_loop().create_future()
        line = f"# yaml-language-server: $schema={(self.folder / 'netspec.json').as_uri()}\n"
        item = types.TextDocumentItem(uri=uri, language_id="yaml", version=1, text=line + text)
        self.client.text_document_did_open(types.DidOpenTextDocumentParams(text_document=item))
        return uri

    async def diagnostics(self, name: str, text: str) -> list[Any]:
        uri = await self.open(name, text)
        return await asyncio.wait_for(self.found[uri], 60)

    async def completed(self, uri: str, line: int, character: int) -> dict[str, Any]:
        """What is offered at a place of the text, whose lines count from 0, by its label."""
        place = types.Position(line=line + 1, character=character)
        parameters = types.CompletionParams(text_document=types.TextDocumentIdentifier(uri=uri), position=place)
        answer = await self.client.text_document_completion_async(parameters)
        return {item.label: item for item in getattr(answer, "items", answer or [])}

    async def hover(self, uri: str, line: int, character: int) -> str:
        place = types.Position(line=line + 1, character=character)
        parameters = types.HoverParams(text_document=types.TextDocumentIdentifier(uri=uri), position=place)
        return (await self.client.text_document_hover_async(parameters)).contents.value


def edited(folder: Path, use: Callable[[Editor], Awaitable[Any]]) -> Any:
    """What a use of the editor gives."""
    program = server_program()
    if program is None:
        pytest.skip("yaml-language-server is not installed: `python -m tests.schema.install`")
    (folder / "netspec.json").write_text(json.dumps(schema()), encoding="utf-8")

    async def run() -> Any:
        client = pygls.LanguageClient("netspec-tests", "1")
        editor = Editor(folder, client)

        @client.feature(types.TEXT_DOCUMENT_PUBLISH_DIAGNOSTICS)
        def published(parameters: Any) -> None:
            future = editor.found.get(parameters.uri)
            if future is not None and not future.done():
                future.set_result(parameters.diagnostics)

        @client.feature(types.WORKSPACE_CONFIGURATION)
        def configured(parameters: Any) -> list[Any]:
            yaml = {"validate": True, "completion": True, "hover": True, "schemaStore": {"enable": False}}
            return [yaml if item.section == "yaml" else {} for item in parameters.items]

        @client.feature(types.CLIENT_REGISTER_CAPABILITY)
        def registered(parameters: Any) -> None:
            return None

        await client.start_io(*program)
        workspace = types.WorkspaceClientCapabilities(configuration=True)
        capabilities = types.ClientCapabilities(workspace=workspace)
        parameters = types.InitializeParams(capabilities=capabilities, root_uri=folder.as_uri(), process_id=None)
        await client.initialize_async(parameters)
        client.initialized(types.InitializedParams())
        try:
            return await use(editor)
        finally:
            await client.shutdown_async(None)
            client.exit(None)
            await client.stop()

    return asyncio.run(run())


def test_shipped_specs_have_no_mistakes_and_broken_ones_have(tmp_path: Path) -> None:
    async def use(editor: Editor) -> Any:
        paths = [ROOT / "specs" / "alexnet.yaml", ROOT / "specs" / "torchvision" / "mobilenet_v3.yaml"]
        paths += [ROOT / "specs" / "unet.yaml", ROOT / "specs" / "torchvision" / "vision_transformer.yaml"]
        clean = [await editor.diagnostics(path.name, path.read_text(encoding="utf-8")) for path in paths]
        return clean, await editor.diagnostics("wrong.yaml", WRONG)

    clean, wrong = edited(tmp_path, use)
    assert [list(found) for found in clean] == [[]] * len(clean)
    told = {(found.range.start.line - 1, found.message) for found in wrong}
    lines = {line for line, _ in told}
    assert {2, 3, 6} <= lines
    assert (2, "Property kernel_sise is not allowed.") in told
    assert any(line == 3 and "no item begins so" in message for line, message in told)


def test_what_fits_the_place_is_offered_and_explained(tmp_path: Path) -> None:
    async def use(editor: Editor) -> Any:
        uri = await editor.open("half.yaml", HALF)
        items = await editor.completed(uri, 2, 4)
        arguments = await editor.completed(uri, 4, 6)
        keys = await editor.completed(uri, 7, 2)
        return items, arguments, keys, await editor.hover(uri, 6, 3)

    items, arguments, keys, hover = edited(tmp_path, use)
    assert {"Conv2d", "ReLU", "Flatten", "residual", "concat", "for"} <= set(items)
    assert {"out_channels", "kernel_size", "stride", "padding_mode"} <= set(arguments)
    assert "an integer ≥ 1 or a list of 2; required" in str(arguments["kernel_size"].documentation)
    assert {"batch_size", "epochs", "optimizer", "loss", "scheduler"} <= set(keys)
    assert "data" not in keys
    assert "required" in hover
