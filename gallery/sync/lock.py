"""One updater for one folder of state."""

from __future__ import annotations

import fcntl
from contextlib import contextmanager
from typing import TYPE_CHECKING

from gallery.channel.errors import SyncSetupError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

LOCK = ".updater.lock"


@contextmanager
def only_updater(state: Path) -> Iterator[None]:
    """Keep other updaters out for the time of the block; the kernel lets go when we die.

    Raises:
        SyncSetupError: another one works there.
        OSError: the folder cannot be written to.
    """
    state.mkdir(parents=True, exist_ok=True)
    with (state / LOCK).open("a") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise SyncSetupError(
                f"{state}: another updater works on it, expected one alone; stop it, or give this "
                "one another --state and --gallery"
            ) from None
        yield
