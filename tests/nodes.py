"""Runs over two machines: `python -m tests.nodes DIR` makes them network namespaces, for which it needs root.

Each node has its own network and runs `torchrun`; the nodes meet by the rendezvous that is named. What is held:

- two nodes end after 20 steps where one process ends, within 1e-6, in float64 and without batch norm;
- a node that is killed and started again goes on, and the run ends as one that nothing disturbed, to the bit.

The tests run a sample of this with the loopback addresses 127.0.0.1 and 127.0.0.2 in place of namespaces.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Generator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from safetensors.torch import load_file

from tests.train.programs import ROOT, descendants, environment, left_after
from tests.train.small_runs import whole_state

SPEC = """
name: nodes
input: [1, 8, 8]
layers:
  - Conv2d: {out_channels: 4, kernel_size: 3}
  - LayerNorm: {normalized_shape: [4, 6, 6]}
  - ReLU
  - Flatten
  - Linear: 5
train:
  data: given
  batch_size: 16
  epochs: 5
  optimizer: {AdamW: {lr: 0.01}}
  scheduler: CosineAnnealingLR
  schedule_by: step
  loss: CrossEntropyLoss
"""
STEPS = 20

PROGRAM = """
import sys, time
import torch
import netspec
from netspec.trainer.setup import assembly

build = assembly.build


def doubled(net, **options):  # a recipe has no float64, which training needs for bits beyond those of its rounding
    model = build(net, **options).double()
    model.register_forward_pre_hook(lambda module, inputs: tuple(x.double() for x in inputs))
    return model


assembly.build = doubled
generator = torch.Generator().manual_seed(0)
x = torch.randn(64, 1, 8, 8, generator=generator)
y = torch.randint(5, (64,), generator=generator)


class Slow(netspec.Callback):
    def after_step(self, event):
        time.sleep(float(sys.argv[3]))


net = netspec.load(sys.argv[1])
netspec.train(
    net, data=(x, y), run=sys.argv[2], auto_resume=True, callbacks=Slow(), device="cpu", report=False, quiet=True
)
"""


@dataclass(frozen=True)
class Node:
    """A machine, or what stands for one.

    Args:
        address: its address.
        interface: the network interface that has it.
        prefix: what runs a command there.
    """

    address: str
    interface: str
    prefix: tuple[str, ...] = ()


LOOPBACK = (Node("127.0.0.1", "lo"), Node("127.0.0.2", "lo"))


@contextmanager
def namespaces() -> Generator[Sequence[Node]]:
    """Two network namespaces with a cable between them."""
    names = [f"netspec-{os.getpid()}-{letter}" for letter in "ab"]
    ends = [f"ns{os.getpid()}{letter}" for letter in "ab"]
    addresses = ["10.77.0.1", "10.77.0.2"]
    with ExitStack() as stack:
        for name in names:
            _ip("netns", "add", name)
            stack.callback(_ip, "netns", "delete", name)
        _ip("link", "add", ends[0], "type", "veth", "peer", "name", ends[1])
        for name, end, address in zip(names, ends, addresses, strict=True):
            _ip("link", "set", end, "netns", name)
            _ip("-n", name, "address", "add", f"{address}/24", "dev", end)
            _ip("-n", name, "link", "set", end, "up")
            _ip("-n", name, "link", "set", "lo", "up")
        yield [Node(a, e, ("ip", "netns", "exec", n)) for n, e, a in zip(names, ends, addresses, strict=True)]


def _ip(*words: str) -> None:
    subprocess.run(["ip", *words], check=True)


@dataclass(frozen=True)
class Job:
    """A run over two nodes.

    Args:
        nodes: the machines; the first one hosts the rendezvous.
        rendezvous: `c10d`, by which workers start again after a failure, or `static`.
        port: where the first node listens.
        folder: has the program and the spec; the output of each `torchrun` is written there.
        run: the run directory.
        pause: seconds to wait after each step.
    """

    nodes: Sequence[Node]
    rendezvous: str
    port: int
    folder: Path
    run: Path
    pause: float = 0.0

    def start(self, rank: int) -> subprocess.Popen[bytes]:
        """Run `torchrun` on a node."""
        node, first = self.nodes[rank], self.nodes[0].address
        how = (
            ["--rdzv-backend", "c10d", "--rdzv-endpoint", f"{first}:{self.port}", "--rdzv-id", "1",
             "--max-restarts", "3", "--rdzv-conf", f"is_host={int(rank == 0)},keep_alive_interval=1"]
            if self.rendezvous == "c10d"
            else ["--node-rank", str(rank), "--master-addr", first, "--master-port", str(self.port)]
        )  # fmt: skip
        command = [
            *node.prefix, sys.executable, "-m", "torch.distributed.run", "--nnodes", "2", "--nproc-per-node", "1",
            "--local-addr", node.address, *how, str(self.folder / "program.py"), str(self.folder / "nodes.yaml"),
            str(self.run), str(self.pause),
        ]  # fmt: skip
        variables = {"GLOO_SOCKET_IFNAME": node.interface, "TORCH_DISABLE_SHARE_RDZV_TCP_STORE": "1"}
        with (self.folder / f"{self.run.name}-{rank}.log").open("ab") as log:
            return subprocess.Popen(command, cwd=ROOT, env=environment(variables), stdout=log, stderr=log)

    def finish(self, *torchruns: subprocess.Popen[bytes], seconds: float = 180.0) -> list[int]:
        """The exit statuses of what was started."""
        return [torchrun.wait(seconds) for torchrun in torchruns]

    def until_checkpoint(self, step: int, seconds: float = 120.0) -> None:
        """Wait until the run has a checkpoint of a step or of a later one."""
        end = time.monotonic() + seconds
        while not any(int(p.name[5:]) >= step for p in (self.run / "checkpoints").glob("step-????????")):
            if time.monotonic() > end:
                raise AssertionError(f"{self.run} has no checkpoint of step {step} after {seconds} s")
            time.sleep(0.02)


def kill(torchrun: subprocess.Popen[bytes]) -> None:
    """End a `torchrun` and all it has started, as when the machine loses its power."""
    everything = [torchrun.pid, *descendants(torchrun.pid)]
    for pid in everything:
        os.kill(pid, signal.SIGKILL)
    torchrun.wait()
    assert left_after(set(everything), 30.0) == set()


def prepare(folder: Path) -> None:
    """Write what the nodes run."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "program.py").write_text(PROGRAM)
    (folder / "nodes.yaml").write_text(SPEC)


def alone(folder: Path) -> Path:
    """The run of one process."""
    command = [sys.executable, folder / "program.py", folder / "nodes.yaml", folder / "alone", "0"]
    subprocess.run(command, cwd=ROOT, env=environment(), check=True, timeout=300)
    return folder / "alone"


def difference(first: Path, second: Path) -> float:
    """The largest difference between the final weights of two runs, which are float64."""
    a, b = (load_file(run / "model.safetensors") for run in (first, second))
    assert a.keys() == b.keys()
    assert all(str(value.dtype) == "torch.float64" for value in a.values())
    return max(float((a[key] - b[key]).abs().max()) for key in a)


def killed_and_started_again(job: Job, rank: int) -> None:
    """Run a job, kill a node behind a checkpoint, and start again what has ended."""
    torchruns = [job.start(0), job.start(1)]
    job.until_checkpoint(8)
    kill(torchruns[rank])
    if job.rendezvous == "static":  # the other one ends, since nothing waits for a node that comes back
        assert torchruns[1 - rank].wait(60) != 0
        torchruns = [job.start(0), job.start(1)]
    else:
        torchruns[rank] = job.start(rank)
    assert job.finish(*torchruns) == [0, 0], job.folder


def main(folder: Path) -> None:
    """Hold what the docstring of this module says, and print it."""
    prepare(folder)
    one, port = alone(folder), 29600
    with namespaces() as nodes:
        for rendezvous in ("c10d", "static"):
            whole = Job(nodes, rendezvous, port, folder, folder / f"{rendezvous}-whole")
            assert whole.finish(whole.start(0), whole.start(1)) == [0, 0], folder
            apart = difference(one, whole.run)
            print(f"{rendezvous}: two nodes and one process after {STEPS} steps: {apart:.1e} apart", flush=True)
            assert apart < 1e-6
            ranks = (1,) if rendezvous == "c10d" else (0, 1)  # the first node hosts the rendezvous of c10d
            for rank in ranks:
                port += 1
                run = folder / f"{rendezvous}-killed-{rank}"
                began = time.monotonic()
                killed_and_started_again(Job(nodes, rendezvous, port, folder, run, 0.2), rank)
                assert whole_state(run) == whole_state(whole.run)
                took = time.monotonic() - began
                print(f"{rendezvous}: node {rank} killed and started again: equal to the bit, {took:.0f} s", flush=True)
            port += 1


if __name__ == "__main__":
    main(Path(sys.argv[1]).absolute())
