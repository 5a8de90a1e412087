"""Which frames get a detection pass, and at which resolution.

Each frame while something moves, fewer in a static scene. While all faces are large, passes are at
half the resolution, which costs a quarter and is enough to follow them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection

    from edge.recognise.track import Track

LIVE_PASS_S = 0.03
"""Least time between two passes of a live picture: of 50 frames a second every other gets one, of
30 each."""
STATIC_S = 0.1
"""Time between two passes in a static scene: it may take this long to find somebody who enters."""
STATIC_PASSES = 2
MAX_RESIDUAL = 0.12
"""A face found this far from where it was expected, in units of its size, is moving."""
LOST_S = 0.3
"""A face lost more recently than this is searched for in each frame."""
FULL_S = 0.3
"""Time between two full-resolution passes: a small face beside large ones may wait this long."""
LARGE_PX = 64.0
"""A face this large at low resolution is found there as well: 98 of 100 were, of others 91."""
ROUNDING_S = 0.004


class DetectionSchedule:
    """Decides frame by frame whether the detector runs.

    Args:
        static_s: seconds between two passes while the scene is static; 0 takes each frame.
    """

    def __init__(self, static_s: float = STATIC_S) -> None:
        self._static_s = static_s
        self._static = 0
        self._detected_s = self._full_s = float("-inf")

    def due(self, pts_s: float, least_s: float = 0.0) -> bool:
        """Return whether a frame gets a pass; it does when the clock has gone back.

        Args:
            pts_s: of the frame.
            least_s: between two passes, also where something moves.
        """
        gap_s = least_s if self._static < STATIC_PASSES else max(least_s, self._static_s)
        return not 0 <= pts_s - self._detected_s < gap_s - ROUNDING_S

    def low_resolution_is_enough(
        self, pts_s: float, tracks: Collection[Track], scale: float
    ) -> bool:
        """Return whether a low-resolution pass is enough to follow all faces.

        Args:
            pts_s: of the frame.
            tracks: the living ones.
            scale: pixels of the full resolution for each pixel of the frame.
        """
        if not tracks or not 0 <= pts_s - self._full_s < FULL_S - ROUNDING_S:
            return False
        return all(
            track.last_s == self._detected_s and track.side_px * scale / 2 >= LARGE_PX
            for track in tracks
        )

    def detected(
        self, pts_s: float, tracks: Collection[Track], *, low_resolution: bool = False
    ) -> None:
        """Take what a pass has found: all living tracks, seen or not."""
        self._detected_s = pts_s
        if not low_resolution:
            self._full_s = pts_s
        static = all(_is_static(track, pts_s) for track in tracks)
        self._static = self._static + 1 if static else 0

    def is_found(self, last_s: float) -> bool:
        """Return whether a face last seen at this time was found by the newest pass."""
        return last_s >= self._detected_s

    def cut(self) -> None:
        """Start again, as at a cut: the first frame of a shot gets a pass."""
        self._static = 0
        self._detected_s = self._full_s = float("-inf")


def _is_static(track: Track, pts_s: float) -> bool:
    if track.last_s < pts_s:
        return pts_s - track.last_s > LOST_S
    return track.hits > 1 and track.residual <= MAX_RESIDUAL
