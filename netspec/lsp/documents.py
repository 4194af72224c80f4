"""The open documents: their texts by version, what is known of each, and what the editor was told of it."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Iterable
from pathlib import PurePosixPath
from typing import Final
from urllib.parse import unquote, urlsplit

from lsprotocol import types as lsp

from netspec.diagnostics import Diagnostic, Span
from netspec.layers import Offer
from netspec.lsp.background import Background
from netspec.lsp.carrying import moved
from netspec.lsp.collecting import Collector
from netspec.lsp.positions import changed
from netspec.lsp.reading import LiveText
from netspec.lsp.tasks import CheckAnswer, Task

LONGEST_WAIT: Final = 0.3
"""Seconds after which a text is read at the latest once nothing more was typed."""
IDLE: Final = 0.15
"""Seconds without typing after which mends are looked for."""
CHEAP: Final = 0.05
"""Seconds that the check of all variants may take to be made at each change."""

_log: Final = logging.getLogger(__name__)


class Document:
    """One open document. `tell` is called whenever there is something new to say of it."""

    def __init__(
        self,
        uri: str,
        text: str,
        version: int,
        offer: Offer,
        background: Background,
        collector: Collector,
        tell: Callable[[Document], None],
    ) -> None:
        self.uri: Final = uri
        self.name: Final = PurePosixPath(unquote(urlsplit(uri).path)).name or "spec.yaml"
        self.version = version
        self.variant: str | None = None
        self.found: list[Diagnostic] = []
        """What was found in the text that `reading` is of."""
        self.settled = False
        """Whether that is all, with mends."""
        self.last_net: LiveText | None = None
        """The last reading that had a net: what is known where the text cannot be read now."""
        self._text = text
        self._offer: Final = offer
        self._background: Final = background
        self._collector: Final = collector
        self._tell: Final = tell
        self._reading: LiveText | None = None
        self._seconds = 0.0
        """That the last reading took."""
        self._everything = False
        self._others: tuple[list[Diagnostic], LiveText] | None = None
        """What was found last in variants that are not shown, and the reading of the text that it was found in."""
        self._repaired: asyncio.Future[str | None] | None = None
        self._timer: asyncio.TimerHandle | None = None

    # ---- what the editor does

    def opened(self) -> None:
        """Read the text for the first time."""
        self._read_now()

    def change(self, changes: Iterable[lsp.TextDocumentContentChangeEvent], version: int) -> None:
        """Take changes, and read the text when no more come."""
        self._text = changed(self._text, changes)
        self.version = version
        self._forget()
        self._later(min(self._seconds, LONGEST_WAIT), self._read_now)

    def show(self, variant: str | None) -> None:
        """Show another variant."""
        self.variant = variant
        self._others = None
        self._forget()
        self._read_now()

    def close(self) -> None:
        """Forget everything."""
        self._forget()

    # ---- what is known

    @property
    def reading(self) -> LiveText:
        """What is known of the text as it is now; it is read if it has not been."""
        if self._reading is None:
            started = time.process_time()
            self._reading = self._read()
            self._seconds = time.process_time() - started
            self._collector.read()
            self.found = [*self._reading.found, *self._of_other_variants(self._reading)]
            if self._reading.net is not None:
                self.last_net = self._reading
        return self._reading

    def repaired(self) -> asyncio.Future[str | None]:
        """The text with all certain mends made, once it is known; None once the text is another."""
        if self._repaired is None:
            wanted: asyncio.Future[str | None] = asyncio.get_running_loop().create_future()
            text = self.reading.text

            def taken(answer: CheckAnswer | None) -> None:
                if not wanted.done() and (answer is None or answer.mends):
                    wanted.set_result(text if answer is None else answer.text)

            self._background.ask(f"{self.uri} repaired", Task(self.name, text, repair=True), taken)
            self._repaired = wanted
        return self._repaired

    def _of_other_variants(self, reading: LiveText) -> list[Diagnostic]:
        """What was found last in variants that are not shown, in the lines that have not changed since: told until all
        are checked again."""
        if reading.is_whole or self._others is None:
            return []
        found, old = self._others
        return moved(found, old, reading)

    def _read(self) -> LiveText:
        try:
            return LiveText(self.name, self._text, self.variant, self._offer, everything=self._everything)
        except Exception:  # a defect, which is logged; the editor goes on with what is known of the text before
            _log.exception("reading %s failed", self.name)
            return LiveText(self.name, "", None, self._offer)

    # ---- when

    def _later(self, seconds: float, do: Callable[[], None]) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer = asyncio.get_running_loop().call_later(seconds, do)

    def _forget(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self._background.drop(self.uri)
        if self._repaired is not None:
            self._background.drop(f"{self.uri} repaired")
            if not self._repaired.done():
                self._repaired.set_result(None)
            self._repaired = None
        self._reading = None
        self.settled = False

    def _read_now(self) -> None:
        reading = self.reading
        self.settled = reading.is_whole and not reading.found
        self._tell(self)
        self._later(IDLE, self._rest)

    def _rest(self) -> None:
        """Do what there is time for once typing pauses."""
        if not self.settled:
            self._check_all()
        self._collector.rest()

    def _check_all(self) -> None:
        version = self.version
        reading = self.reading

        def take(answer: CheckAnswer | None) -> None:
            if self._reading is not reading or self.version != version:
                return
            if answer is None:
                self.settled = True
                self._tell(self)
            elif not reading.is_whole or answer.mends:
                self._everything = answer.seconds < CHEAP
                shown = {_told(d) for d in reading.found}
                self._others = [d for d in answer.found if _told(d) not in shown], reading
                self.found, self.settled = answer.found, answer.mends
                self._tell(self)

        self._background.ask(self.uri, Task(self.name, reading.text), take)


def _told(d: Diagnostic) -> tuple[str, str, Span]:
    """What a finding is, whatever its mends are."""
    return d.code, d.message, d.span
