"""Hot swap: a new release is picked up while the recogniser runs."""

from __future__ import annotations

import logging
import threading
import time
from typing import TYPE_CHECKING

from gallery.errors import GalleryCorruptError, GalleryError
from gallery.search.open import open_gallery
from gallery.store.store import CURRENT
from gallery.store.withdrawn import WITHDRAWN_FILE
from gallery.threads import Worker

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from gallery.search.open import Index
    from gallery.search.search import Gallery

log = logging.getLogger(__name__)

POLL_S = 0.25
CLOSE_S = 2.0
"""For a release that is just being opened; it is left alone after that, as the process ends."""
RETRY_S = 5.0
"""A release that cannot be opened is tried again this much later; the old one serves on."""


class GalleryWatcher:
    """The current release of a gallery, as one immutable object that changes between two frames.

    A thread looks at the `current` link, four times a second by default, opens and checks a new
    release while the old one serves, and then swaps one reference. Whoever holds a `Gallery` goes
    on with it; its files are released when the last one lets go. A release that cannot be used, for
    whatever reason, is reported in `error` and tried again later; the last good one stays in use.

    Args:
        folder: the gallery.
        model: identity of the embedder.
        index: see `open_gallery`.
        poll_s: how often to look.
        prepare: called in the thread with each new release before it is the gallery, to work out
            what a reader needs of it.
        local: people named on this device, watched and searched with the others.

    Raises:
        GalleryMissingError: there is no gallery to begin with.
        GalleryCorruptError: a file of it is damaged.
        ModelMismatchError: it was made for another embedder.
    """

    def __init__(
        self,
        folder: Path,
        model: str | None = None,
        *,
        index: Index = "exact",
        poll_s: float = POLL_S,
        prepare: Callable[[Gallery], object] = lambda _: None,
        local: Path | None = None,
    ) -> None:
        self._folder = folder
        self._model = model
        self._index: Index = index
        self._poll_s = poll_s
        self._prepare = prepare
        self.error: GalleryError | None = None
        self._local = local
        self._seen = self._mark()
        self._gallery = open_gallery(folder, model, index, local=local)
        self._stop = threading.Event()
        self._thread = Worker("gallery-watcher", self._watch)
        self._thread.start()

    @property
    def gallery(self) -> Gallery:
        """The newest release that could be opened; read it once per frame."""
        return self._gallery

    def __call__(self) -> Gallery:
        """Return `gallery`."""
        return self._gallery

    def close(self) -> None:
        """Stop watching; the gallery stays usable."""
        self._stop.set()
        self._thread.join(CLOSE_S)

    def _watch(self) -> None:
        retry_at = float("inf")
        while not self._stop.wait(self._poll_s):
            mark = self._mark()
            if mark is None or (mark == self._seen and time.monotonic() < retry_at):
                continue
            self._seen = mark
            retry_at = float("inf") if self._reload() else time.monotonic() + RETRY_S

    def _reload(self) -> bool:
        """Swap in the current release; False if it cannot be used."""
        before = self._gallery.release
        try:
            newer = open_gallery(self._folder, self._model, self._index, self._gallery, self._local)
            self._prepare(newer)
        except GalleryError as error:
            self._refuse(error)
            return False
        except Exception as error:
            # A gallery that we did not foresee must not end the thread that brings the next one.
            log.exception("gallery: release %d serves on", before)
            self._refuse(GalleryCorruptError(f"{self._folder}: cannot be used: {error!r}"))
            return False
        self.error = None
        self._gallery = newer
        log.info("gallery: release %d follows %d", newer.release, before)
        return True

    def _refuse(self, error: GalleryError) -> None:
        if str(error) != str(self.error):
            log.warning("gallery: release %d serves on: %s", self._gallery.release, error)
        self.error = error

    def _mark(self) -> tuple[tuple[int, int] | None, ...] | None:
        """Return what changes with each swap, mend or removal: inode and time of three names."""
        link = _stamp(self._folder / CURRENT)
        if link is None:
            return None
        own = _stamp(self._local / CURRENT) if self._local else None
        return link, _stamp(self._folder / WITHDRAWN_FILE), own


def _stamp(path: Path) -> tuple[int, int] | None:
    try:
        found = path.lstat()
    except OSError:
        return None
    return found.st_ino, found.st_mtime_ns
