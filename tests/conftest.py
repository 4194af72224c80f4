"""Settings of all tests.

- In CI, hypothesis generates the same examples in every run.
- `--without-torch` runs only the tests that need no torch.
- `--passed=FILE` writes which tests have passed; `--but-for=FILE` leaves those out. In one word, since pytest looks for
  this file beside what stands alone on its command line.
- Only the tests marked `gpu` see a GPU.
- Torch uses one thread.
- The cache is in a temporary folder instead of the user's.
- Python keeps what it has compiled, also where it is told not to: a run imports netspec in hundreds of processes.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Iterator
from importlib.util import find_spec
from pathlib import Path

import pytest
from hypothesis import settings

from netspec.diagnostics import MissingExtra
from tests.browser import CHROMIUM, MISSING, Page, browser
from tests.collector import set_aside

sys.dont_write_bytecode = False
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
os.environ["OMP_NUM_THREADS"] = "1"  # set before torch is imported: OpenMP threads spin while they wait

settings.register_profile("ci", derandomize=True, deadline=None)
if os.environ.get("CI"):
    settings.load_profile("ci")

EXTRAS = frozenset({"torch", "torchvision", "safetensors", "matplotlib"})
ROOMS_OF_TORCH = frozenset({Path(__file__).parent / "torch", Path(__file__).parent / "train"})


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--without-torch", action="store_true", help="run what netspec does where torch is missing")
    parser.addoption("--passed", type=Path, metavar="FILE", help="write which tests have passed")
    parser.addoption("--but-for", type=Path, metavar="FILE", help="leave out what has passed elsewhere")


def pytest_configure(config: pytest.Config) -> None:
    if "gpu" not in str(config.option.markexpr).replace("not gpu", ""):
        os.environ["CUDA_VISIBLE_DEVICES"] = ""  # the other tests compare training with the bits of a CPU
    if config.getoption("--without-torch") and (installed := sorted(filter(find_spec, EXTRAS))):
        raise pytest.UsageError(f"--without-torch wants an environment without {', '.join(installed)}")


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Leave out the folders whose own conftest needs torch."""
    return True if config.getoption("--without-torch") and collection_path in ROOMS_OF_TORCH else None


class TorchFreeModule(pytest.Module):
    """A test module that is skipped where it imports an extra."""

    def collect(self) -> Iterable[pytest.Item | pytest.Collector]:
        try:
            return super().collect()
        except self.CollectError as error:
            missing = error.__cause__
            if isinstance(missing, ModuleNotFoundError) and missing.name in {*EXTRAS, "numpy"}:
                pytest.skip(f"imports {missing.name}", allow_module_level=True)
            raise
        except MissingExtra as error:
            pytest.skip(str(error), allow_module_level=True)


def pytest_pycollect_makemodule(module_path: Path, parent: pytest.Collector) -> pytest.Module | None:
    if parent.config.getoption("--without-torch"):
        return TorchFreeModule.from_parent(parent, path=module_path)
    return None


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if config.getoption("--without-torch"):
        for item in items:
            if item.get_closest_marker("needs_torch"):
                item.add_marker(pytest.mark.skip(reason="needs torch"))
    if config.getoption("--but-for"):
        elsewhere = set(config.getoption("--but-for").read_text(encoding="utf-8").splitlines())
        config.hook.pytest_deselected(items=[item for item in items if _line(item.nodeid) in elsewhere])
        items[:] = [item for item in items if _line(item.nodeid) not in elsewhere]


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    if config.getoption("--passed"):
        passed = [_line(report.nodeid) for report in terminalreporter.stats.get("passed", ())]
        config.getoption("--passed").write_text("\n".join(passed), encoding="utf-8")


def _line(name: str) -> str:
    """The name of a test, which may hold any character, in one line."""
    return ascii(name)


@pytest.fixture(autouse=True, scope="session")
def _set_aside() -> Iterator[None]:
    """Each run begins by collecting garbage, which takes longer than a small epoch where thousands of tests are held.

    `test_undisturbed.py` takes this back: there a run sets aside what is alive by itself.
    """
    with set_aside():
        yield


@pytest.fixture(autouse=True, scope="session")
def _own_cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    os.environ["NETSPEC_CACHE"] = str(tmp_path_factory.mktemp("cache"))
    yield
    del os.environ["NETSPEC_CACHE"]


@pytest.fixture(scope="session")
def page() -> Iterator[Page]:
    """A tab of a headless Chromium, which all tests of a run share; where there is none they are skipped."""
    if CHROMIUM is None:
        pytest.skip(MISSING)
    with browser() as tab:
        yield tab
