"""In which frames to look for faces, and how closely.

In each while something moves, less often in a calm scene; at half the size while all faces are
large, which costs a quarter and is enough to follow them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection

    from edge.recognise.track import Track

CALM_S = 0.1
"""How often a calm scene is looked at: so late may somebody who enters be found."""
STEADY_LOOKS = 2
MAX_SURPRISE = 0.12
"""A face that is found this far from where it was expected, in units of its size, moves."""
LOST_S = 0.3
"""A face that was lost so recently is searched for in each frame."""
WHOLE_S = 0.3
"""How often the whole size is looked at: so late may a small face be found beside large ones."""
LARGE_PX = 64.0
"""A face this large at half the size is found there as well: 98 of 100 were, of others 91."""
ROUNDING_S = 0.004


class Pace:
    """Decides frame by frame whether the detector runs.

    Args:
        calm_s: seconds between two looks while the scene is calm; 0 looks at each frame.
    """

    def __init__(self, calm_s: float = CALM_S) -> None:
        self._calm_s = calm_s
        self._steady = 0
        self._looked_s = self._whole_s = float("-inf")

    def due(self, pts_s: float, least_s: float = 0.0) -> bool:
        """Return whether to look at a frame; a clock that goes back is no reason not to.

        Args:
            pts_s: of the frame.
            least_s: between two looks, also where something moves.
        """
        gap_s = least_s if self._steady < STEADY_LOOKS else max(least_s, self._calm_s)
        return not 0 <= pts_s - self._looked_s < gap_s - ROUNDING_S

    def half_is_enough(self, pts_s: float, tracks: Collection[Track], scale: float) -> bool:
        """Return whether a look at half the size is enough to follow all faces.

        Args:
            pts_s: of the frame.
            tracks: the living ones.
            scale: of the whole size, in pixels of it for a pixel of the frame.
        """
        if not tracks or not 0 <= pts_s - self._whole_s < WHOLE_S - ROUNDING_S:
            return False
        return all(
            track.last_s == self._looked_s and track.side_px * scale / 2 >= LARGE_PX
            for track in tracks
        )

    def looked(self, pts_s: float, tracks: Collection[Track], *, half: bool = False) -> None:
        """Take what a look has found: all living tracks, seen or not."""
        self._looked_s = pts_s
        if not half:
            self._whole_s = pts_s
        steady = all(_is_steady(track, pts_s) for track in tracks)
        self._steady = self._steady + 1 if steady else 0

    def cut(self) -> None:
        """Begin anew, as a shot does: its first frame is looked at."""
        self._steady = 0
        self._looked_s = self._whole_s = float("-inf")


def _is_steady(track: Track, pts_s: float) -> bool:
    if track.last_s < pts_s:
        return pts_s - track.last_s > LOST_S
    return track.hits > 1 and track.surprise <= MAX_SURPRISE
