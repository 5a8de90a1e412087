"""What `identify` gives out: a table or one JSON object, and the film with names burned in."""

from __future__ import annotations

import sys
from collections import Counter
from typing import TYPE_CHECKING

import cv2
from rich.table import Table
from rich.text import Text

from edge.cli.console import counted, err, out, progress_bar
from edge.errors import UsageError
from edge.offline.brief import BRIEF_S
from edge.offline.summary import FaceFile
from edge.output.annotate import Annotator
from edge.output.file import VideoWriter
from edge.video.open import open_source
from edge.video.source import DEFAULT_OPTIONS, SourceOptions
from edge.video.uri import path_of
from engines.files import write_atomically

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    import numpy as np
    from numpy.typing import NDArray

    from edge.offline.scene_file import SceneFile
    from edge.offline.summary import Identification, IdentifiedFace
    from edge.recognise.scene import Scene
    from edge.video.frame import Frame


class Answer:
    """Takes the faces of a film one by one, and prints the answer when it is over."""

    def __init__(self, *, json: bool) -> None:
        self._file = FaceFile() if json else None
        self._why: dict[int, str | None] = {}

    def add(self, face: IdentifiedFace) -> None:
        """Take a face."""
        if self._file is not None:
            self._file.add(face)
        else:
            self._why[face.track] = face.why

    def print(self, found: Identification) -> None:
        """Print it; warnings go to stderr."""
        for warning in found.warnings:
            err.print(f"warning: {warning}", markup=False)
        if self._file is None:
            _print_table(found, Counter(why for why in self._why.values() if why))
            return
        sys.stdout.buffer.writelines(self._file.json_of(found))
        sys.stdout.buffer.write(b"\n")
        sys.stdout.buffer.flush()


def _print_table(found: Identification, reasons: Counter[str]) -> None:
    several = len(found.pictures) > 1
    if several:
        out.print(_table_of_pictures(found))
    columns = ["seconds", "first", "last"] if not found.pictures else ["pictures"] * several
    table = Table("person", "id", *columns, "score")
    for p in found.people:
        times = [f"{p.seconds:.1f}", clock(p.first_s), clock(p.last_s)]
        if found.pictures:
            times = [str(sum(p.id in one.people for one in found.pictures))] * several
        table.add_row(Text(p.name), p.id, *times, f"{p.score:.2f}")
    if found.people:
        out.print(table)
    told = ", ".join(f"{n} {why.replace('_', ' ')}" for why, n in sorted(reasons.items()))
    out.print(
        f"{counted(len(found.people), 'person', 'people')} named, "
        f"{counted(reasons.total(), 'face')} without a name"
        + (f" ({told})" if told else "")
        + _briefly(found)
        + f"; {_length(found)}"
        + ("" if found.complete else "; interrupted")
    )


def _briefly(found: Identification) -> str:
    if not found.brief.faces:
        return ""
    told = f"; {counted(found.brief.faces, 'face')} seen for less than {BRIEF_S} s"
    return told + (f", {found.brief.unshown} of them left out" if found.brief.unshown else "")


def _length(found: Identification) -> str:
    if found.pictures:
        return counted(found.frames, "picture")
    return f"{counted(found.frames, 'frame')}, {found.duration_s:.1f} s"


def _table_of_pictures(found: Identification) -> Table:
    names = {person.id: person.name for person in found.people}
    table = Table("picture", "who, left to right", "without a name")
    for picture in found.pictures:
        people = ", ".join(names[person] for person in picture.people)
        reasons = ", ".join(why.replace("_", " ") for why in picture.unnamed)
        table.add_row(Text(picture.file), Text(people or "no face" * (not reasons)), reasons)
    return table


def clock(seconds: float) -> str:
    """Return a time as `m:ss.s`, or `h:mm:ss.s` from an hour on."""
    minutes, rest = divmod(seconds, 60)
    hours, minutes = divmod(int(minutes), 60)
    return f"{hours}:{minutes:02d}:{rest:04.1f}" if hours else f"{minutes}:{rest:04.1f}"


def annotate_source(
    uri: str,
    path: Path,
    scenes: SceneFile,
    name: Callable[[str], str],
    video: SourceOptions = DEFAULT_OPTIONS,
) -> None:
    """Read a source again and write it with boxes and names burned in.

    A still picture becomes a picture, in the format of the file's ending; all else a video.

    Raises:
        UsageError: a live source cannot be read again.
    """
    with open_source(uri, options=video) as source, progress_bar("frames") as progress:
        if source.live:
            raise UsageError(f"{source.uri}: live, --annotate needs a file")
        if source.still and source.frame_count == 1:
            (frame,) = source
            _write_picture(path, _drawn(Annotator(), frame, next(iter(scenes)), name))
            return
        task = progress.add_task("annotate", total=len(scenes))
        audio = None if source.still else path_of(uri)
        annotator = Annotator()
        with VideoWriter(path, audio_from=audio) as writer:
            for scene, frame in zip(scenes, source, strict=False):
                if frame.index != scene.index:
                    break
                writer.write(_drawn(annotator, frame, scene, name), frame.pts_s)
                progress.advance(task)


def _drawn(
    annotator: Annotator, frame: Frame, scene: Scene, name: Callable[[str], str]
) -> NDArray[np.uint8]:
    ids = {f.id for f in scene.faces if f.id}
    ids |= {c.id for f in scene.faces if f.why == "ambiguous" for c in f.candidates}
    return annotator.draw(frame.bgr, scene, {i: name(i) for i in ids})


def _write_picture(path: Path, bgr: NDArray[np.uint8]) -> None:
    done, data = cv2.imencode(path.suffix or ".png", bgr)
    if not done:
        raise UsageError(f"{path}: cannot be written, expected a name that ends in .png or .jpg")
    write_atomically(path, data.tobytes())
