"""How long an editor waits: `python -m tests.benchmarks.keystrokes [KEYSTROKES]`.

A real client types into a chain of layers, and waits for the diagnostics and the hints of the version with that
keystroke. What is told is the wall clock at the client, and the processor time of the server, which other programs on
the machine do not lengthen; beside it a loop of fixed arithmetic, whose spread is the machine's noise.
"""

from __future__ import annotations

import asyncio
import os
import sys
import time
from pathlib import Path

from lsprotocol import types as lsp

from tests.lsp.editor import ROOT, Editor, editor

LIMITS = {100: 30.0, 800: 100.0}
"""Lines → the milliseconds that 95 of 100 keystrokes may take."""
SETTLING = 1000.0
"""The milliseconds until all variants and mends are there."""


def chain(lines: int) -> str:
    rows = ["name: chain", "input: [3, 64, 64]", "layers:"]
    while len(rows) < lines:
        rows += ["  - Conv2d: {out_channels: 64, kernel_size: 3, padding: 1}", "  - BatchNorm2d", "  - ReLU"]
    return "\n".join(rows[:lines]) + "\n"


def processor_ms(pid: int) -> float:
    """Processor time of a process so far."""
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
    return 1000 * (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


async def typed(it: Editor, lines: int, keystrokes: int) -> tuple[list[float], float]:
    """Milliseconds of each keystroke, and the mean of the server's processor time."""
    it.open(chain(lines))
    await it.settled()
    pid: int = it.client._server.pid  # type: ignore[union-attr]  # pygls shows it nowhere
    middle = it.text.index("64", len(it.text) // 2)
    before = processor_ms(pid)
    waited: list[float] = []
    for i in range(keystrokes):
        await asyncio.sleep(0.02)
        at = middle + 2
        started = time.perf_counter()
        it.edit(at, at, "0") if i % 2 == 0 else it.edit(at, at + 1, "")
        shown = lsp.InlayHintParams(it.document, lsp.Range(lsp.Position(0, 0), lsp.Position(lines, 0)))
        hints, _ = await asyncio.gather(it.client.text_document_inlay_hint_async(shown), it.told())
        waited.append(1000 * (time.perf_counter() - started))
        assert hints
    used = (processor_ms(pid) - before) / keystrokes
    it.close()
    return waited, used


async def settled(it: Editor, path: Path) -> float:
    """Milliseconds from a slip until it is told with its mend, in a spec with many variants."""
    it.open(path.read_text(encoding="utf-8"))
    await it.settled()
    at = it.text.index("BatchNorm2d") + 4
    started = time.perf_counter()
    it.edit(at, at + 1, "")
    found = await it.settled()
    assert found
    return 1000 * (time.perf_counter() - started)


def noise() -> tuple[float, float]:
    """The median and the 95th percentile of a fixed piece of arithmetic, in milliseconds."""
    taken: list[float] = []
    for _ in range(100):
        started = time.perf_counter()
        sum(i * i for i in range(50_000))
        taken.append(1000 * (time.perf_counter() - started))
    taken.sort()
    return taken[50], taken[95]


async def measured(keystrokes: int) -> bool:
    median, late = noise()
    print(f"noise: a loop of {median:.1f} ms takes {late:.1f} ms at the 95th percentile")
    good = True
    async with editor() as it:
        for lines, limit in LIMITS.items():
            waited, used = await typed(it, lines, keystrokes)
            waited.sort()
            at95 = waited[int(0.95 * len(waited))]
            good = good and at95 <= limit
            print(
                f"chain of {lines} lines: median {waited[len(waited) // 2]:.1f} ms, 95 % within {at95:.1f} ms "
                f"(limit {limit:.0f}); the server's processor time {used:.1f} ms"
            )
        waits = await settled(it, ROOT / "specs" / "torchvision" / "efficientnet.yaml")
        good = good and waits <= SETTLING
        print(f"EfficientNet's variants and the mend: {waits:.0f} ms (limit {SETTLING:.0f})")
    return good


if __name__ == "__main__":
    sys.exit(not asyncio.run(measured(int([*sys.argv, "100"][1]))))
