"""Small pictures of the scenes of "only watch this person", in memory and nowhere else.

One is kept where somebody comes into the picture, and then each few seconds, while they are named.
"""

from __future__ import annotations

import bisect
import threading
from typing import TYPE_CHECKING, NamedTuple

import cv2

if TYPE_CHECKING:
    from edge.recognise.scene import Scene
    from edge.serve.ports import PlayerPort
    from edge.video.frame import Frame

HEIGHT_PX = 144
JPEG_QUALITY = 70
EVERY_S = 5.0
MOST = 600
"""About 6 KB each: less than 4 MB."""
SLACK_S = 0.002
"""Places are told in thousandths of a second."""


class _Still(NamedTuple):
    position_s: float
    jpeg: bytes


class Stills:
    """Keeps the pictures; a `SceneSink`, and asked by the server from any thread.

    Args:
        player: knows where in the source a frame is.
        most: how many are kept; the oldest go first.
    """

    def __init__(self, player: PlayerPort, *, most: int = MOST) -> None:
        self._player, self._most = player, most
        self._lock = threading.Lock()
        self._kept: list[_Still] = []
        self._age: list[float] = []
        self._named: frozenset[str] = frozenset()
        self._last_s = float("-inf")

    def take(self, frame: Frame, scene: Scene) -> None:
        """Keep the picture where it is wanted."""
        named = frozenset(face.id for face in scene.faces if face.id)
        came, self._named = named - self._named, named
        if not named:
            return
        place_s = self._player.position_s(frame.pts_s)
        if place_s is None or not (came or abs(place_s - self._last_s) >= EVERY_S):
            return
        position_s = round(place_s, 3)
        if self.near(position_s, position_s + 1.0) is not None:
            return  # a film that is shown again
        self._last_s = position_s
        width, height = frame.size
        small = frame.scaled((max(1, round(width * HEIGHT_PX / height)), HEIGHT_PX), sampled=True)
        jpeg = cv2.imencode(".jpg", small, [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY])[1].tobytes()
        self._keep(_Still(position_s, jpeg))

    def near(self, start_s: float, end_s: float) -> float | None:
        """Return where the first picture of an interval is, None where there is none."""
        with self._lock:
            at = bisect.bisect_left(self._kept, (start_s - SLACK_S, b""))
            if at == len(self._kept) or self._kept[at].position_s > end_s:
                return None
            return self._kept[at].position_s

    def at(self, position_s: float) -> bytes:
        """Return the JPEG of exactly this place, empty where there is none."""
        with self._lock:
            at = bisect.bisect_left(self._kept, (position_s, b""))
            found = self._kept[at : at + 1]
        return found[0].jpeg if found and found[0].position_s == position_s else b""

    def _keep(self, still: _Still) -> None:
        with self._lock:
            at = bisect.bisect_left(self._kept, (still.position_s, b""))
            if self._kept[at : at + 1] and self._kept[at].position_s == still.position_s:
                return
            self._kept.insert(at, still)
            self._age.append(still.position_s)
            if len(self._age) > self._most:
                oldest_s = self._age.pop(0)
                del self._kept[bisect.bisect_left(self._kept, (oldest_s, b""))]
