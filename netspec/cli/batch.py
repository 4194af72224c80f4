"""The files by which a cluster starts `torchrun` on each of its machines: a script for SLURM, a task for SkyPilot.

What they say is text for the shell, so every name that a person has chosen is quoted.
"""

from __future__ import annotations

import json
import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from textwrap import indent


@dataclass(frozen=True)
class Job:
    """What is to run where.

    Args:
        name: what the scheduler calls it.
        nodes: the number of machines.
        gpus: the GPUs of each, as the scheduler names them (`8`, `H100:8`); None for none.
        processes: the processes of each machine.
        arguments: those of `netspec train`, `--auto-resume` among them.
        run: the run directory.
    """

    name: str
    nodes: int
    gpus: str | None
    processes: int
    arguments: Sequence[str]
    run: str


def slurm(job: Job, *, time: str | None, grace: int, python: str, folder: str, more: Sequence[str]) -> str:
    """The script that `sbatch` takes.

    Args:
        job: what is to run.
        time: the limit; None for that of the partition.
        grace: the seconds before the limit at which SLURM sends USR1.
        python: the interpreter.
        folder: where to run.
        more: further options of `sbatch`.
    """
    options = [
        f"--job-name={job.name}", f"--nodes={job.nodes}", "--ntasks-per-node=1",
        *([] if job.gpus is None else [f"--gpus-per-node={job.gpus}"]),
        *([] if time is None else [f"--time={time}"]),
        f"--signal=USR1@{grace}", "--requeue", "--open-mode=append", f"--output={job.name}-%j.out", *more,
    ]  # fmt: skip
    return _SLURM.format(
        options="\n".join(f"#SBATCH {option}" for option in options),
        grace=grace,
        folder=shlex.quote(folder),
        python=shlex.quote(python),
        run=shlex.quote(job.run),
        nodes=job.nodes,
        processes=job.processes,
        arguments=shlex.join(job.arguments),
    )


_SLURM = """\
#!/bin/bash
# Written by `netspec launch`. The job goes on by itself: {grace} s before its limit SLURM sends USR1, at which the run
# writes a checkpoint and ends, and the last lines put the job into the queue again.
{options}

cd {folder} || exit
run={run}
host=$(scontrol show hostnames "$SLURM_JOB_NODELIST" | head -n 1)
port=$((20000 + SLURM_JOB_ID % 20000))
# Without this, a machine that joins again after a failure waits for a store that the others no longer use.
export TORCH_DISABLE_SHARE_RDZV_TCP_STORE=1

# USR1 is for the run, which heeds it all the same, and not for torchrun, which it would end.
srun bash -c 'trap "" USR1; exec "$@"' node {python} -m torch.distributed.run \\
    --nnodes {nodes} --nproc-per-node {processes} \\
    --rdzv-backend c10d --rdzv-endpoint "$host:$port" --rdzv-id "$SLURM_JOB_ID" \\
    -m -- netspec train {arguments}
status=$?

# torchrun makes 1 of every status, so the run says with a file that a signal has interrupted it.
if [ -e "$run/interrupted" ]; then
    scontrol requeue "$SLURM_JOB_ID"
fi
exit $status
"""


def sky(job: Job, *, bucket: str | None) -> str:
    """The task that `sky launch` and `sky jobs launch` take.

    Args:
        job: what is to run.
        bucket: the address of the storage that has the run directory; None if something else makes it one directory
            for all machines.
    """
    resources = [] if job.gpus is None else [f"resources:\n  accelerators: {json.dumps(job.gpus)}"]
    mounts = [] if bucket is None else [_MOUNT.format(run=json.dumps(job.run), bucket=json.dumps(bucket))]
    command = _SKY.format(processes=job.processes, arguments=shlex.join(job.arguments))
    parts = [
        "# Written by `netspec launch`. The same command begins the run and goes on with it.",
        f"name: {json.dumps(job.name)}",
        f"num_nodes: {job.nodes}",
        *resources,
        "workdir: .",
        *mounts,
        "setup: |\n  python -m pip install 'netspec-compiler[torch]'",
        "run: |\n" + indent(command, "  "),
    ]
    return "\n".join(parts)


_MOUNT = """\
file_mounts:
  {run}:
    source: {bucket}
    mode: MOUNT_CACHED  # checkpoints are renamed when they are whole, which MOUNT cannot do"""

_SKY = """\
host=$(echo "$SKYPILOT_NODE_IPS" | head -n 1)
python -m torch.distributed.run \\
    --nnodes "$SKYPILOT_NUM_NODES" --node-rank "$SKYPILOT_NODE_RANK" --nproc-per-node {processes} \\
    --master-addr "$host" --master-port 29500 \\
    -m -- netspec train {arguments}
"""
