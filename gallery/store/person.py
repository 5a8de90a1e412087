"""Who is in a gallery: people as frozen values, and the `person.toml` that describes one."""

from __future__ import annotations

import codecs
import hashlib
import re
import unicodedata
from contextlib import suppress
from typing import TYPE_CHECKING

import msgspec

from gallery.errors import GalleryInputError
from gallery.store.limits import (
    MAX_LANGUAGE_BYTES,
    MAX_LANGUAGES,
    MAX_NAME_BYTES,
    MAX_PHOTO_BYTES,
    MAX_PICTURES,
    MAX_RECORD_BYTES,
    MAX_TEXT_BYTES,
    MAX_WORKS,
)

if TYPE_CHECKING:
    from collections.abc import Collection
    from pathlib import Path

MAX_ID_BYTES = 128
PERSON_FILE = "person.toml"
_PLAIN = re.compile(r"[A-Za-z0-9_.-]*")


class Work(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A film, a series, a record: `title` is plain or by language."""

    title: dict[str, str] | str
    year: int | None = None
    role: str = ""

    def name(self, lang: str = "en") -> str:
        """Return the title in a language, or the nearest that there is."""
        return self.title if isinstance(self.title, str) else in_language(self.title, lang)


class Picture(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Where an enrolled picture came from; the picture itself is not kept."""

    sha256: str
    source: str = ""
    licence: str = ""


class Person(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One person of a gallery.

    Attributes:
        id: see `check_person_id`.
        names: by language, at least one.
        role: what they are known for, by language.
        biography: a few sentences, by language.
        works: best known first.
        pictures: what the templates were made from.
        photo: a JPEG of at most 256 pixels a side, or empty.
    """

    id: str
    names: dict[str, str]
    role: dict[str, str] = {}
    biography: dict[str, str] = {}
    works: tuple[Work, ...] = ()
    pictures: tuple[Picture, ...] = ()
    photo: bytes = b""

    def name(self, lang: str = "en") -> str:
        """Return the name in a language, else in its base language, else English, else any."""
        return in_language(self.names, lang) or self.id


def in_language(texts: dict[str, str], lang: str = "en") -> str:
    """Return the text in `lang` (`zh-Hant` falls back to `zh`, then `en`, then any), or ""."""
    for wanted in (lang, lang.partition("-")[0], "en"):
        if texts.get(wanted):
            return texts[wanted]
    return next(iter(texts.values()), "")


def check_person_id(person_id: str) -> str:
    """Return the id if it is safe as a file name, a URL part and a topic; refuse it otherwise.

    Letters of any script, digits, `_`, `-` and `.` are safe; a dot may not come first.

    Raises:
        GalleryInputError: the id is not valid.
    """
    shown = ascii(person_id[:40])
    rule = "expected letters, digits, '_', '-' or '.' (not first), at most 128 bytes of UTF-8"
    if not person_id or person_id.startswith("."):
        raise GalleryInputError(f"person id {shown}: is empty or starts with a dot; {rule}")
    try:
        length = len(person_id.encode())
    except UnicodeEncodeError:
        raise GalleryInputError(f"person id {shown}: is not valid Unicode; {rule}") from None
    if length > MAX_ID_BYTES:
        raise GalleryInputError(f"person id {shown}…: is {length} bytes long; {rule}")
    if not _PLAIN.fullmatch(person_id):  # most ids are plain
        for character in person_id:
            if not _is_safe(character):
                raise GalleryInputError(f"person id {shown}: has {character!a} in it; {rule}")
    if not unicodedata.is_normalized("NFC", person_id):
        raise GalleryInputError(
            f"person id {shown}: is not in the Unicode form NFC, so that two ids could look alike; "
            "rename it"
        )
    return person_id


def derive_person_id(text: str) -> tuple[str, str]:
    """Return an id for what somebody called a person's folder, and that as a name.

    What is an id already stays as it is, and gives no name: `name_of_id` makes one of it. Of all
    else the letters, digits and marks are kept, in the form NFC, with `_` between: `Tom Hanks`
    becomes `Tom_Hanks` with the name "Tom Hanks".

    Raises:
        GalleryInputError: there is no letter or digit in it, or it is not valid Unicode.
    """
    with suppress(GalleryInputError):
        return check_person_id(text), ""
    if not all(_is_text(c) for c in text):
        raise GalleryInputError(f"folder {text[:40]!a}: its name is not UTF-8; rename it")
    name = " ".join("".join(c if c.isprintable() else " " for c in text).split())
    name = unicodedata.normalize("NFC", name)
    parts = "".join(c if _is_safe(c) and c != "_" else " " for c in name).split()
    derived = unicodedata.normalize("NFC", "_".join(parts)).lstrip("._-")
    derived = derived.encode()[:MAX_ID_BYTES].decode(errors="ignore").rstrip("_")
    if not any(c.isalnum() for c in derived):
        raise GalleryInputError(
            f"folder {text[:40]!a}: no letter or digit in its name to make an id of; rename it"
        )
    return check_person_id(derived), name


def check_person(person: Person) -> Person:
    """Return a person whose values can be stored.

    Raises:
        GalleryInputError: the id is unsafe, there is no name, a text or list is too long, or the
            photo is no small JPEG.
    """
    check_person_id(person.id)
    if not any(name.strip() for name in person.names.values()):
        raise GalleryInputError(f"{person.id}: has no name, expected at least one language")
    _check_texts(person)
    if person.photo and not person.photo.startswith(b"\xff\xd8\xff"):
        raise GalleryInputError(f"{person.id}: the photo is no JPEG")
    if len(person.photo) > MAX_PHOTO_BYTES:
        raise GalleryInputError(
            f"{person.id}: the photo has {len(person.photo)} bytes, expected at most "
            f"{MAX_PHOTO_BYTES}; make it smaller (256 pixels a side)"
        )
    return person


def record_of(person: Person) -> str:
    """Return the one form in which all of a person but the photo is stored.

    Raises:
        GalleryInputError: it would be too long, or has characters that UTF-8 has not.
    """
    without_photo = msgspec.structs.replace(person, photo=b"")
    try:
        record = msgspec.json.encode(without_photo, order="deterministic").decode()
    except UnicodeError as error:
        raise GalleryInputError(f"{person.id}: a text is not valid Unicode: {error}") from error
    # Only what is long in characters can be too long in bytes; most records are far from it.
    if len(record) * 4 > MAX_RECORD_BYTES and len(record.encode()) > MAX_RECORD_BYTES:
        raise GalleryInputError(
            f"{person.id}: all texts together take {len(record.encode())} bytes, expected at most "
            f"{MAX_RECORD_BYTES}; shorten the biography or leave out works"
        )
    return record


def _check_texts(person: Person) -> None:
    for what, count, most in (
        ("works", len(person.works), MAX_WORKS),
        ("pictures", len(person.pictures), MAX_PICTURES),
    ):
        if count > most:
            raise GalleryInputError(f"{person.id}: {count} {what}, expected at most {most}")
    _check_languages(person, "names", person.names, MAX_NAME_BYTES)
    _check_languages(person, "role", person.role, MAX_NAME_BYTES)
    _check_languages(person, "biography", person.biography, MAX_TEXT_BYTES)
    for work in person.works:
        title = work.title if isinstance(work.title, dict) else {"": work.title}
        _check_languages(person, "title", title, MAX_NAME_BYTES)
        _check_length(person, "role in a work", work.role, MAX_NAME_BYTES)
        if work.year is not None and not 0 <= work.year <= 9999:
            raise GalleryInputError(f"{person.id}: year {work.year}, expected 0 to 9999")
    for picture in person.pictures:
        for text in (picture.sha256, picture.source, picture.licence):
            _check_length(person, "origin of a picture", text, MAX_TEXT_BYTES)


def _check_languages(person: Person, what: str, texts: dict[str, str], most: int) -> None:
    if len(texts) > MAX_LANGUAGES:
        raise GalleryInputError(
            f"{person.id}: {what} in {len(texts)} languages, expected at most {MAX_LANGUAGES}"
        )
    for language, text in texts.items():
        _check_length(person, f"language of {what}", language, MAX_LANGUAGE_BYTES)
        _check_length(person, what, text, most)


def _check_length(person: Person, what: str, text: str, most: int) -> None:
    if len(text) * 4 > most and len(text.encode(errors="replace")) > most:
        raise GalleryInputError(
            f"{person.id}: {what} has {len(text.encode(errors='replace'))} bytes, expected at most "
            f"{most}; shorten it"
        )


class _PictureEntry(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    file: str
    source: str = ""
    licence: str = ""


class _PersonFile(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`person.toml`. Texts are plain (then English) or tables by language."""

    name: dict[str, str] | str = ""
    role: dict[str, str] | str = ""
    biography: dict[str, str] | str = ""
    works: tuple[Work, ...] = ()
    source: str = ""
    licence: str = ""
    pictures: tuple[_PictureEntry, ...] = ()


def read_person_file(folder: Path) -> Person:
    """Return the person that a folder of PEOPLE_DIR describes, without photo.

    The folder's name is the id. `person.toml` is optional: without one, the name is the id with
    spaces for underscores. `source` and `licence` hold for all pictures of the folder but those
    that `[[pictures]]` lists by `file`.

    Raises:
        GalleryInputError: the id is unsafe, or `person.toml` is not what it should be.
    """
    path = folder / PERSON_FILE
    files = [p.name for p in folder.iterdir() if p.is_file()]
    content = path.read_bytes() if path.is_file() else None
    person, origins = parse_person_file(folder.name, content, str(path), files)
    pictures = [
        msgspec.structs.replace(
            origins[name], sha256=hashlib.sha256((folder / name).read_bytes()).hexdigest()
        )
        for name in sorted(origins)
    ]
    return msgspec.structs.replace(person, pictures=tuple(pictures))


def parse_person_file(
    person_id: str, content: bytes | None, where: str, files: Collection[str], name: str = ""
) -> tuple[Person, dict[str, Picture]]:
    """Return whom a `person.toml` describes, and where pictures came from, by file name.

    Args:
        person_id: the folder's name.
        content: the file, or None where there is none.
        where: its path, for messages.
        files: names of the files in the folder.
        name: the person's, where the file gives none; without, it is made of the id.

    Raises:
        GalleryInputError: the id is unsafe, or the content is not what it should be.
    """
    check_person_id(person_id)
    described = _PersonFile()
    if content is not None:
        try:
            # Windows' editor begins a file with a mark that TOML does not know.
            text = content.removeprefix(codecs.BOM_UTF8)
            described = msgspec.toml.decode(text, type=_PersonFile)
        except ValueError as error:  # no TOML, wrong, or no UTF-8
            raise GalleryInputError(f"{where}: {error}") from error
        except RecursionError as error:
            raise GalleryInputError(f"{where}: lists in lists in lists without end") from error
    person = Person(
        id=person_id,
        names=_by_language(described.name) or _by_language(name) or name_of_id(person_id),
        role=_by_language(described.role),
        biography=_by_language(described.biography),
        works=described.works,
    )
    origins = {}
    if described.source or described.licence:
        whole = Picture("", described.source, described.licence)
        origins = {name: whole for name in files if name != PERSON_FILE}
    for entry in described.pictures:
        if entry.file not in files:
            raise GalleryInputError(f"{where}: no picture {entry.file!a} beside it")
        origins[entry.file] = Picture("", entry.source, entry.licence)
    return check_person(person), origins


def name_of_id(person_id: str) -> dict[str, str]:
    """Return the name of somebody of whom only the id is known."""
    return {"en": person_id.replace("_", " ")}


def _by_language(text: dict[str, str] | str) -> dict[str, str]:
    if isinstance(text, dict):
        return text
    return {"en": text} if text else {}


def _is_text(character: str) -> bool:
    # Python stands surrogates for bytes of a file's name that are not UTF-8.
    return unicodedata.category(character) != "Cs"


def _is_safe(character: str) -> bool:
    # \w leaves out the vowel signs of Indic scripts, which names there cannot do without.
    return (
        character.isalnum() or character in "_-." or unicodedata.category(character) in {"Mn", "Mc"}
    )
