"""From a folder of people's pictures to templates: the only module here that loads models.

PEOPLE_DIR has one folder per person, named by id, with pictures and an optional `person.toml`.
Each picture gives one face, or a reason why it gives none; a person's template is the
quality-weighted mean of the pictures that agree.
"""

from __future__ import annotations

import hashlib
import io
import logging
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

import cv2
import msgspec
import numpy as np
from PIL import Image

from engines.errors import PictureError
from engines.faces import FacePipeline, StillFaces, unit
from engines.picture import PICTURE_SUFFIXES, decode_picture
from engines.quality import MIN_SIDE_PX
from gallery.errors import GalleryInputError
from gallery.person import Person, Picture, check_person_id, read_person_file

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from numpy.typing import NDArray

log = logging.getLogger(__name__)

PADDINGS = (0.0, 0.3, 0.6)
"""A tight crop leaves the detector no context: shares of its longer side added as a border."""
MIN_QUALITY = 0.02
DUPLICATE_COSINE = 0.985
WRONG_PERSON_COSINE = 0.25
"""A picture less like the others of its person is likely of somebody else; impostors have 0.11 in
the mean with a standard deviation of 0.09 (`docs/accuracy.md`)."""
PHOTO_SIDE_PX = 256

Status = Literal["used", "rejected", "flagged"]


class PictureReport(msgspec.Struct, frozen=True):
    """What became of one picture: `flagged` is used, but somebody should look at it."""

    path: str
    status: Status
    reason: str = ""
    quality: float = 0.0


class PersonReport(msgspec.Struct, frozen=True):
    """What became of one person; without a usable picture `enrolled` is false."""

    id: str
    enrolled: bool
    pictures: tuple[PictureReport, ...]


@dataclass(frozen=True, slots=True)
class _Sample:
    """One picture's face."""

    path: Path
    sha256: str
    vector: NDArray[np.float32]
    quality: float
    photo: bytes


@dataclass(slots=True)
class Enrolment:
    """People with their templates, ready to be written.

    Attributes:
        people: in the order of their ids.
        templates: float32 (t, dimension), unit length.
        owners: int32 (t,), index into `people`.
        reports: one for each folder, also of those who could not be enrolled.
    """

    people: list[Person] = field(default_factory=list)
    templates: NDArray[np.float32] = field(default_factory=lambda: np.zeros((0, 0), np.float32))
    owners: NDArray[np.int32] = field(default_factory=lambda: np.zeros(0, np.int32))
    reports: list[PersonReport] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class EnrolledPerson:
    """One person's part of an enrolment; `template` is None when no picture could be used."""

    person: Person
    template: NDArray[np.float32] | None
    samples: NDArray[np.float32]
    paths: tuple[str, ...]
    report: PersonReport


def find_people(people_dir: Path) -> list[Path]:
    """Return the folders of the people, sorted by id.

    Raises:
        GalleryInputError: the folder is missing, has no person, or a folder's name is no id.
    """
    if not people_dir.is_dir():
        raise GalleryInputError(
            f"{people_dir}: no such folder, expected one folder per person with pictures in it"
        )
    folders = sorted(p for p in people_dir.iterdir() if p.is_dir() and not p.name.startswith("."))
    if not folders:
        raise GalleryInputError(
            f"{people_dir}: no folder in it, expected one folder per person, named by id, with "
            "pictures in it"
        )
    for folder in folders:
        check_person_id(folder.name)
    return folders


def enrol_people(pipeline: FacePipeline, people_dir: Path) -> Iterator[EnrolledPerson]:
    """Yield each person of a folder as enrolled; see `find_people` for errors."""
    for folder in find_people(people_dir):
        yield enrol_person(pipeline, folder)


def enrol_person(pipeline: FacePipeline, folder: Path) -> EnrolledPerson:
    """Enrol one person from a folder of pictures.

    Raises:
        GalleryInputError: `person.toml` is not what it should be.
    """
    person = read_person_file(folder)
    samples: list[_Sample] = []
    reports: list[PictureReport] = []
    for path in sorted(p for p in folder.iterdir() if p.suffix.lower() in PICTURE_SUFFIXES):
        taken = _take_picture(pipeline, path)
        if isinstance(taken, PictureReport):
            reports.append(taken)
        elif any(taken.sha256 == other.sha256 for other in samples):
            reports.append(PictureReport(path.name, "rejected", "same file as another picture"))
        else:
            samples.append(taken)
    kept, found = _judge(samples)
    reports = sorted([*reports, *found], key=lambda report: report.path)
    report = PersonReport(folder.name, bool(kept), tuple(reports))
    if not kept:
        empty = np.zeros((0, pipeline.embedder.dimension), np.float32)
        return EnrolledPerson(person, None, empty, (), report)
    weights = np.array([s.quality for s in kept], np.float32)
    vectors = np.stack([s.vector for s in kept])
    pictures = {p.sha256: p for p in person.pictures}
    person = msgspec.structs.replace(
        person,
        pictures=tuple(pictures.get(s.sha256, Picture(sha256=s.sha256)) for s in kept),
        photo=max(kept, key=lambda s: s.quality).photo,
    )
    template = unit((vectors * weights[:, None]).sum(axis=0))
    return EnrolledPerson(person, template, vectors, tuple(s.path.name for s in kept), report)


def collect(enrolled: list[EnrolledPerson]) -> Enrolment:
    """Put people together, and flag pictures that look like another person than their folder says.

    Raises:
        GalleryInputError: nobody has a usable picture.
    """
    whole = [e for e in enrolled if e.template is not None]
    if not whole:
        raise GalleryInputError(
            f"{len(enrolled)} people: none has a picture with a usable face; see the report"
        )
    templates = np.stack([e.template for e in whole if e.template is not None])
    reports = {e.report.id: e.report for e in enrolled}
    for index, one in enumerate(whole):
        reports[one.report.id] = _flag_strangers(one, index, whole, templates)
    return Enrolment(
        [e.person for e in whole],
        templates,
        np.arange(len(whole), dtype=np.int32),
        list(reports.values()),
    )


def largest_face(
    pipeline: FacePipeline, bgr: NDArray[np.uint8]
) -> tuple[StillFaces, NDArray[np.uint8]] | None:
    """Return the largest good face of a picture, or None.

    A tight crop is padded; the picture returned with the face, uint8 (height, width, 3) BGR, is
    the padded one that the face's coordinates belong to.
    """
    best = None
    for padding in PADDINGS:
        border = int(max(bgr.shape[:2]) * padding)
        padded = bgr
        if border:
            padded = np.asarray(
                cv2.copyMakeBorder(bgr, border, border, border, border, cv2.BORDER_CONSTANT),
                np.uint8,
            )
        found = pipeline.detector.detect_pyramid(padded)
        found = found[found.scores >= 0.6]
        if not len(found):
            continue
        face = found[[int(np.argmax(found.sides_px))]]
        if best is None or face.scores[0] > best[0].scores[0] + 0.05:
            best = face, padded
        if best[0].scores[0] > 0.8:
            break
    return (pipeline.still_of(best[1], best[0]), best[1]) if best else None


def _take_picture(pipeline: FacePipeline, path: Path) -> _Sample | PictureReport:
    """Return the face of a picture, or why there is none."""
    try:
        data = path.read_bytes()
        bgr = decode_picture(data, path.name)
    except (OSError, PictureError) as error:
        return PictureReport(path.name, "rejected", str(error).removeprefix(f"{path.name}: "))
    largest = largest_face(pipeline, bgr)
    if largest is None:
        return PictureReport(path.name, "rejected", "no face found")
    found, padded = largest
    side, quality = float(found.quality.side_px[0]), float(found.quality.overall[0])
    if side < MIN_SIDE_PX:
        reason = f"face of {side:.0f} px, expected at least {MIN_SIDE_PX:.0f}"
        return PictureReport(path.name, "rejected", reason)
    if quality < MIN_QUALITY:
        reason = f"quality {quality:.3f}, expected at least {MIN_QUALITY}: blurred, dark or profile"
        return PictureReport(path.name, "rejected", reason)
    digest = hashlib.sha256(data).hexdigest()
    return _Sample(path, digest, found.vectors[0], quality, _photo(padded, found))


def _judge(samples: list[_Sample]) -> tuple[list[_Sample], list[PictureReport]]:
    """Drop pictures that disagree with the others of the same person; flag duplicates."""
    vectors = [s.vector for s in samples]
    similar = np.stack(vectors) @ np.stack(vectors).T if vectors else np.zeros((0, 0))
    kept, reports = [], []
    for i, sample in enumerate(samples):
        others = np.delete(similar[i], i)
        status: Status = "used"
        reason = ""
        if len(others) >= 2 and float(np.median(others)) < WRONG_PERSON_COSINE:
            status, reason = (
                "rejected",
                f"unlike the others of this person ({np.median(others):.2f})",
            )
        elif len(others) == 1 and float(others[0]) < WRONG_PERSON_COSINE:
            status, reason = (
                "flagged",
                f"the two pictures differ ({others[0]:.2f}): the same person?",
            )
        elif len(others) and float(similar[i, :i].max(initial=-1)) > DUPLICATE_COSINE:
            twin = samples[int(np.argmax(similar[i, :i]))].path.name
            status, reason = "flagged", f"nearly the same picture as {twin}"
        if status != "rejected":
            kept.append(sample)
        reports.append(PictureReport(sample.path.name, status, reason, round(sample.quality, 3)))
    if samples and not kept:
        # Nothing agrees with anything: keep all and say so, rather than to lose the person.
        return samples, [
            msgspec.structs.replace(r, status="flagged", reason="no two pictures agree")
            for r in reports
        ]
    return kept, reports


def _flag_strangers(
    one: EnrolledPerson, index: int, whole: list[EnrolledPerson], templates: NDArray[np.float32]
) -> PersonReport:
    """Flag each picture that is more like another person's template than like its own."""
    scores = one.samples @ templates.T
    flagged = {}
    for name, row in zip(one.paths, scores, strict=True):
        other = int(np.argmax(np.where(np.arange(len(row)) == index, -1, row)))
        alone = len(one.paths) == 1
        if len(row) > 1 and row[other] > (max(row[index], 0.4) if not alone else 0.5):
            flagged[name] = f"looks like {whole[other].person.id} ({row[other]:.2f})"
    pictures = tuple(
        msgspec.structs.replace(p, status="flagged", reason=flagged[p.path])
        if p.path in flagged
        else p
        for p in one.report.pictures
    )
    return msgspec.structs.replace(one.report, pictures=pictures)


def _photo(bgr: NDArray[np.uint8], found: StillFaces) -> bytes:
    """Return a JPEG of the head and shoulders, at most 256 px a side."""
    left, top, right, bottom = found.faces.xyxy_px[0]
    side = 1.1 * max(right - left, bottom - top)
    x, y = (left + right) / 2, (top + bottom) / 2
    height, width = bgr.shape[:2]
    box = (max(0, x - side), max(0, y - side), min(width, x + side), min(height, y + side))
    image = Image.fromarray(np.ascontiguousarray(bgr[..., ::-1])).crop(box)
    image.thumbnail((PHOTO_SIDE_PX, PHOTO_SIDE_PX))
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=85)
    return buffer.getvalue()
