"""Codes of errors while a command runs. They have no place in a spec."""

from __future__ import annotations

from netspec.codes.base import Page
from netspec.diagnostics import Code

WORK: dict[Code, Page] = {
    "wrong-usage": Page(
        "The command line, or the arguments of a call, are wrong.",
        "An option, a file that cannot be read, a variant that there is not, a run that cannot be resumed so. Commands "
        "end with status 2.",
    ),
    "bad-plugin": Page(
        "A plugin cannot be used.",
        "A module or distribution that `--plugin` names, or a class that `plugins=` or `layers=` gives: it is not "
        "there, raises when it is imported, has no layers and no parts of recipes, has one of the name of another, one "
        "that is none, or one whose module is not what its rule says. The message says where. docs/plugins.md says how "
        "those of one's own are written. Commands end with status 2.",
    ),
    "not-importable": Page(
        "What `netspec import` is given describes no network that a spec can say.",
        "A file is damaged, its family is not known, or a key of it says what no layer does; the message names each "
        "such key, of a Keras file with its layer, of an ONNX file the node, of a program of torch.export the operator "
        "with its line: what a Lambda or a class of somebody's own computes is code, which is not run, and what is "
        "pickled is not opened. A module does what no item says, or another thing in training mode or with another "
        "batch; the message names the lines of its code. Nothing is written: a spec that is nearly right would be "
        "another network. Commands end with status 1.",
    ),
    "not-exportable": Page(
        "A net has an operation that the form of the file lacks.",
        "`netspec export` names the layer, with its line in the run's own spec. What ONNX lacks, `--to pt2` can "
        "write where torch.export follows it. Nothing is written. Commands end with status 1.",
    ),
    "export-differs": Page(
        "What `netspec export` made does not give what the run gives.",
        "It was run on made-up examples, and a value is further than 1e-4 from the run's own, of the largest of that "
        "output, or of 1 where that is smaller; or onnxruntime cannot run it. Nothing is written: `--no-verify` writes "
        "it all the same, for a look at it. Commands end with status 1.",
    ),
    "weights-mismatch": Page(
        "Weights do not belong to the network that they are to be carried over to.",
        "The message names the layers that differ. Where the import of a module wrote a map of the keys beside the "
        "spec, net.keys.json beside net.yaml, weights of that module are wanted, and the message names the line of the "
        "map. Commands end with status 2.",
    ),
    "missing-extra": Page(
        "An optional part is not installed.",
        "The message ends with the line that installs it. Commands end with status 3.",
    ),
    "not-finite": Page(
        "Training, or a trained network, gave a value that is not finite.",
        "The parameters are those from before the step that gave it. The message names the layer where it arose; a "
        "smaller learning rate, `clip_grad_norm` or more bits of precision are what helps most often. Commands end "
        "with status 4.",
    ),
    "callback-failed": Page(
        "A callback that a program gave `netspec.train` raised an error.",
        "The message names the callback and what it raised. The state of the run is saved: once it is mended, "
        "`netspec.train(net, resume=RUN, …)` goes on from there. docs/training.md says what a callback is given.",
    ),
    "no-valid-trial": Page(
        "No point of a sweep is a network that may be trained.",
        "Each was rejected: it does not compile, or is more than `limit:` admits. The message says which reasons there "
        "were and how often, with a point for each. `netspec sweep SPEC --dry-run` counts them without training. "
        "Commands end with status 1.",
    ),
    "resource-failed": Page(
        "Memory, a disk or data failed.",
        "Data are missing, are damaged or do not fit the network, the disk is full, or another process of the run is "
        "gone. Commands end with status 5.",
    ),
    "out-of-memory": Page(
        "There is less memory than is needed.",
        "Of a training step the message says what it needs by estimate, what was in use, and which batch should fit. "
        "Commands end with status 5.",
    ),
    "damaged-checkpoint": Page(
        "A checkpoint cannot be used.",
        "A file of it is missing, or is not what its manifest says. Commands end with status 5.",
    ),
    "does-not-fit": Page(
        "A training step takes more than the memory that `--memory` names.",
        "A smaller `--batch` keeps less for the backward pass. Commands end with status 6.",
    ),
    "own-defect": Page(
        "netspec contradicts itself or torch.",
        "That is a defect of netspec's own, to be reported. Commands end with status 70.",
    ),
    "run-interrupted": Page(
        "Training was stopped, with a checkpoint written.",
        "`netspec train --resume RUN` goes on from there. Commands end with status 75.",
    ),
}
