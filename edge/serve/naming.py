"""A viewer names a stranger: one face waits in memory, and is stored only after a yes."""

from __future__ import annotations

import asyncio
import contextlib
import time
from typing import TYPE_CHECKING, Literal

from edge.recognise.commands import FaceCopy
from gallery.errors import GalleryError
from gallery.store.local import add_person, erase_person

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from edge.serve.ports import FacesPort
    from gallery.store.person import Person

FRAME_S = 2.0
"""A source without a picture for so long has no face to copy."""
WAITS_S = 300.0
"""A face that nobody names in this time is forgotten."""

NotBegun = Literal["gone", "poor"]


class Naming:
    """Holds the face that waits; call it within the server's loop.

    Args:
        faces: copies a face out of a track.
        folder: of the local gallery.
        clock: seconds that go on.
    """

    def __init__(
        self, faces: FacesPort, folder: Path, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._faces, self._folder, self._clock = faces, folder, clock
        self._waiting: tuple[FaceCopy, float] | None = None
        self._writing = asyncio.Lock()

    @property
    def waiting(self) -> FaceCopy | None:
        """The face that waits for its name."""
        if self._waiting is not None and self._clock() - self._waiting[1] > WAITS_S:
            self._waiting = None
        return self._waiting[0] if self._waiting else None

    async def begin(self, track: int) -> FaceCopy | NotBegun:
        """Copy a face; the one that waited before is forgotten."""
        self._waiting = None
        asked = asyncio.wrap_future(self._faces.ask_face(track))
        try:
            found = await asyncio.wait_for(asked, FRAME_S)
        except (asyncio.TimeoutError, asyncio.CancelledError):
            return "gone"
        if isinstance(found, FaceCopy):
            self._waiting = found, self._clock()
            asyncio.get_running_loop().call_later(WAITS_S, lambda: self.waiting)
        return found

    def cancel(self) -> None:
        """Forget the face that waits."""
        self._waiting = None

    async def save(self, name: str) -> Person | None:
        """Store the face under a name, None where none waits.

        Raises:
            GalleryError: the name or the disk does not allow it; the face goes on waiting.
        """
        async with self._writing:
            face = self.waiting
            if face is None:
                return None
            person = await asyncio.to_thread(
                add_person, self._folder, name, face.template, face.photo, face.model
            )
            self._waiting = None
            return person

    async def undo(self, person_id: str) -> bool:
        """Erase somebody who was named here; false where there is nobody."""
        async with self._writing:
            with contextlib.suppress(GalleryError):
                await asyncio.to_thread(erase_person, self._folder, person_id)
                return True
        return False
