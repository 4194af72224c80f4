"""What `netspec.from_torch` costs for networks of torchvision: processor seconds, and the peak of memory.

    python tests/benchmarks/imports.py                          # densenet121, resnet152, efficientnet_b4
    python tests/benchmarks/imports.py --threads 1 densenet121  # on one thread

Each network has a process of its own. Processor seconds are those of all threads, which wait for each other on a busy
machine and are then counted, too; one thread gives the steadier figure.
"""

from __future__ import annotations

import argparse
import resource
import subprocess
import sys
import time


def measured(name: str, threads: int) -> str:
    """Import one network on pictures of 224 x 224 in this process."""
    import torch
    from torchvision import models  # pyright: ignore[reportMissingTypeStubs]

    import netspec

    torch.set_num_threads(threads)
    torch.manual_seed(0)  # pyright: ignore[reportUnknownMemberType]
    module = models.get_model(name, weights=None)
    size = sum(p.numel() * p.element_size() for p in module.parameters()) / 2**20
    began = time.process_time()
    found = netspec.from_torch(module, torch.zeros(2, 3, 224, 224), name=name)
    seconds = time.process_time() - began
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**10
    rows = len(found.net.layers)
    return f"{name}: {rows} rows, {seconds:.0f} s, peak {peak:.0f} MiB (weights {size:.0f} MiB); {found.proven}"


def main() -> None:
    """Measure each network that is asked for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", default=["densenet121", "resnet152", "efficientnet_b4"])
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--here", action="store_true", help="in this process")
    given = parser.parse_args()
    for name in given.names:
        if given.here:
            print(measured(name, given.threads), flush=True)
        else:
            subprocess.run([sys.executable, __file__, "--here", "--threads", str(given.threads), name], check=True)


if __name__ == "__main__":
    main()
