"""The pages of the documents in their order: the navigation of the site, and the list in docs/index.md."""

from __future__ import annotations

from pathlib import Path
from typing import Final, NamedTuple

DOCS: Final = Path(__file__).resolve().parent.parent


class Entry(NamedTuple):
    """A page: the stem of its file, and a sentence that says what it is for."""

    page: str
    words: str

    @property
    def file(self) -> Path:
        """Where it stands in the repository."""
        return DOCS.parent / "CHANGELOG.md" if self.page == "changelog" else DOCS / f"{self.page}.md"

    @property
    def title(self) -> str:
        """Its heading."""
        first = self.file.read_text(encoding="utf-8").split("\n", 1)[0]
        return first.removeprefix("# ").strip()


class Section(NamedTuple):
    """A word of the navigation, with the pages below it."""

    page: str
    title: str
    words: str
    entries: tuple[Entry, ...]


SECTIONS: Final = (
    Section(
        "guide",
        "Guide",
        "To be read from top to bottom, or where it is needed.",
        (
            Entry("tutorial", "An hour with LeNet and AlexNet; also as a notebook."),
            Entry("language", "The whole language on one page, every example a spec that compiles."),
            Entry("plugins", "Layers of one's own, from a file beside the spec or an installed package."),
            Entry("importing", "The spec of a network that is there: a PyTorch module, ONNX, Keras, Hugging Face."),
            Entry("training", "One's own data, loss, metrics and callbacks; a run as an object."),
            Entry("machines", "Several processes and machines: torchrun, nets that do not fit, SLURM, SkyPilot, Ray."),
            Entry("serving", "A trained run as ONNX or a program of torch.export, its preprocessing inside."),
            Entry(
                "sweeps", "What a spec lets vary: trials by Optuna or a grid, by several processes, and their plots."
            ),
            Entry("notebooks", "Networks, comparisons and runs that show themselves; specs in cells."),
            Entry("programs", "Specs in a test suite, a Lightning module, a sweep; what other programs may ask."),
            Entry("mamba", "A published network with a layer of one's own, from the first line to a verified module."),
            Entry("study-alexnet", "LeNet, AlexNet and kernel methods held against the compiler."),
            Entry("editor", "Mistakes, shapes, mends and completion while typing, by a language server."),
            Entry("ci", "Specs checked on every push: exit statuses, annotations, a hook."),
        ),
    ),
    Section(
        "reference",
        "Reference",
        "Everything that can be written, and everything that netspec says; made from the classes and commands.",
        (
            Entry("layers", "Every layer: shapes, arguments, examples, cost."),
            Entry("recipes", "Every key of a recipe; data sets, transforms, optimizers, schedules, losses."),
            Entry("commands", "Every command and option, and the exit statuses."),
            Entry("errors", "Every code, with a spec that has the error and the same spec mended."),
            Entry("symptoms", "What other tools' messages mean, and where netspec says it."),
        ),
    ),
    Section(
        "shipped",
        "Networks",
        "What is shipped: drawn, counted, and held against the networks that others wrote.",
        (
            Entry("gallery", "The networks as netspec draws them."),
            Entry("networks", "140 published networks: the spec that says each, or what it lacks."),
            Entry("zoo", "Every shipped network, and the module that it is held against."),
        ),
    ),
    Section(
        "project",
        "Project",
        "How netspec is built, how fast it is, and how to take part.",
        (
            Entry("performance", "How fast training is, beside its peers."),
            Entry("architecture", "How the compiler is built."),
            Entry("contributing", "How to add a layer, a combinator, a command, a code."),
            Entry("security", "What a spec can do, what it cannot, and how to report a hole."),
            Entry("changelog", "What changed for users."),
        ),
    ),
)


def sections() -> list[Section]:
    """Those of `SECTIONS`, with the pages that are there."""
    return [s._replace(entries=tuple(e for e in s.entries if e.file.is_file())) for s in SECTIONS]


def listed() -> str:
    """The list of pages in docs/index.md."""
    lines: list[str] = []
    for section in sections():
        lines += [f"### {section.title}", "", section.words, "", "| page | |", "|---|---|"]
        for entry in section.entries:
            place = "../CHANGELOG.md" if entry.page == "changelog" else f"{entry.page}.md"
            lines.append(f"| [{entry.title}]({place}) | {entry.words} |")
        lines.append("")
    return "\n".join(lines)
