"""A second process that checks whole files and looks for mends, so that the server answers in the meantime.

`python -m netspec.lsp.worker [PLUGIN...]` reads requests from standard input, each behind its length, and writes
answers likewise. Only the server that started it speaks with it. It ends with its input.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterator
from typing import BinaryIO

from netspec.compiler import check_source
from netspec.layers import OWN, Offer
from netspec.lsp.tasks import LENGTH, CheckAnswer, Task, packed, task_of
from netspec.mends.repair import repaired
from netspec.text.source import decode


def main(plugins: list[str]) -> None:
    """CheckAnswer until the input ends. What a plugin prints goes to standard error."""
    given, taken = os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    offer = OWN
    if plugins:
        from netspec.plugins.importing import import_plugins  # imported here: most servers have none
        from netspec.plugins.registration import offer_of

        offer = offer_of(import_plugins(plugins))
    while (task := _next(given)) is not None:
        for answer in _answers(task, offer):
            taken.write(packed(answer))
            taken.flush()


def _next(stream: BinaryIO) -> Task | None:
    head = stream.read(LENGTH.size)
    if len(head) < LENGTH.size:
        return None
    return task_of(stream.read(*LENGTH.unpack(head)))


def _answers(task: Task, offer: Offer) -> Iterator[CheckAnswer]:
    """The findings as soon as they are known, then with their mends: what `netspec check` says."""
    source, problems = decode(task.text.encode(), task.name)
    if task.make:
        from netspec.lsp.making import made  # imported here: few are asked to draw

        yield CheckAnswer([], 0.0, True, made(source, problems, task, offer))
        return
    started = time.process_time()
    found = check_source(source, problems, offer=offer, mends=False)
    seconds = time.process_time() - started
    if not found:
        yield CheckAnswer([], seconds, True, task.text)
        return
    if not task.repair:
        yield CheckAnswer(found, seconds, False, task.text)
    found = check_source(source, problems, offer=offer)
    text = source.text
    if task.repair:
        text = repaired(source, found, lambda text: check_source(*decode(text.encode(), task.name), offer=offer)).text
    yield CheckAnswer(found, seconds, True, text)


if __name__ == "__main__":
    main(sys.argv[1:])
