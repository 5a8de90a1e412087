"""From a picture of somebody to a face with its embedding: the only module here that loads models.

Each picture gives its largest good face, or a reason why it gives none. What the pictures of a
catalogue say together is judged later, in `gallery.enrol.labels`.
"""

from __future__ import annotations

import hashlib
import io
from typing import TYPE_CHECKING

import cv2
import numpy as np
from PIL import Image

from engines.catalog import find_model, model_identity
from engines.errors import PictureError
from engines.image import decode_picture
from engines.pipeline import FacePipeline, StillFaces, load_pipeline
from engines.quality import MIN_SIDE_PX
from gallery.enrol.people import EmbeddedPerson, Entry, PictureRef, PictureReport, Sample
from gallery.enrol.storage import read_bytes

if TYPE_CHECKING:
    from numpy.typing import NDArray

PADDINGS = (0.0, 0.3, 0.6)
"""A tight crop leaves the detector no context: shares of its longer side added as a border."""
MIN_QUALITY = 0.02
PHOTO_SIDE_PX = 256


def models() -> tuple[str, str]:
    """Return the embedder's identity, and what else an embedding depends on, loading nothing."""
    files = " ".join(find_model(name).source.sha256 for name in ("yunet", "sface"))
    return model_identity("sface"), files


def enrolment_pipeline(threads: int) -> FacePipeline:
    """Load the models as enrolment uses them: a float gallery serves INT8 probes best.

    ONNX Runtime gives the same bits for any number of threads; a test holds it to that.
    """
    return load_pipeline(threads=threads, precision="fp32")


def embed_entry(pipeline: FacePipeline, entry: Entry) -> EmbeddedPerson:
    """Return what the models make of one person's pictures.

    Raises:
        CatalogueReadError: a picture's store cannot be reached; a picture that is not there or
            that nobody may read is reported instead.
    """
    samples: list[Sample] = []
    rejected: list[PictureReport] = []
    for picture in entry.pictures:
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


def _take_picture(pipeline: FacePipeline, picture: PictureRef) -> Sample | PictureReport:
    """Return the face of a picture, or why there is none."""
    try:
        data = read_bytes(picture.uri)
        bgr = decode_picture(data, picture.name)
    except (OSError, PictureError) as error:
        reason = str(error).removeprefix(f"{picture.name}: ")
        return PictureReport(picture.name, "rejected", reason)
    largest = largest_face(pipeline, bgr)
    if largest is None:
        return PictureReport(picture.name, "rejected", "no face found")
    found, padded = largest
    side, quality = float(found.quality.side_px[0]), float(found.quality.overall[0])
    if side < MIN_SIDE_PX:
        reason = f"face of {side:.0f} px, expected at least {MIN_SIDE_PX:.0f}"
        return PictureReport(picture.name, "rejected", reason)
    if quality < MIN_QUALITY:
        reason = f"quality {quality:.3f}, expected at least {MIN_QUALITY}: blurred, dark or profile"
        return PictureReport(picture.name, "rejected", reason)
    digest = hashlib.sha256(data).hexdigest()
    vector = found.vectors[0].astype("<f4").tobytes()
    return Sample(picture, digest, vector, quality, _photo(padded, found))


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
