"""The gallery of the newest frame."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from gallery.errors import GalleryError

if TYPE_CHECKING:
    from gallery.search.search import Gallery
    from gallery.search.watch import GalleryWatcher
    from gallery.store.person import Person

log = logging.getLogger(__name__)


class People:
    """The gallery of the newest frame: people are described by the release that named them.

    A release that arrives while a frame is recognised counts from the next frame on, for the names
    and for what is said about them.
    """

    def __init__(self, watcher: GalleryWatcher) -> None:
        self._watcher = watcher
        self.gallery = watcher.gallery

    def next_frame(self) -> Gallery:
        """Return the newest release, which serves until this is called again."""
        self.gallery = self._watcher.gallery
        return self.gallery

    def person(self, person_id: str) -> Person | None:
        """Return a person, or None."""
        try:
            return self.gallery.person(person_id)
        except GalleryError:
            return None

    def release(self) -> int:
        """Return the release in use."""
        return self.gallery.release
