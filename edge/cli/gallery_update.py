"""The commands `gallery add`, `update`, `remove` and `compact`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from edge.cli.console import out, print_json, warn_of
from edge.errors import UsageError
from edge.json_output import Changed, ChangedVoice
from gallery.errors import GalleryInputError
from gallery.search.open import open_gallery
from gallery.store import update
from gallery.store.store import current_release
from gallery.voices.stored import erase_voices, voices_path

if TYPE_CHECKING:
    from pathlib import Path

    from gallery.store.release import Release


def change_gallery(folder: Path, people: str, *, replace: bool, json: bool) -> None:
    """Enrol the people of a catalogue and add them, or put them in the place of those there."""
    # Not at the top: removing somebody loads no models.
    from edge.cli.enrol_run import embed_with_progress, warn_of_missing  # noqa: PLC0415
    from engines.catalog import name_of  # noqa: PLC0415
    from gallery.enrol.enrolment import EnrolmentOptions  # noqa: PLC0415
    from gallery.enrol.shards import ShardStore  # noqa: PLC0415
    from gallery.enrol.source import read_catalogue  # noqa: PLC0415

    options = EnrolmentOptions(embedder=name_of(current_release(folder)[0].model))
    store = ShardStore.beside(folder)
    catalogue = read_catalogue(people)
    warn_of(catalogue.left_out)
    found = embed_with_progress(catalogue, store, options)
    warn_of_missing(found.reports)
    release = (update.update if replace else update.add)(folder, found.entries())
    store.remove()
    _tell(folder, release, json=json)


def remove_people(folder: Path, ids: list[str], *, erase: bool, json: bool) -> None:
    """Remove people, and on request erase them; their voices are erased at once."""
    release = update.remove(folder, ids)
    erase_voices(folder, ids)
    if erase and release.tombstones:
        release = update.compact(folder)
    _tell(folder, release, json=json)
    if not json and release.tombstones:
        out.print(
            "their templates and texts stay in the files until segments are merged: "
            f'"tvradar gallery compact {folder}"',
            markup=False,
        )


def change_voice(
    folder: Path,
    person: str,
    files: list[Path],
    part_s: tuple[float, float | None],
    *,
    remove: bool,
    json: bool,
    seen: bool = False,
) -> None:
    """Enrol a person's voice from files, or erase it."""
    from edge.voices.enrol import enrol_voice  # noqa: PLC0415 - removing somebody loads no models

    if remove == bool(files):
        raise UsageError("gallery voice: expected files with speech, or --remove, one of both")
    if remove:
        if not erase_voices(folder, [person]):
            raise GalleryInputError(f"{person}: no voice of this person beside {folder}")
        speech_s = 0.0
    else:
        if person not in open_gallery(folder):
            raise GalleryInputError(
                f'{person}: not in the gallery; see "tvradar gallery inspect {folder}"'
            )
        speech_s = enrol_voice(folder, person, files, part_s, seen=seen)
    path = voices_path(folder)
    if json:
        print_json(ChangedVoice(str(path), person, speech_s))
    elif remove:
        out.print(f"{path}: the voice of {person} is erased", markup=False)
    else:
        out.print(f"{path}: the voice of {person}, of {speech_s:g} s of speech", markup=False)
        out.print(
            f'it is biometric data, and stays on this machine; "tvradar gallery voice {folder} '
            f'{person} --remove" erases it',
            markup=False,
        )


def compact_gallery(folder: Path, *, json: bool) -> None:
    """Merge all segments."""
    _tell(folder, update.compact(folder), json=json)


def _tell(folder: Path, release: Release, *, json: bool) -> None:
    found = Changed(
        gallery=str(folder),
        release=release.number,
        people=release.people_count,
        segments=len(release.segments),
        tombstones=len(release.tombstones),
    )
    if json:
        print_json(found)
    else:
        out.print(
            f"{folder}: release {found.release}, {found.people} people, "
            f"{found.segments} segments, {found.tombstones} tombstones",
            markup=False,
        )
