"""LeNet by its recipe, ten epochs of Fashion-MNIST on the CPU, three seeds: does it learn what the book's does?

    NETSPEC_DATA=DIR python tests/benchmarks/lenet_accuracy.py [--seeds 3]

Mean final train loss must lie in 0.45 to 0.48 and mean train accuracy in 0.815 to 0.835 (running means over the last
epoch); a plain PyTorch loop gives losses of 0.460 to 0.473. Ends with status 1 if not.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import tempfile
from pathlib import Path

import netspec
from netspec.trainer.jobs.training import train
from netspec.trainer.show.reporters import Quiet

ROOT = Path(__file__).parent.parent.parent


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=3)
    found = []
    for seed in range(parser.parse_args().seeds):
        net = netspec.load(ROOT / "specs" / "lenet.yaml", set={"train.seed": seed})
        with tempfile.TemporaryDirectory() as place:
            result = train(net, run=Path(place) / "run", device="cpu", reporter=Quiet(), report=False)
        found.append(result.records[-1])
        print(f"seed {seed}: {result.line}; {result.examples_per_second:,.0f} examples/s", flush=True)
    loss = statistics.mean(record.train_loss for record in found)
    accuracy = statistics.mean(record.train_accuracy or 0.0 for record in found)
    good = 0.45 <= loss <= 0.48 and 0.815 <= accuracy <= 0.835
    print(f"mean train loss {loss:.4f} (0.45 to 0.48), mean train accuracy {accuracy:.4f} (0.815 to 0.835)")
    sys.exit(0 if good else 1)


if __name__ == "__main__":
    main()
