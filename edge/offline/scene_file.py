"""Scenes on the disk, in order, for who needs them again when the film is over."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from edge.recognise.scene import Scene
from edge.scratch import Records

if TYPE_CHECKING:
    from collections.abc import Iterator


class SceneFile:
    """Takes scenes and gives them back, as often as wanted."""

    def __init__(self) -> None:
        self._records = Records()
        self._count = 0

    def __len__(self) -> int:
        return self._count

    def add(self, scene: Scene) -> None:
        """Keep a scene.

        Raises:
            OSError: the disk is full; the error names the folder.
        """
        self._records.add(msgspec.msgpack.encode(scene))
        self._count += 1

    def __iter__(self) -> Iterator[Scene]:
        """Yield the scenes."""
        for record in self._records:
            yield msgspec.msgpack.decode(record, type=Scene)
