"""A media library made a catalogue: its people with their pictures, ids that stay, a report."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from engines.files import write_atomically
from gallery.enrol.people import Entry, PictureRef
from gallery.enrol.storage import local_stamp
from gallery.errors import GalleryInputError
from gallery.library.found import Library
from gallery.library.http import PictureFetchError
from gallery.store.person import Person

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from gallery.enrol.enrolment import Enrolment
    from gallery.library.people import LibraryPerson
    from gallery.library.pictures import PictureCache

STATE = "library.json"


class LibraryState(msgspec.Struct, frozen=True):
    """What the next import must know: where the library is, and who has which id."""

    library: Library
    ids: dict[str, str] = {}


class NoPicture(msgspec.Struct, frozen=True):
    """Somebody who is not enrolled, and why."""

    id: str
    name: str
    why: str


class LooksLike(msgspec.Struct, frozen=True):
    """Somebody whose pictures look like somebody else's."""

    id: str
    why: str


class LibraryReport(msgspec.Struct, frozen=True):
    """What an import came to.

    Attributes:
        enrolled, people, titles: how many.
        no_picture: who has no usable picture.
        one_picture: ids of those with one only.
        looks_like: who looks like somebody else.
    """

    titles: int
    people: int
    enrolled: int
    no_picture: tuple[NoPicture, ...]
    one_picture: tuple[str, ...]
    looks_like: tuple[LooksLike, ...]


def state_folder(gallery: Path) -> Path:
    """Return where the import into a gallery keeps its state: `.NAME.library` beside it."""
    gallery = gallery.absolute()
    return gallery.with_name(f".{gallery.name}.library")


def read_state(gallery: Path) -> LibraryState | None:
    """Return what an earlier import into a gallery left, or None.

    Raises:
        GalleryInputError: it is damaged.
    """
    path = state_folder(gallery) / STATE
    try:
        return msgspec.json.decode(path.read_bytes(), type=LibraryState)
    except FileNotFoundError:
        return None
    except (OSError, msgspec.DecodeError, UnicodeDecodeError) as error:
        raise GalleryInputError(f"{path}: {error}; remove it and import again") from error


def write_state(gallery: Path, state: LibraryState) -> None:
    """Keep what the next import must know."""
    folder = state_folder(gallery)
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    write_atomically(folder / STATE, msgspec.json.format(msgspec.json.encode(state)), 0o600)


def catalogue_of(
    people: Sequence[LibraryPerson],
    cache: PictureCache,
    origins: Mapping[str, tuple[str, str]],
    library: Library,
    *,
    most: int,
    learned: Mapping[str, Sequence[Path]],
    on_person: Callable[[], None] = lambda: None,
) -> tuple[tuple[Entry, ...], dict[str, str]]:
    """Return whom to enrol with which pictures, and why others have none, by id.

    Args:
        people: of the library.
        cache: gets pictures that are no files.
        origins: source and licence by a picture's address.
        library: where they come from.
        most: pictures of one person.
        learned: pictures out of films, by id, that somebody accepted; beside the library's own.
        on_person: called after each.
    """
    entries, why = [], {}
    for person in people:
        refs, problems = [], []
        for address in person.pictures[:most]:
            taken = _ref(person.id, address, cache, origins.get(address, (library.kind, "")))
            if isinstance(taken, PictureRef):
                refs.append(taken)
            else:
                problems.append(taken)
        if refs:
            refs += [
                PictureRef(path.name, str(path), local_stamp(path), "a film", "")
                for path in learned.get(person.id, ())
            ]
            bare = Person(person.id, {"en": person.id})
            refs.sort(key=lambda ref: ref.name)
            entries.append(Entry(bare, tuple(refs)))
        else:
            why[person.id] = "; ".join(dict.fromkeys(problems)) or "the library has no picture"
        on_person()
    return tuple(sorted(entries, key=lambda entry: entry.person.id)), why


def _ref(
    person_id: str, address: str, cache: PictureCache, origin: tuple[str, str]
) -> PictureRef | str:
    """Return a picture as it lies on the disk, or why there is none."""
    is_file = "://" not in address
    try:
        path = Path(address) if is_file else cache.get(address)
        name = path.name if is_file else f"{person_id} {path.name[:8]}"
        return PictureRef(name, str(path), local_stamp(path), *origin)
    except PictureFetchError as error:
        return str(error)
    except OSError as error:
        return error.strerror or str(error)


def texts_of(people: Sequence[LibraryPerson]) -> dict[str, Person]:
    """Return names and works by id."""
    return {p.id: Person(p.id, {"en": p.name}, works=p.works) for p in people}


def report_of(
    titles: int,
    people: Sequence[LibraryPerson],
    why: Mapping[str, str],
    enrolment: Enrolment,
) -> LibraryReport:
    """Return what an import came to."""
    names = {p.id: p.name for p in people}
    missing = [NoPicture(i, names[i], reason) for i, reason in why.items()]
    one, like, enrolled = [], [], 0
    for report in enrolment.reports:
        kept = [p for p in report.pictures if p.status != "rejected"]
        enrolled += report.enrolled
        if not report.enrolled:
            reasons = "; ".join(dict.fromkeys(p.reason for p in report.pictures))
            missing.append(NoPicture(report.id, names[report.id], reasons))
        elif len(kept) == 1:
            one.append(report.id)
        like += [
            LooksLike(report.id, p.reason)
            for p in report.pictures
            if p.reason.startswith("looks like")
        ]
    like += [
        LooksLike(pair.a, f"likely the same person as {pair.b} ({pair.score})")
        for pair in enrolment.same_faces
    ]
    return LibraryReport(
        titles,
        len(people),
        enrolled,
        tuple(sorted(missing, key=lambda m: m.id)),
        tuple(one),
        tuple(dict.fromkeys(like)),
    )
