"""The process that looks for mends, as the server sees it: one task at a time, of each text the newest."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Final, NamedTuple

from netspec.lsp.tasks import LENGTH, CheckAnswer, Task, answer_of, packed

PATIENCE: Final = 0.5
"""Seconds that a task whose text has changed since may go on before its process is ended and another begun."""


class _QueuedTask(NamedTuple):
    """A task, and who wants its answers."""

    key: str
    task: Task
    take: Callable[[CheckAnswer | None], None]
    """Takes each answer; None if the process has ended in the midst of the task, and so has the one after it."""
    is_second: bool = False
    """Whether a process has ended in the midst of it already."""


class Background:
    """Sends tasks to a process of its own, which is begun with the first one and anew if it ends."""

    def __init__(self, plugins: Sequence[str]) -> None:
        self._plugins: Final = tuple(plugins)
        self._process: asyncio.subprocess.Process | None = None
        self._waiting: dict[str, _QueuedTask] = {}
        self._running: _QueuedTask | None = None
        self._runner: asyncio.Task[None] | None = None
        self._ending: asyncio.TimerHandle | None = None
        self._ended: _QueuedTask | None = None
        """The last task whose process was ended because nobody wants its answers any more."""

    def ask(self, key: str, task: Task, take: Callable[[CheckAnswer | None], None]) -> None:
        """Have a task done once the process is free, in the place of one with this key that waits."""
        self._waiting[key] = _QueuedTask(key, task, take)
        if self._runner is None or self._runner.done():
            self._runner = asyncio.get_running_loop().create_task(self._run())

    def drop(self, key: str) -> None:
        """Forget the tasks of a key: the one that waits, and the answers to the one that runs, which is ended if it
        goes on."""
        self._waiting.pop(key, None)
        running = self._running
        if running is None or running.key != key or self._ending is not None:
            return
        self._ending = asyncio.get_running_loop().call_later(PATIENCE, self._end, running)

    async def close(self) -> None:
        """End the process."""
        if self._runner is not None:
            self._runner.cancel()
            with suppress(asyncio.CancelledError):
                await self._runner
        if self._process is not None:
            with suppress(ProcessLookupError):
                self._process.kill()
            await self._process.wait()

    def _end(self, of: _QueuedTask) -> None:
        self._ending = None
        if self._running is of and self._process is not None:
            self._ended = of
            with suppress(ProcessLookupError):
                self._process.kill()

    async def _run(self) -> None:
        while self._waiting:
            wanted = self._waiting.pop(next(iter(self._waiting)))
            self._running = wanted
            try:
                await self._answered(wanted)
            except (OSError, asyncio.IncompleteReadError):  # it has ended: by `_end`, for want of memory, by a signal
                await self._gone()
                self._again(wanted)
            finally:
                self._running = None
                if self._ending is not None:
                    self._ending.cancel()
                    self._ending = None

    def _again(self, wanted: _QueuedTask) -> None:
        """Begin a task anew whose process has ended by itself: the next may live. A text that ends two has no mends."""
        if wanted.is_second or wanted.key in self._waiting or wanted is self._ended:
            wanted.take(None)
        else:
            self._waiting[wanted.key] = wanted._replace(is_second=True)

    async def _answered(self, wanted: _QueuedTask) -> None:
        process = self._process or await self._begun()
        assert process.stdin is not None and process.stdout is not None
        process.stdin.write(packed(wanted.task))
        await process.stdin.drain()
        while True:
            head = await process.stdout.readexactly(LENGTH.size)
            answer = answer_of(await process.stdout.readexactly(*LENGTH.unpack(head)))
            wanted.take(answer)
            if answer.mends:
                return

    async def _begun(self) -> asyncio.subprocess.Process:
        self._process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "netspec.lsp.worker",
            *self._plugins,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
        )
        return self._process

    async def _gone(self) -> None:
        if self._process is not None:
            with suppress(ProcessLookupError):
                self._process.kill()
            await self._process.wait()
        self._process = None
