"""The sidecar of a film: who is where when, and their cards, for players that show it.

`FILM.tvradar.json` lies beside `FILM.mp4` as subtitles do; docs/players.md has its format. Boxes
are shares of the picture, so that a player may scale it; between two of them a player goes in a
straight line.
"""

from __future__ import annotations

import base64
import re
from array import array
from typing import TYPE_CHECKING

import msgspec
import numpy as np

from edge.errors import UsageError
from edge.scratch import Scratch
from edge.timeline.timeline import DEFAULT_FRAME_S
from gallery.foreign_json import decode_json
from gallery.store.person import in_language

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from numpy.typing import NDArray

    from edge.recognise.scene import Face, Scene
    from gallery.store.person import Person

SUFFIX = ".tvradar.json"
TOLERANCE = 0.004
"""Share of the picture by which a box between two times may be off: 5 pixels of 1280."""
MAX_GAP_S = 0.5
"""A track that was not seen for longer has two parts."""
MAX_WORKS = 12
MAX_BIOGRAPHY = 600
_ENDING = re.compile(r"\.[A-Za-z0-9]{1,5}$")


class SidecarWork(msgspec.Struct, frozen=True):
    """A film or series that somebody is known for."""

    title: str
    year: int | None = None
    role: str = ""


class SidecarPerson(msgspec.Struct, frozen=True):
    """The card of one person; `photo` is a `data:` URL of a JPEG, or empty."""

    id: str
    name: str
    role: str = ""
    biography: str = ""
    works: tuple[SidecarWork, ...] = ()
    photo: str = ""


class SidecarShot(msgspec.Struct, frozen=True):
    """A span between two cuts, in seconds, and the ids of who is named in it."""

    start_s: float
    end_s: float
    people: tuple[str, ...] = ()


class SidecarTrack(msgspec.Struct, frozen=True):
    """One face without a break.

    Attributes:
        ids: the person's; two where it is one of two people.
        start_s, end_s: from the first frame that shows it to the end of the last.
        boxes: second, left, top, right, bottom; the last four are shares of the picture, 0 to 1.
    """

    ids: tuple[str, ...]
    start_s: float
    end_s: float
    boxes: tuple[tuple[float, float, float, float, float], ...]


class Sidecar(msgspec.Struct, frozen=True):
    """The file; faces without a name are not in it. Times are seconds from the film's begin."""

    source: str
    duration_s: float
    frame_s: float
    complete: bool
    people: tuple[SidecarPerson, ...]
    shots: tuple[SidecarShot, ...]
    tracks: tuple[SidecarTrack, ...]
    format: str = "tvradar-sidecar"
    version: int = 1


class _Part(msgspec.Struct, frozen=True, array_like=True):
    """A `SidecarTrack` before it is known how long the last frame is shown."""

    ids: tuple[str, ...]
    first_s: float
    last_s: float
    boxes: list[tuple[float, float, float, float, float]]

    def track(self, frame_s: float) -> SidecarTrack:
        boxes = tuple(
            (round(t, 3), round(a, 4), round(b, 4), round(c, 4), round(d, 4))
            for t, a, b, c, d in self.boxes
        )
        return SidecarTrack(
            self.ids, round(self.first_s, 3), round(self.last_s + frame_s, 3), boxes
        )


class SidecarBuilder:
    """Takes the decided scenes of a film, in order, and makes its sidecar.

    The boxes of one shot are in memory; those of the shots before lie on the disk.
    """

    def __init__(self) -> None:
        self._times_s = array("d")
        self._shots: dict[int, tuple[float, dict[str, None]]] = {}
        self._seen: dict[tuple[int, int, tuple[str, ...]], array[float]] = {}
        self._shot = -1
        self._scratch = Scratch()
        self._parts: list[tuple[float, tuple[int, int]]] = []
        self._people: dict[str, None] = {}

    def take(self, scene: Scene) -> None:
        """Take a scene."""
        self._times_s.append(scene.pts_s)
        if scene.shot != self._shot:
            self._put_away()
            self._shot = scene.shot
        _, people = self._shots.setdefault(scene.shot, (scene.pts_s, {}))
        for face in scene.faces:
            ids = _shown_ids(face)
            if not ids:
                continue
            if face.id:
                people[face.id] = None
            left, top, right, bottom = face.box
            self._seen.setdefault((scene.shot, face.track, ids), array("d")).extend(
                (
                    scene.pts_s,
                    left / scene.width,
                    top / scene.height,
                    right / scene.width,
                    bottom / scene.height,
                )
            )

    def _put_away(self) -> None:
        """Put the boxes of the shot that is over on the disk, as few as tell where it was."""
        for (_, _, ids), seen in self._seen.items():
            self._people |= dict.fromkeys(ids)
            for points in _parts(np.array(seen, np.float64).reshape(-1, 5)):
                boxes = points[thinned(points, TOLERANCE)].tolist()
                part = _Part(ids, float(points[0, 0]), float(points[-1, 0]), boxes)
                place = self._scratch.put(msgspec.msgpack.encode(part))
                self._parts.append((round(part.first_s, 3), place))
        self._seen = {}

    def result(
        self, source: str, person: Callable[[str], Person], *, lang: str = "en", complete: bool
    ) -> Sidecar:
        """Return the sidecar.

        Args:
            source: the film's file name.
            person: returns who has an id.
            lang: language of the cards.
            complete: whether the film was looked at to its end.
        """
        head = self._without_tracks(source, person, lang=lang, complete=complete)
        return msgspec.structs.replace(head, tracks=tuple(self._tracks()))

    def encoded(
        self, source: str, person: Callable[[str], Person], *, lang: str = "en", complete: bool
    ) -> Iterator[bytes]:
        """Yield the bytes of the sidecar in pieces; see `result` for the arguments."""
        head = self._without_tracks(source, person, lang=lang, complete=complete)
        before, empty, after = msgspec.json.encode(head).partition(b'"tracks":[]')
        yield before + empty[:-1]
        comma = b""
        for track in self._tracks():
            yield comma + msgspec.json.encode(track)
            comma = b","
        yield b"]" + after

    def _without_tracks(
        self, source: str, person: Callable[[str], Person], *, lang: str, complete: bool
    ) -> Sidecar:
        self._put_away()
        frame_s = self._frame_s()
        end_s = self._times_s[-1] + frame_s if self._times_s else 0.0
        starts = [start_s for start_s, _ in self._shots.values()] + [end_s]
        return Sidecar(
            source,
            round(end_s, 3),
            round(frame_s, 5),
            complete,
            tuple(_card(person(i), lang) for i in self._people),
            tuple(
                SidecarShot(round(start_s, 3), round(starts[n + 1], 3), tuple(people))
                for n, (start_s, people) in enumerate(self._shots.values())
            ),
            (),
        )

    def _tracks(self) -> Iterator[SidecarTrack]:
        frame_s = self._frame_s()
        for _, place in sorted(self._parts, key=lambda part: part[0]):
            yield msgspec.msgpack.decode(self._scratch.get(place), type=_Part).track(frame_s)

    def _frame_s(self) -> float:
        steps = np.diff(np.array(self._times_s, np.float64))
        steps = steps[steps > 0]
        return float(np.median(steps)) if len(steps) else DEFAULT_FRAME_S


def sidecar_path(film: Path) -> Path:
    """Return where a film's sidecar lies: `film.mp4` has `film.tvradar.json`."""
    return film.with_name(_ENDING.sub("", film.name) + SUFFIX)


def encode(sidecar: Sidecar) -> bytes:
    """Return the file's bytes."""
    return msgspec.json.encode(sidecar)


def read_sidecar(path: Path) -> Sidecar:
    """Return a sidecar.

    Raises:
        UsageError: the file is missing or something else.
    """
    try:
        found = decode_json(path.read_bytes(), Sidecar)
    except (OSError, msgspec.DecodeError) as error:
        raise UsageError(
            f'sidecar: {path}: {error}; expected what "tvradar identify FILM --sidecar" writes'
        ) from error
    if (found.format, found.version) != ("tvradar-sidecar", 1):
        raise UsageError(f"sidecar: {path}: version {found.version}, expected 1; make it again")
    return found


def _shown_ids(face: Face) -> tuple[str, ...]:
    if face.id:
        return (face.id,)
    return tuple(c.id for c in face.candidates[:2]) if face.why == "ambiguous" else ()


def _parts(points: NDArray[np.float64]) -> list[NDArray[np.float64]]:
    gaps = np.flatnonzero(np.diff(points[:, 0]) > MAX_GAP_S) + 1
    return np.split(points, gaps)


def thinned(points: NDArray[np.float64], tolerance: float) -> NDArray[np.intp]:
    """Return which points to keep so that straight lines between them miss none by more.

    Douglas and Peucker's method, with the largest difference of a coordinate at the same time
    instead of the distance.

    Args:
        points: float64 (n, 1 + k), a time that rises and k coordinates.
        tolerance: in the coordinates' unit.
    """
    kept = {0, len(points) - 1}
    spans = [(0, len(points) - 1)]
    while spans:
        first, last = spans.pop()
        if last - first < 2:
            continue
        inner, a, b = points[first + 1 : last], points[first], points[last]
        share = (inner[:, :1] - a[0]) / max(b[0] - a[0], 1e-9)
        off = np.abs(inner[:, 1:] - (a[1:] + share * (b[1:] - a[1:]))).max(axis=1)
        if off.max() > tolerance:
            middle = first + 1 + int(off.argmax())
            kept.add(middle)
            spans += [(first, middle), (middle, last)]
    return np.array(sorted(kept), np.intp)


def _card(person: Person, lang: str) -> SidecarPerson:
    works = [
        SidecarWork(
            in_language(w.title, lang) if isinstance(w.title, dict) else w.title, w.year, w.role
        )
        for w in person.works[:MAX_WORKS]
    ]
    photo = base64.b64encode(person.photo).decode()
    return SidecarPerson(
        person.id,
        person.name(lang),
        in_language(person.role, lang),
        in_language(person.biography, lang)[:MAX_BIOGRAPHY],
        tuple(works),
        f"data:image/jpeg;base64,{photo}" if photo else "",
    )
