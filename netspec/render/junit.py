"""Findings as JUnit's XML, which build servers show as tests: a file is a test, which fails for what is wrong in it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import PurePath
from xml.etree import ElementTree as Xml

from netspec.diagnostics import Diagnostic
from netspec.render import render_text
from netspec.render.lines import printable


def render_junit(
    files: Mapping[str, Sequence[Diagnostic]],
    sources: Mapping[str, str],
    *,
    unread: Mapping[str, str],
    failing: Sequence[str],
) -> str:
    """One test suite with a test for each file.

    Args:
        files: file name → what was found in it.
        sources: file name → text, of which lines are quoted.
        unread: file name → the message why it could not be read: a test that could not run.
        failing: the severities that make a test fail; what is less is the output of a test that passes.
    """
    wrong = {name: [d for d in found if d.severity in failing] for name, found in files.items()}
    counts = {
        "tests": len(files) + len(unread),
        "failures": sum(map(bool, wrong.values())),
        "errors": len(unread),
    }
    whole = Xml.Element("testsuites", {"name": "netspec", **{key: str(count) for key, count in counts.items()}})
    suite = Xml.SubElement(whole, "testsuite", {
        "name": "netspec check", **{key: str(count) for key, count in counts.items()}, "skipped": "0",
    })  # fmt: skip
    for name, found in files.items():
        case = _case(suite, name)
        if wrong[name]:
            first = wrong[name][0]
            more = len(wrong[name]) - 1
            message = printable(first.message) + (f" (and {more} more)" if more else "")
            failure = Xml.SubElement(case, "failure", {"type": first.code, "message": message})
            failure.text = _block(found, sources)
        elif found:
            Xml.SubElement(case, "system-out").text = _block(found, sources)
    for name, message in unread.items():
        Xml.SubElement(_case(suite, name), "error", {"type": "wrong-usage", "message": printable(message)})
    Xml.indent(whole)
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + Xml.tostring(whole, encoding="unicode")


def _case(suite: Xml.Element, name: str) -> Xml.Element:
    shown = printable(name)
    pure = PurePath(shown)
    return Xml.SubElement(suite, "testcase", {"classname": pure.parent.as_posix(), "name": pure.name, "file": shown})


def _block(found: Sequence[Diagnostic], sources: Mapping[str, str]) -> str:
    return f"\n{render_text(found, sources, width=100)}\n"
