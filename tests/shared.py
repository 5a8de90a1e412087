"""What is made once for all workers of a run, and for both parts of `make test`."""

from __future__ import annotations

import fcntl
import os
import shutil
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

VARIABLE = "TVRADAR_TESTS_SHARED"
"""Names the folder; `tools/test.sh` sets it, else the first process of a run does."""


def open_shared() -> Path | None:
    """Make the folder, unless it is there; return it where the caller has to remove it."""
    if VARIABLE in os.environ:
        return None
    folder = tempfile.mkdtemp(prefix="tvradar-tests-")
    os.environ[VARIABLE] = folder
    return Path(folder)


@contextmanager
def alone_at(name: str) -> Iterator[Path]:
    """Keep all other processes of the run from this while it is done; give the folder's path."""
    root = Path(os.environ.get(VARIABLE, tempfile.gettempdir()))  # tools come without a run
    with (root / f"{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield root / name


def once(name: str, make: Callable[[Path], object]) -> Path:
    """Return a folder that was filled once; nobody may change what is in it.

    Args:
        name: of the folder.
        make: fills the folder, which is empty; where it fails, the next who asks tries again.
    """
    with alone_at(name) as folder:
        whole = folder.with_name(f"{name}.whole")
        if not whole.exists():
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir()
            make(folder)
            whole.touch()
    return folder
