"""How checking grows with the number of written layers: 10³, 10⁴ and 10⁵ in one process.

    python tests/benchmarks/written_layers.py

Time should grow no faster than the text: t(10⁵) / t(10⁴) at most 13. For comparison the same document goes through
PyYAML's safe loader alone, which knows no layers.
"""

from __future__ import annotations

import time

import yaml

from netspec.compiler import check_source
from netspec.text.source import decode


def document(layers: int) -> str:
    """A spec with that many written layers, each with arguments of its own."""
    return "input: [8, 32, 32]\nlayers:\n" + "  - Conv2d: {out_channels: 8, kernel_size: 3, padding: 1}\n" * layers


def main() -> None:
    took: dict[int, float] = {}
    for layers in (1_000, 10_000, 100_000):
        text = document(layers)
        start = time.perf_counter()
        source, problems = decode(text.encode(), "large.yaml")
        assert check_source(source, problems) == []
        took[layers] = time.perf_counter() - start
        start = time.perf_counter()
        yaml.load(text, Loader=yaml.CSafeLoader)
        peer = time.perf_counter() - start
        print(f"{layers:>7,} layers: {took[layers] * 1000:8.0f} ms   (PyYAML's C loader alone {peer * 1000:8.0f} ms)")
    print(f"t(10^5) / t(10^4) = {took[100_000] / took[10_000]:.1f}   at most 13")


if __name__ == "__main__":
    main()
