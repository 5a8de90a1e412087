"""Fixtures that all tests share."""

from __future__ import annotations

import os
import shutil
import signal
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import settings

from tests.free import Free, make_free
from tests.shared import once, open_shared

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).resolve().parent.parent


# A shell starts what runs in its background with Ctrl-C ignored, and children inherit that.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

# What INT8 file this machine's cache happens to hold must not decide what is tested.
os.environ.setdefault("TVRADAR_PRECISION", "fp32")


# What a busy machine makes slow is not wrong; time is measured in benchmarks.
settings.register_profile("tvradar", deadline=None)
settings.load_profile("tvradar")


LONG_FIRST = ("test_soak.py", "field", "sync", "calibration")
"""Begun first, so that no worker is left with one of them at the end."""


def pytest_configure(config: pytest.Config) -> None:
    """Make the folder of what is made once; workers inherit its name."""
    if folder := open_shared():
        config.add_cleanup(lambda: shutil.rmtree(folder, ignore_errors=True))


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Leave out files without the tests that are asked for: to import all takes ten seconds."""
    if config.getoption("markexpr") != "alone" or collection_path.suffix != ".py":
        return None
    return "mark.alone" not in collection_path.read_text() or None


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put what takes longest first."""

    def rank(item: pytest.Item) -> int:
        places = [i for i, name in enumerate(LONG_FIRST) if name in item.path.parts]
        return min(places, default=len(LONG_FIRST))

    items.sort(key=rank)


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    """Note what passes only on its second try, for `tools/test.sh` to name."""
    noted = os.environ.get("TVRADAR_SECOND_TRY")
    if noted and report.when == "call" and report.passed:
        with Path(noted).open("a", encoding="utf-8") as file:
            file.write(f"{report.nodeid}\n")


@pytest.fixture(scope="session")
def data_dir() -> Path:
    """Return the folder of real pictures, which is no part of the project."""
    path = Path(os.environ.get("TVRADAR_TEST_DATA", ROOT.parent / "shared" / "data"))
    if not (path / "sitcom").is_dir():
        pytest.skip(f"{path}: no test data there; set TVRADAR_TEST_DATA")
    return path


@pytest.fixture(scope="session")
def free() -> Free:
    """Return free pictures and a short film; all that tests function and not accuracy runs on."""
    return Free.within(once("free", make_free))


@pytest.fixture(autouse=True)
def _priority() -> Iterator[None]:
    """Refuse a test that lowers the priority of all that come after it: there is no way back."""
    before = os.getpriority(os.PRIO_PROCESS, 0)
    yield
    assert os.getpriority(os.PRIO_PROCESS, 0) == before, "it runs `give_way` in pytest's own thread"
