"""A folder of films, one after the other: what is done is kept, and what fails ends nothing.

Each film's result is a file of its own, written at once; an index beside them says what it was made
from, so that a second run, after a kill too, makes only what is missing or has changed. It ends
with the same bytes as a run that nobody disturbed.
"""

from __future__ import annotations

import logging
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from edge.errors import EdgeError, UsageError
from engines.files import write_atomically
from gallery.os_errors import reason_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from edge.offline.film_maker import FilmMade

log = logging.getLogger(__name__)

FILM_SUFFIXES = frozenset(
    f".{ending}"
    for ending in (
        *("3gp", "asf", "avi", "flv", "m2ts", "m2v", "m4v", "mkv", "mov", "mp4", "mpeg", "mpg"),
        *("mts", "mxf", "ogm", "ogv", "ts", "vob", "webm", "wmv", "y4m"),
    )
)
INDEX = "index.json"
DRAFT = re.compile(r"\..*\.[0-9a-f]{12}\.(json|vtt)")
"""Names that `engines.files.draft_of` gives."""


class FilmRecord(msgspec.Struct, frozen=True):
    """What a result was made from.

    Attributes:
        size, mtime_ns: of the film.
        work: all else that it depends on: gallery, models, options.
    """

    size: int
    mtime_ns: int
    work: str


class FilmIndex(msgspec.Struct, frozen=True):
    """The results of a folder, by the film's path in it."""

    films: dict[str, FilmRecord] = {}


@dataclass(slots=True)
class FolderReport:
    """What became of the films: paths in the folder, and why some failed."""

    made: list[str] = field(default_factory=list)
    kept: list[str] = field(default_factory=list)
    failed: dict[str, str] = field(default_factory=dict)
    complete: bool = True

    @property
    def count(self) -> int:
        """How many films were seen to."""
        return len(self.made) + len(self.kept) + len(self.failed)


def films_in(folder: Path) -> list[Path]:
    """Return the films in a folder and those below, in order, by the endings of their names.

    Raises:
        UsageError: there are none.
    """
    found = sorted(
        path
        for path in folder.rglob("*")
        if path.suffix.lower() in FILM_SUFFIXES and path.is_file() and not _is_hidden(path, folder)
    )
    if not found:
        raise UsageError(f"{folder}: no films, expected files such as film.mp4 or film.mkv")
    return found


def _is_hidden(path: Path, folder: Path) -> bool:
    return any(part.startswith(".") for part in path.relative_to(folder).parts)


def each_film(
    folder: Path,
    out: Path,
    work: str,
    ending: str,
    make: Callable[[Sequence[Path]], Iterable[FilmMade]],
    beside: Callable[[Path], Path | None] = lambda _: None,
) -> Iterator[FolderReport]:
    """Make a result for each film of a folder; yield the report after each.

    Args:
        folder: with films.
        out: gets the results, in the folder's own order below, and an index.
        work: what results depend on beside the films; where it changes they are made anew.
        ending: of the results' names, after the film's own.
        make: says what became of films, in any order.
        beside: returns a second file that `make` writes for a film, None where there is none; a
            film whose second file is gone is made again.

    Raises:
        UsageError: there are no films, or the index is damaged.
        OSError: results cannot be written.
    """
    report = FolderReport()
    _clear_drafts(out)
    index = _read_index(out / INDEX)
    due: dict[str, tuple[str, FilmRecord]] = {}
    for path in films_in(folder):
        name = path.relative_to(folder).as_posix()
        try:
            told = path.stat()
        except OSError as error:
            report.failed[name] = reason_of(error)
            continue
        record, second = FilmRecord(told.st_size, told.st_mtime_ns, work), beside(path)
        whole = (out / (name + ending)).is_file() and (second is None or second.is_file())
        if index.films.get(name) == record and whole:
            report.kept.append(name)
        else:
            due[str(path)] = name, record
    yield report
    for made in make([Path(path) for path in due]):
        if made.failed:
            report.failed[due[made.path][0]] = made.failed
            log.info("%s: %s", due[made.path][0], made.failed)
        elif made.result is None:
            report.complete = False
        else:
            name, record = due[made.path]
            (out / name).parent.mkdir(parents=True, exist_ok=True)
            write_atomically(out / (name + ending), made.result)
            index = FilmIndex(dict(sorted({**index.films, name: record}.items())))
            write_atomically(out / INDEX, msgspec.json.format(msgspec.json.encode(index)))
            report.made.append(name)
        yield report
        if not report.complete:
            return


def _clear_drafts(out: Path) -> None:
    """Take away what a run that was killed had not finished writing."""
    for path in out.rglob(".*"):
        if DRAFT.fullmatch(path.name) and path.is_file():
            path.unlink(missing_ok=True)


def _read_index(path: Path) -> FilmIndex:
    try:
        return msgspec.json.decode(path.read_bytes(), type=FilmIndex)
    except FileNotFoundError:
        return FilmIndex()
    except msgspec.MsgspecError as error:
        raise UsageError(
            f"{path}: {error}, expected the index of an earlier run; delete it to begin anew"
        ) from error


class FilmsFailedError(EdgeError):
    """Some films of a folder have no result; the others do."""

    def __init__(self, report: FolderReport) -> None:
        super().__init__(
            f"{len(report.failed)} of {report.count} films failed, the others are done"
        )
