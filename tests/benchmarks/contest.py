"""Contenders in turn, each in a process of its own: one's threads, caches and memory are not another's."""

from __future__ import annotations

import multiprocessing
from collections.abc import Callable, Mapping
from multiprocessing.connection import Connection
from typing import Any, NamedTuple


class Speed(NamedTuple):
    """Examples per second by the wall clock, and by d2l's timer, which starts when a batch has arrived."""

    wall: float
    d2l: float | None = None


Loop = Callable[[], Speed]
"""Trains for a while."""


class Contender(NamedTuple):
    """What a process makes its loop from."""

    make: Callable[..., Loop]
    arguments: tuple[Any, ...]


def contest(contenders: Mapping[str, Contender], rounds: int) -> dict[str, list[Speed]]:
    """The speeds of each contender: a round to warm up, then `rounds` of them, in turn, so that all meet the same
    machine. Who cannot be imported is left out, with a line that says so."""
    context = multiprocessing.get_context("spawn")  # nothing of this process is inherited
    lines: dict[str, Connection] = {}
    for name, contender in contenders.items():
        here, there = context.Pipe()
        context.Process(target=_serve, args=(contender, there)).start()
        missing = here.recv()
        if missing is None:
            lines[name] = here
        else:
            print(f'{name}: {missing}; pip install -e ".[bench]"')
    speeds: dict[str, list[Speed]] = {name: [] for name in lines}
    for number in range(rounds + 1):
        for name, line in lines.items():
            line.send(True)
            speed = line.recv()
            if number:
                speeds[name].append(speed)
    for line in lines.values():
        line.send(False)
    return speeds


def _serve(contender: Contender, line: Connection) -> None:
    try:
        loop = contender.make(*contender.arguments)
    except ModuleNotFoundError as error:
        line.send(str(error))
        return
    line.send(None)
    while line.recv():
        line.send(loop())
