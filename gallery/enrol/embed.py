"""From a picture of somebody to faces with embeddings: the only module here that loads models.

Each picture gives its good faces, or a reason why it gives none. Which of several is the person's,
and what the pictures of a catalogue say together, is judged later, in `gallery.enrol.choose` and
`gallery.enrol.labels`.
"""

from __future__ import annotations

import hashlib
import io
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

import cv2
import numpy as np
from PIL import Image

from engines.catalog import SECOND_DETECTOR, default_name, find_model, model_identity
from engines.errors import PictureError
from engines.fetch import present
from engines.pictures.pixels import shrunk
from engines.pictures.read import decode, open_file
from engines.pipeline import STILL_MIN_SCORE, FacePipeline, StillFaces, load_pipeline
from engines.quality import MIN_SIDE_PX
from gallery.enrol.people import (
    EmbeddedPerson,
    Entry,
    OtherFace,
    PictureRef,
    PictureReport,
    Sample,
)
from gallery.enrol.storage import is_url, read_bytes

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from numpy.typing import NDArray

    from engines.detections import Detections

PADDINGS = (0.3, 0.6)
"""A tight crop leaves the detector no context: shares of its longer side added as a border."""
PADDED_FROM_PX = 1280
NEAR_SHARE = 0.25
"""Faces smaller than this share of the largest are in the background."""
MAX_FACES = 16
MIN_QUALITY = 0.02
PHOTO_SIDE_PX = 256
DEADLY = "ended the process that read it, twice; save it again, as JPEG"


def models(embedder: str = "") -> tuple[str, str]:
    """Return the embedder's identity, and what else an embedding depends on, loading nothing.

    Args:
        embedder: its name in the catalog; by default the one that devices run.
    """
    names = [default_name("detector"), embedder or default_name("embedder")]
    names += [SECOND_DETECTOR] if present(SECOND_DETECTOR) else []
    files = " ".join(find_model(name).source.sha256 for name in names)
    return model_identity(names[1]), files


def enrolment_pipeline(threads: int, embedder: str = "") -> FacePipeline:
    """Load the models as enrolment uses them: a float gallery serves INT8 probes best.

    ONNX Runtime gives the same bits for any number of threads; a test holds it to that.
    """
    return load_pipeline(threads=threads, precision="fp32", embedder=embedder)


def embed_entry(
    pipeline: FacePipeline,
    entry: Entry,
    on_picture: Callable[[str], None] = lambda _: None,
    deadly: frozenset[str] = frozenset(),
) -> EmbeddedPerson:
    """Return what the models make of one person's pictures.

    Args:
        pipeline: the models.
        entry: the person.
        on_picture: called with the address of each picture before it is opened.
        deadly: addresses of pictures whose reading ended a process; they are not opened again.

    Raises:
        CatalogueReadError: a picture's store cannot be reached; a picture that is not there or
            that nobody may read is reported instead.
    """
    samples: list[Sample] = []
    rejected: list[PictureReport] = []
    for picture in entry.pictures:
        if picture.uri in deadly:
            rejected.append(PictureReport(picture.name, "rejected", DEADLY))
            continue
        on_picture(picture.uri)
        taken = _take_picture(pipeline, picture)
        if isinstance(taken, PictureReport):
            rejected.append(taken)
        elif any(taken.sha256 == other.sha256 for other in samples):
            reason = "same file as another picture"
            rejected.append(PictureReport(picture.name, "rejected", reason))
        else:
            samples.append(taken)
    return EmbeddedPerson(entry.person, tuple(samples), tuple(rejected))


def largest_face(
    pipeline: FacePipeline, bgr: NDArray[np.uint8]
) -> tuple[StillFaces, NDArray[np.uint8], int] | None:
    """Return the largest face of a picture, or None.

    A tight crop is padded; the picture returned with the face, uint8 (height, width, 3) BGR, is
    the padded one that the face's coordinates belong to. Last is how many faces of its kind there
    are, passers-by in the background not counted.
    """
    found, padded = faces_of(pipeline, bgr)
    if not len(found):
        return None
    return pipeline.still_of(padded, found[[0]]), padded, len(found)


def faces_of(
    pipeline: FacePipeline, bgr: NDArray[np.uint8]
) -> tuple[Detections, NDArray[np.uint8]]:
    """Return the faces that a picture may be of, largest first, and the picture that they lie in.

    Faces of less than a quarter of the largest one's size are in the background.
    """
    best = _find(pipeline, bgr)
    searched = bgr
    for padding in PADDINGS:
        if len(best) and best.scores[0] > 0.8:
            break
        padded = _padded(bgr, padding)
        found = _find(pipeline, padded)
        if len(found) and (not len(best) or found.scores[0] > best.scores[0] + 0.05):
            best, searched = found, padded
    near = best.sides_px >= NEAR_SHARE * best.sides_px.max(initial=0)
    return best[np.flatnonzero(near)[:MAX_FACES]], searched


def _find(pipeline: FacePipeline, bgr: NDArray[np.uint8]) -> Detections:
    found = pipeline.detector.detect_pyramid(bgr)
    found = found[found.scores >= STILL_MIN_SCORE]
    return found[np.argsort(-found.sides_px, kind="stable")]


def _padded(bgr: NDArray[np.uint8], share: float) -> NDArray[np.uint8]:
    """Return a picture with a border, a share of its longer side wide.

    A crop of a face is neither large nor long: the border is reckoned from twice the shorter side
    at most, and a large picture is shrunk before, so that what is allocated stays small.
    """
    scale = min(1.0, PADDED_FROM_PX / max(bgr.shape[:2]))
    bgr = shrunk(bgr, scale)
    border = int(min(max(bgr.shape[:2]), 2 * min(bgr.shape[:2])) * share)
    padded = cv2.copyMakeBorder(bgr, border, border, border, border, cv2.BORDER_CONSTANT)
    return np.asarray(padded, np.uint8)


def _take_picture(pipeline: FacePipeline, picture: PictureRef) -> Sample | PictureReport:
    """Return the faces of a picture, or why there is none."""
    try:
        with _opened(picture) as file:
            bgr = decode(file, picture.name).bgr
            digest = _sha256(file)
    except (OSError, PictureError) as error:
        reason = str(error).removeprefix(f"{picture.name}: ").removeprefix(f"{picture.uri}: ")
        return PictureReport(picture.name, "rejected", reason)
    found, searched = faces_of(pipeline, bgr)
    if not len(found):
        return PictureReport(picture.name, "rejected", "no face found")
    faces = pipeline.still_of(searched, found)
    good = [i for i in range(len(found)) if not _fault(faces, i)]
    if not good:
        return PictureReport(picture.name, "rejected", _fault(faces, 0))
    sides = [float(side) for side in faces.quality.side_px]
    first, *others = (
        OtherFace(
            faces.vectors[i].astype("<f4").tobytes(),
            float(faces.quality.overall[i]),
            _photo(searched, faces.faces.xyxy_px[i]),
            sides[i],
        )
        for i in good
    )
    rival = max((side for i, side in enumerate(sides) if i != good[0]), default=0.0)
    return Sample(
        picture,
        digest,
        first.vector,
        first.quality,
        first.photo,
        first.side_px,
        rival,
        tuple(others),
    )


def _fault(faces: StillFaces, i: int) -> str:
    """Return why a face is no good for enrolment, or an empty string."""
    side, quality = float(faces.quality.side_px[i]), float(faces.quality.overall[i])
    if side < MIN_SIDE_PX:
        return f"face of {side:.0f} px, expected at least {MIN_SIDE_PX:.0f}"
    if quality < MIN_QUALITY:
        return f"quality {quality:.3f}, expected at least {MIN_QUALITY}: blurred, dark or profile"
    return ""


@contextmanager
def _opened(picture: PictureRef) -> Iterator[BinaryIO]:
    """Open a picture: a file as it lies there, all else as bytes."""
    if is_url(picture.uri):
        yield io.BytesIO(read_bytes(picture.uri))
        return
    with open_file(Path(picture.uri)) as file:
        yield file


def _sha256(file: BinaryIO) -> str:
    digest = hashlib.sha256()
    file.seek(0)
    while block := file.read(1 << 20):
        digest.update(block)
    return digest.hexdigest()


def _photo(bgr: NDArray[np.uint8], xyxy_px: NDArray[np.float32]) -> bytes:
    """Return a JPEG of the head and shoulders, at most 256 px a side."""
    left, top, right, bottom = xyxy_px
    side = 1.1 * max(right - left, bottom - top)
    x, y = (left + right) / 2, (top + bottom) / 2
    height, width = bgr.shape[:2]
    box = (max(0, x - side), max(0, y - side), min(width, x + side), min(height, y + side))
    image = Image.fromarray(np.ascontiguousarray(bgr[..., ::-1])).crop(box)
    image.thumbnail((PHOTO_SIDE_PX, PHOTO_SIDE_PX))
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=85)
    return buffer.getvalue()
