"""`python -m tests.lsp.random_edits [EDITS] [SEED]`: a real client makes random edits of shipped specs, and what the
server tells is held against `netspec check` on the same text."""

from __future__ import annotations

import asyncio
import random
import sys

from tests.lsp.editor import editor
from tests.lsp.test_server import edited


async def _made(edits: int, seed: int) -> None:
    async with editor() as it:
        compared = await edited(it, random.Random(seed), edits)
    print(f"{edits} edits by the seed {seed}: {compared} texts compared with `netspec check`, all equal")


if __name__ == "__main__":
    asyncio.run(_made(int([*sys.argv, "2000"][1]), int([*sys.argv, "", "0"][2] or 0)))
