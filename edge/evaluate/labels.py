"""Labels of a film: who is visible in which shot.

    {"shots": [{"first": 0, "last": 19, "visible": ["id", "id"]},
               {"first": 20, "last": 81, "visible": ["id"], "note": "profile"}]}

`first` and `last` are numbers of frames, from 0, both within the shot. `visible` names the enrolled
people whose face can be seen; strangers are not listed. A `note` says what makes a shot unusual
(`profile`, `from behind`); such shots are counted apart. Other keys are ignored.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from edge.errors import UsageError
from gallery.foreign_json import decode_json

if TYPE_CHECKING:
    from pathlib import Path

EXAMPLE = '{"shots": [{"first": 0, "last": 9, "visible": ["id"]}]}'


class LabelledShot(msgspec.Struct, frozen=True):
    """One shot; see the module for the fields."""

    first: int
    last: int
    visible: tuple[str, ...]
    note: str = ""


class Labels(msgspec.Struct, frozen=True):
    """All shots of a film, in order; frames between two shots are not labelled."""

    shots: tuple[LabelledShot, ...]

    def shot_of(self, frame: int) -> int | None:
        """Return the place of the shot that a frame is in, or None."""
        for i, shot in enumerate(self.shots):
            if shot.first <= frame <= shot.last:
                return i
        return None


def read_labels(path: Path) -> Labels:
    """Return the labels in a file.

    Raises:
        UsageError: the file is missing or has another form; the message says what was expected.
    """
    try:
        labels = decode_json(path.read_bytes(), Labels)
    except OSError as error:
        raise UsageError(f"{path}: {error.strerror}, expected {EXAMPLE}") from error
    except msgspec.DecodeError as error:
        raise UsageError(f"{path}: {error}, expected {EXAMPLE}") from error
    ends = -1
    for shot in labels.shots:
        if not ends < shot.first <= shot.last:
            raise UsageError(
                f"{path}: a shot from frame {shot.first} to {shot.last} after frame {ends}, "
                "expected shots in order that do not overlap"
            )
        ends = shot.last
    if not labels.shots:
        raise UsageError(f"{path}: no shots, expected {EXAMPLE}")
    return labels
