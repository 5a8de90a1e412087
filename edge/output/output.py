"""Where the programme goes with names burned in: a file, a display, a stream for other players."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from edge.output.annotate import Annotator
from edge.output.file import VideoWriteError, VideoWriter
from edge.video.uri import scheme_of, without_password

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from edge.recognise.scene import Scene
    from edge.serve.ports import PeoplePort
    from edge.video.frame import Frame


class Writer(Protocol):
    """Takes frames to somewhere."""

    @property
    def wanted(self) -> bool:
        """Whether anybody would see a frame that is written now."""

    def write(self, bgr: NDArray[np.uint8], pts_s: float) -> None:
        """Add a frame, uint8 (height, width, 3), BGR; its array may be written to afterwards."""

    def close(self) -> None:
        """End; what was written stays."""


def open_writer(uri: str) -> Writer:
    """Return what takes frames to a file, to `display://` or to `rtsp://`.

    Raises:
        VideoWriteError: another scheme, a folder that is not there, a port that is taken.
        BackendMissingError: GStreamer is not installed, or has no display or encoder here.
    """
    scheme = scheme_of(uri)
    if scheme == "rtsp":
        from edge.output.rtsp import RtspWriter  # noqa: PLC0415 - GStreamer is loaded where used

        return RtspWriter(uri)
    if scheme == "display":
        from edge.output.display import DisplayWriter  # noqa: PLC0415

        return DisplayWriter(uri)
    if scheme:
        raise VideoWriteError(
            f"output: {without_password(uri)}, expected a file (.mp4, .mov, .mkv), "
            "rtsp://HOST:PORT/NAME or display://"
        )
    return VideoWriter(Path(uri))


class BurnedIn:
    """Draws the names on frames and writes them; a `SceneSink`.

    Args:
        uri: see `open_writer`.
        people: whose names are drawn.
    """

    def __init__(self, uri: str, people: PeoplePort) -> None:
        self._writer = open_writer(uri)
        self._annotator = Annotator()
        self._people = people

    @property
    def wanted(self) -> bool:
        """Whether anybody would see a frame that is written now."""
        return self._writer.wanted

    def take(self, frame: Frame, scene: Scene) -> None:
        """Add a frame with its scene, unless nobody would see it."""
        if not self.wanted:
            return
        names = {}
        for face in scene.faces:
            for person_id in {face.id, *(c.id for c in face.candidates)} - {None}:
                assert person_id is not None
                person = self._people.person(person_id)
                names[person_id] = person.name() if person else person_id
        self._writer.write(self._annotator.draw(frame.bgr, scene, names), frame.pts_s)

    def close(self) -> None:
        """End; what was written stays."""
        self._writer.close()
