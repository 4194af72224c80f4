"""Nodes → checked arguments. The one place where pydantic's errors become diagnostics.

A `Reader` turns the node under `Conv2d:`, `SGD:` or `Resize:` into an instance of the model of that name, evaluating
expressions on the way, or reports why it cannot. `reports.py` keeps the findings, `values.py` reads single values,
`reader.py` the arguments of one thing, by `plans.py` where they are plain; `mistakes.py` tells what is wrong with them.
"""

from netspec.validation.reader import Reader as Reader
from netspec.validation.reports import Reports as Reports
from netspec.validation.values import FAILED as FAILED
