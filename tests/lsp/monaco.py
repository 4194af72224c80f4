"""`python -m tests.lsp.monaco`: the server in a real editor, Monaco with its language client in a headless Chromium.

The editor is built by vite from `tests/lsp/monaco_page`, with the grammar of the extension for VS Code; a bridge passes
its messages to `netspec lsp`. What it shows is read from the page: hints, lenses, squiggles, the menu of fixes, the
list of completions. `--pictures FOLDER` keeps what was seen.
"""

from __future__ import annotations

import argparse
import json
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.browser import Page, browser

ROOT = Path(__file__).parent.parent.parent
SOURCE = Path(__file__).parent / "monaco_page"
EXTENSION = ROOT / "netspec" / "lsp" / "vscode"
PLACE = ROOT / "build" / "monaco"
WRONG = "  - Linear: {in_features: 9216, out_features: 4096}\n"
BLOCKS = """\
input: [3, 32, 32]
blocks:
  unit(n):
    - Conv2d: {out_channels: n, kernel_size: 3}
    - ReLU
layers:
  - unit: 8
  - unit: 16
"""
PATIENCE = 60.0
"""Seconds until what is waited for must be there."""


class Monaco:
    """The editor in a page."""

    def __init__(self, page: Page, pictures: Path | None) -> None:
        self.page = page
        self.pictures = pictures

    def waits(self, expression: str) -> None:
        """Wait until an expression of JavaScript is true."""
        end = time.monotonic() + PATIENCE
        while not self.page.js(expression):
            assert time.monotonic() < end, f"never true: {expression}\n{self.page.errors}"
            time.sleep(0.05)

    def shows(self, selector: str, words: str) -> None:
        """Wait until what a selector finds says something. Monaco writes blanks that do not break."""
        text = (
            f"[...document.querySelectorAll({json.dumps(selector)})].map(e => e.innerText || e.textContent).join(' ')"
        )
        self.waits(f"({text}).replaceAll('\\u00a0', ' ').includes({json.dumps(words)})")

    @property
    def text(self) -> str:
        return self.page.js("editor.getValue()")

    def write(self, text: str) -> None:
        """Another text in the place of all."""
        self.page.js(f"editor.setValue({json.dumps(text)})")
        self.settles()

    def settles(self) -> None:
        """Wait until the server has told everything about the text."""
        self.waits("globalThis.settled >= document_().version")

    def places(self, words: str, *, at: int = 0) -> None:
        """Set the cursor into the first place where the text has some words, so many letters on."""
        self.page.js(
            f"(() => {{ const model = editor.getModel(), at = model.getValue().indexOf({json.dumps(words)}) + {at};"
            "editor.focus(); const place = model.getPositionAt(at); editor.setPosition(place);"
            "editor.revealPositionInCenter(place) })()"
        )
        self.page.painted()

    def does(self, action: str) -> None:
        """An action of the editor's, as a key would start it."""
        self.page.js(f"void editor.trigger('keyboard', {json.dumps(action)})")
        self.page.painted()

    def types(self, text: str) -> None:
        """Type letter by letter."""
        for letter in text:
            self.page.call("Input.insertText", text=letter)
            self.page.painted()

    def presses_lens(self, title: str, line: str) -> None:
        """Click on the lens above a line."""
        self.shows(".codelens-decoration", title)
        self.waits(
            "(() => { const top = e => e.getBoundingClientRect().top, all = s => [...document.querySelectorAll(s)];"
            f"const line = all('.view-line').find(e => e.innerText.includes({json.dumps(line)}));"
            f"const above = all('.codelens-decoration a').filter(e => e.innerText === {json.dumps(title)}"
            " && top(e) < top(line)); if (!above.length) return false;"
            "above.sort((a, b) => top(b) - top(a))[0].dataset.pressed = ''; return true })()"
        )
        self.page.click("[data-pressed]")

    def hovers(self, words: str, picture: str = "") -> None:
        """Have the hover of where the cursor stands say something."""
        self.does("editor.action.showHover")
        self.shows(".monaco-hover", words)
        self.picture(picture)
        self.page.press("Escape")

    def mends(self, title: str, text: str, picture: str = "") -> None:
        """Take the first mend of where the cursor stands, after which the text is to hold another one."""
        self.does("editor.action.quickFix")
        self.shows(".action-widget", title)
        self.picture(picture)
        self.page.press("Enter")
        self.waits(f"editor.getValue().includes({json.dumps(text)})")
        self.settles()

    def asks(self, command: str) -> str:
        """What a command of the editor's answers about the document, as text."""
        return self.page.js(
            f"vscode.commands.executeCommand({json.dumps(command)}, document_().uri).then(JSON.stringify)"
        )

    def wrong(self) -> list[tuple[str, str]]:
        """Code and marked words of each mistake that the editor knows."""
        return [
            tuple(pair)
            for pair in self.page.js(
                "vscode.languages.getDiagnostics(document_().uri).filter(d => d.severity === 0)"
                ".map(d => [d.code?.value ?? d.code, document_().getText(d.range)])"
            )
        ]

    def picture(self, name: str) -> None:
        if self.pictures is not None and name:
            time.sleep(0.5)  # until a widget has faded in
            self.page.picture(self.pictures / f"{name}.png")


def alexnet(monaco: Monaco) -> None:
    """Hints, lenses, colours, hover; a wrong width, its squiggle and its mend."""
    text = (ROOT / "specs" / "alexnet.yaml").read_text(encoding="utf-8")
    monaco.write(text)
    assert monaco.wrong() == []
    monaco.shows(".view-line", "→ 6400")
    monaco.shows(".codelens-decoration", "46,764,746 parameters")
    monaco.picture("hints")
    monaco.places("MaxPool2d", at=2)
    monaco.hovers("26 = (54 − 3) // 2 + 1", "hover")

    at = text.index("  - Linear: 4096\n")
    monaco.write(text[:at] + WRONG + text[at + len("  - Linear: 4096\n") :])
    assert monaco.wrong() == [("width-mismatch", "9216")]
    monaco.waits("document.querySelector('.squiggly-error') !== null")
    monaco.places("9216", at=1)
    monaco.hovers("`Flatten` (line 19) gives 6400 = 256 × 5 × 5", "mistake")
    monaco.mends("Write 6400", "in_features: 6400", "fix")
    assert monaco.wrong() == []


def broken(monaco: Monaco) -> None:
    """A broken spec of the tests: squiggles where its remarks say, and all of its mends by one action."""
    text = (ROOT / "tests" / "specs" / "bad" / "alexnet_wrong_flatten.yaml").read_text(encoding="utf-8")
    monaco.write(text)
    assert monaco.wrong() == [("width-mismatch", "9216"), ("width-mismatch", "1000")]
    monaco.places("in_features: 1000")
    monaco.waits("document.querySelectorAll('.squiggly-error').length === 2")
    monaco.picture("broken")
    monaco.does("editor.action.fixAll")
    mended = text.replace("- Linear: {in_features: 9216", "- Linear: {in_features: 6400", 1)
    mended = mended.replace("- Linear: {in_features: 1000", "- Linear: {in_features: 4096", 1)
    monaco.waits(f"editor.getValue() === {json.dumps(mended)}")
    monaco.settles()
    assert monaco.wrong() == []


def variants(monaco: Monaco) -> None:
    """EfficientNet: hints of what runs several times, another variant by its lens, outline, folding."""
    monaco.write((ROOT / "specs" / "torchvision" / "efficientnet.yaml").read_text(encoding="utf-8"))
    assert monaco.wrong() == []
    outline = json.loads(monaco.asks("vscode.executeDocumentSymbolProvider"))
    assert [part["name"] for part in outline] == [
        "netspec", "name", "input", "vars", "variants", "blocks", "layers", "init",
    ]  # fmt: skip
    monaco.places("- conv: last")
    monaco.shows(".view-line", "→ 16 × 112 × 112 … 320 × 7 × 7  ×7")
    monaco.shows(".codelens-decoration", "efficientnet_b0: 5,288,548 parameters")
    monaco.picture("variants")
    monaco.places("efficientnet_b7:")
    monaco.presses_lens("show", "efficientnet_b7:")
    monaco.places("- conv: last")
    monaco.shows(".codelens-decoration", "efficientnet_b7: 66,347,960 parameters")
    monaco.does("editor.foldAll")
    shown = "[...document.querySelectorAll('.line-numbers')].map(e => e.innerText)"
    monaco.waits(f"['6', '24', '51', '76', '95'].every(n => {shown}.includes(n)) && !{shown}.includes('60')")
    monaco.picture("folded")


def typing(monaco: Monaco) -> None:
    """What is offered where something is typed."""
    monaco.write("input: [1, 28, 28]\nlayers:\n  - Flatten\n")
    monaco.places("Flatten\n", at=len("Flatten"))
    monaco.types("\n")
    monaco.page.js("editor.setPosition({lineNumber: 4, column: 1})")
    monaco.types("  - Lin")
    monaco.does("editor.action.triggerSuggest")
    monaco.shows(".suggest-widget", "Linear")
    monaco.picture("completion")
    monaco.page.press("Escape")
    monaco.types("ear: {")
    monaco.does("editor.action.triggerSuggest")
    monaco.shows(".suggest-widget .focused", "out_features")
    monaco.shows(".suggest-widget", "in_features")
    monaco.picture("arguments")
    monaco.does("hideSuggestWidget")
    monaco.does("editor.action.triggerParameterHints")
    monaco.shows(".parameter-hints-widget .docs code", "Linear: …")
    monaco.picture("signature")
    monaco.page.press("Escape")


def colours(monaco: Monaco) -> None:
    """The call of a block is coloured as the server says, and not only by the grammar."""
    monaco.write(BLOCKS)
    monaco.places("unit: 16")
    colour = (
        "getComputedStyle([...document.querySelectorAll('.view-line span span')].find(e => e.innerText === 'unit'))"
    )
    monaco.waits("[...document.querySelectorAll('.view-line span span')].some(e => e.innerText === 'unit')")
    monaco.page.js("editor.updateOptions({'semanticHighlighting.enabled': false})")
    monaco.page.painted()
    plain = monaco.page.js(colour)
    monaco.page.js("editor.updateOptions({'semanticHighlighting.enabled': true})")
    monaco.waits(f"{colour} !== {json.dumps(plain)}")


def names(monaco: Monaco) -> None:
    """A block's definition, its uses, and another name for it."""
    monaco.write(BLOCKS)
    monaco.places("unit: 16", at=1)
    monaco.does("editor.action.referenceSearch.trigger")
    monaco.shows(".peekview-title", "References (3)")
    monaco.picture("references")
    monaco.page.press("Escape")
    monaco.places("unit: 16", at=1)
    monaco.does("editor.action.revealDefinition")
    monaco.waits("editor.getPosition().lineNumber === 3")
    monaco.does("editor.action.rename")
    monaco.waits("document.activeElement.className === 'rename-input' && document.activeElement.selectionEnd === 4")
    time.sleep(0.3)  # the widget selects the old name once more
    monaco.page.call("Input.insertText", text="stage")
    monaco.page.press("Enter")
    monaco.waits("editor.getValue().includes('stage: 16')")
    assert monaco.text == BLOCKS.replace("unit", "stage")
    monaco.settles()
    assert monaco.wrong() == []


def columns(monaco: Monaco) -> None:
    """Characters beyond the first plane in front of a mistake: an editor counts each as two."""
    monaco.write('{description: "😀𝔘", input: [4], layers: [Linear: {in_features: 57, out_features: 3}]}\n')
    assert monaco.wrong() == [("width-mismatch", "57")]
    monaco.places("57", at=1)
    monaco.mends("Write 4", "in_features: 4,")


SCENES = (alexnet, broken, variants, typing, colours, names, columns)


def build() -> None:
    """The page, by npm and vite. What is installed already stays.

    Raises:
        SystemExit: there is no npm.
    """
    npm = shutil.which("npm")
    if npm is None:
        sys.exit("there is no npm: install Node.js first")
    shutil.copytree(SOURCE, PLACE, dirs_exist_ok=True)
    for name in ("package.json", "language-configuration.json", "syntaxes/netspec.tmLanguage.json"):
        target = PLACE / "extension" / name
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(EXTENSION / name, target)
    for command in (["install", "--silent", "--no-audit", "--no-fund"], ["run", "--silent", "build"]):
        subprocess.run([npm, *command], cwd=PLACE, check=True, stdout=subprocess.DEVNULL)


@contextmanager
def served() -> Iterator[int]:
    """The port at which the bridge serves page and messages."""
    bridge = subprocess.Popen(
        ["node", "bridge.js", sys.executable], cwd=PLACE, stdout=subprocess.PIPE, text=True, encoding="utf-8"
    )
    try:
        assert bridge.stdout is not None
        yield int(bridge.stdout.readline())
    finally:
        bridge.kill()
        bridge.wait()


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pictures", type=Path, help="a folder for PNGs of what was seen")
    parser.add_argument("--dark", action="store_true", help="in dark colours")
    options = parser.parse_args()
    if options.pictures is not None:
        options.pictures.mkdir(parents=True, exist_ok=True)
    build()
    with served() as port, browser() as page:
        page.resize(1100, 720)
        monaco = Monaco(page, options.pictures)
        page.open(f"http://127.0.0.1:{port}/?port={port}&theme={'dark' if options.dark else 'light'}")
        monaco.waits("globalThis.ready === true")
        for scene in SCENES:
            scene(monaco)
            print(f"{scene.__name__}: as it should be")
        assert not page.errors, page.errors
    return 0


if __name__ == "__main__":
    sys.exit(main())
