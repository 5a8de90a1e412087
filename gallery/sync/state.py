"""What a device remembers across a restart."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from gallery.channel.durable import write_atomically
from gallery.foreign_json import decode_json

if TYPE_CHECKING:
    from pathlib import Path


class Floor(msgspec.Struct, frozen=True):
    """The lowest version of a role that is still believed, as long as its keys stay the same.

    A rotation of the keys by the root lifts the floor: that is TUF's recovery from a thief who
    signed a huge version number (fast-forward).
    """

    version: int
    keys: str


class State(msgspec.Struct, frozen=True):
    """Kept in `state.json`, replaced atomically.

    Attributes:
        floors: by role; `release` is the number of the release, bound to the keys of `targets`.
        time_floor_s: the newest system time at which signed metadata was accepted. It cannot be
            driven past the expiry of that metadata, so a lying time server poisons days at most.
        probation: number of the installed release that is not yet confirmed.
        rejected: releases that failed their probation here; they are not tried again.
    """

    floors: dict[str, Floor] = {}
    time_floor_s: float = 0.0
    probation: int | None = None
    rejected: tuple[int, ...] = ()
    chunks_fetched: int = 0
    bytes_fetched: int = 0
    refusals: int = 0
    installed: int = 0
    mended: int = 0


class StateFile:
    """The state on disk; `change()` is durable when it returns."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.damaged = False
        self.state = self._read()

    def _read(self) -> State:
        try:
            return decode_json(self.path.read_bytes(), State)
        except FileNotFoundError:
            return State()
        except msgspec.DecodeError:
            # Rename is atomic, so this is a failing disk; the gallery's own number still holds.
            self.damaged = True
            return State()

    def change(self, **fields: object) -> State:
        """Replace some fields and write the file."""
        newer: State = msgspec.structs.replace(self.state, **fields)
        if newer != self.state:
            write_atomically(self.path, msgspec.json.format(msgspec.json.encode(newer)))
            self.state = newer
        return newer
