"""The picture that belongs to a scene, for development and the demo; off by default in `run`.

One binary WebSocket message holds both, so that boxes sit on the faces whatever the delay: a
little-endian uint32 with the length of the scene's JSON, the JSON, then a JPEG.
"""

from __future__ import annotations

import asyncio
import contextlib
import struct
from typing import TYPE_CHECKING

import cv2

from edge.video.age import FRESH_S, now_s

if TYPE_CHECKING:
    from edge.video.frame import Picture

JPEG_QUALITY = 80
LONG_SIDE_PX = 960


class Preview:
    """Keeps the newest picture, encoded; encodes nothing while nobody looks."""

    def __init__(self) -> None:
        self._loop: asyncio.AbstractEventLoop | None = None
        self._changed: set[asyncio.Event] = set()
        self._newest = b"", 0.0

    def start(self, loop: asyncio.AbstractEventLoop) -> None:
        """Start handing out in this loop; readers of the previous loop are gone."""
        self._loop = loop
        self._changed.clear()

    @property
    def newest(self) -> bytes:
        """The newest picture with its scene; empty once it is old, and before the first."""
        picture, at_s = self._newest
        return picture if now_s() - at_s <= FRESH_S else b""

    def publish(self, picture: Picture, scene_json: bytes, at_s: float | None = None) -> None:
        """Take a picture and its scene as sent, from any thread; converted if somebody looks.

        Args:
            picture: the newest.
            scene_json: its scene.
            at_s: when it was captured, by `age.now_s`; now, when not given.
        """
        if not self._changed:
            return
        scale = min(1.0, LONG_SIDE_PX / max(picture.size))
        size = max(1, round(picture.size[0] * scale)), max(1, round(picture.size[1] * scale))
        small = picture.scaled(size) if scale < 1 else picture.to_frame().bgr
        jpeg = cv2.imencode(".jpg", small, [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY])[1]
        message = struct.pack("<I", len(scene_json)) + scene_json + jpeg.tobytes()
        self._newest = message, now_s() if at_s is None else at_s
        if self._loop is not None:
            with contextlib.suppress(RuntimeError):  # the loop has ended
                self._loop.call_soon_threadsafe(self._wake)

    def _wake(self) -> None:
        for changed in self._changed:
            changed.set()

    def join(self) -> asyncio.Event:
        """Return an event that is set at each new picture."""
        changed = asyncio.Event()
        self._changed.add(changed)
        return changed

    def leave(self, changed: asyncio.Event) -> None:
        """Forget a viewer."""
        self._changed.discard(changed)
