"""The specs that are part of netspec, by the names that `netspec new --from` takes."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from netspec.diagnostics import UsageError, as_near, did_you_mean, is_near
from netspec.text.source import MapNode, Source, parse

_MOST: Final = 4
"""Names that a message offers in the place of one."""
_PACKAGE: Final = Path(__file__).parent.parent


def specs() -> dict[str, Path]:
    """Name of a spec, such as `d2l/resnet18` → file, those in outer folders first.

    In a wheel the specs are inside the package; in a checkout they are beside it.
    """
    inside = _PACKAGE / "specs"
    root = inside if inside.is_dir() else _PACKAGE.parent / "specs"
    files = sorted(root.rglob("*.yaml"), key=lambda file: (len(file.parts), file))
    return {file.relative_to(root).with_suffix("").as_posix(): file for file in files}


def shipped(name: str) -> Path:
    """The file of a spec by its name: `lenet`, or with its folder `d2l/lenet`.

    Raises:
        UsageError: there is no such spec, or there are several in different folders; the message lists them.
    """
    known = specs()
    if not known:
        raise UsageError("this installation of netspec has lost its specs: install it again")
    if name in known:
        return known[name]
    found = [path for path in known if path.endswith(f"/{name}")]
    if len(found) == 1:
        return known[found[0]]
    if found:
        raise UsageError(f"several specs are called `{name}`: say {' or '.join(f'`{path}`' for path in found)}")
    stems = {path.rpartition("/")[2]: path for path in known}
    homes = {variant: path for path, file in known.items() for variant in variants(file)}
    if name in homes:
        path = homes[name]
        raise UsageError(f"`{name}` is a variant of `{path}`: say `--from {path}`, and then `--variant {name}`")
    near = _nearest(name, [*stems, *known, *homes])
    outer = [path for path in known if "/" not in path]
    hint = f"did you mean {_one_of(near)}?" if near else f"there are {', '.join(outer)}"
    folders = sorted({f"{path.partition('/')[0]}/" for path in known if "/" in path})
    more = "" if near else f", and {len(known) - len(outer)} more in {', '.join(folders)}"
    raise UsageError(f"there is no spec `{name}` to start from; {hint}{more}")


def _nearest(name: str, known: list[str]) -> list[str]:
    """A few names of which one may be meant: those that begin so, or are as near as the nearest."""
    near = did_you_mean(name, known)
    if near is None or not is_near(name, near):
        return []
    begun = [one for one in known if len(name) > 2 and one.rpartition("/")[2].startswith(name)]
    return list(dict.fromkeys(begun or as_near(name, near, known)))[:_MOST]


def _one_of(names: list[str]) -> str:
    *before, last = (f"`{name}`" for name in names)
    return f"{', '.join(before)} or {last}" if before else last


def variants(file: Path) -> list[str]:
    """The names of the variants of a spec file."""
    return variants_in(Source(file.name, file.read_text(encoding="utf-8")))


def variants_in(source: Source) -> list[str]:
    """The names of the variants of a spec; none of one that cannot be read."""
    root, _ = parse(source)
    block = root.get("variants") if isinstance(root, MapNode) else None
    return [key.text for key, _ in block.entries] if isinstance(block, MapNode) else []
