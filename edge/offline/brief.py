"""Faces that were there for a moment only: counted, since they may stand nowhere else."""

from __future__ import annotations

import msgspec

BRIEF_S = 0.3


class Brief(msgspec.Struct, frozen=True):
    """How many faces of a film were seen for less than `BRIEF_S`, from first to last detection.

    Attributes:
        faces: all of them.
        unshown: of these, found but once or in another's place; they have no box and no name.
    """

    faces: int = 0
    unshown: int = 0

    def after(self, seen_s: float, *, shown: bool) -> Brief:
        """Return the counts with one more face that is gone for good."""
        if seen_s >= BRIEF_S:
            return self
        return Brief(self.faces + 1, self.unshown + (not shown))
