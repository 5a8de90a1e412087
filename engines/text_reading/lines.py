"""Lines of text in a picture: PP-OCRv4's detector and recogniser.

The detector gives the probability of text for each pixel (differentiable binarization, Liao et al.,
AAAI 2020); what is above a threshold is grown back to the height of the letters, cut out and read.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import groupby
from typing import TYPE_CHECKING, Any, cast

import cv2
import numpy as np

from engines.errors import ModelShapeError
from engines.fetch import fetch
from engines.onnxruntime_engine import OnnxRuntimeEngine

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

DETECTOR, RECOGNISER = "pptextdet", "pptextrec"
LONG_SIDE_PX = 832
GLANCE_PX = 480
"""Long side at which a picture is asked for any text first, for a quarter of the work; letters of
24 px in 720p are seen there, though not read."""
GLANCE_PROBABILITY = 0.15
LEAST_GLANCE = 4
"""This many pixels of a glance above that are worth a full reading."""
STEP_PX = 32
TEXT_PROBABILITY = 0.3
LINE_PROBABILITY = 0.5
GROWN_BY = 1.6
"""Area over circumference of what was found, times this, is how far it is grown."""
LEAST_SIDE_PX = 3
MOST_LINES = 40
LINE_HEIGHT_PX = 48
LEAST_WIDTH_PX = 64
MOST_WIDTH_PX = 1600
LOOK_PX = (96, 12)
NEAR_PX = 6.0
ALIKE = 6.0
"""Mean difference of small copies, of 255, up to which a line is the same as a second ago."""
SURE = 0.6
"""Lines that are read with less are no text."""


@dataclass(frozen=True, slots=True)
class TextLine:
    """A line as it was read.

    Attributes:
        text: with the spaces that the recogniser saw.
        score: mean probability of its characters, 0 to 1.
        corners_px: float32 (4, 2), clockwise from the upper left, in the picture.
    """

    text: str
    score: float
    corners_px: NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class _Known:
    """A line of the last picture, as it looked: float32 (12, 96, 3)."""

    corners_px: NDArray[np.float32]
    look: NDArray[np.float32]
    text: str
    score: float


class TextModels:
    """The two models, loaded once for all readers of a process; any thread may use them.

    Args:
        threads: for one run of a model.

    Raises:
        ModelMissingError: the files are not in the cache and cannot be fetched.
    """

    def __init__(self, threads: int = 1) -> None:
        self.detector = OnnxRuntimeEngine(fetch(DETECTOR), threads=threads)
        self.recogniser = OnnxRuntimeEngine(fetch(RECOGNISER), threads=threads)
        self.characters = _characters(self.recogniser.metadata)

    def close(self) -> None:
        """Free them."""
        self.detector.close()
        self.recogniser.close()


class TextReader:
    """Finds and reads lines, and remembers those of the last picture; one thread uses it.

    Args:
        models: loaded.

    Attributes:
        models: which it shares with other readers.
        searches: how often a picture was searched for lines at full size, after a glance at it.
    """

    def __init__(self, models: TextModels) -> None:
        self.models = models
        self._known: list[_Known] = []
        self.searches = 0

    def read(self, bgr: NDArray[np.uint8]) -> list[TextLine]:
        """Return the lines of a picture, uint8 (height, width, 3) in BGR, from above to below."""
        if min(bgr.shape[:2]) < STEP_PX // 2:
            return []
        if max(bgr.shape[:2]) > 1.5 * GLANCE_PX:
            seen = self._map(bgr, GLANCE_PX) > GLANCE_PROBABILITY
            if np.count_nonzero(seen) < LEAST_GLANCE:
                self._known = []
                return []
            if self._is_as_before(bgr, seen):
                return _lines(self._known)
        known = []
        self.searches += 1
        for corners in self._find(bgr):
            line = _cut_out(bgr, corners)
            look = _look(line)
            text, score = self._again(corners, look) or self._read_line(line)
            known.append(_Known(corners, look, text, score))
        self._known = known
        return _lines(known)

    def _is_as_before(self, bgr: NDArray[np.uint8], seen: NDArray[np.bool_]) -> bool:
        """Return whether the lines of the last picture stand there still, and no others.

        Args:
            bgr: the picture.
            seen: bool (h, w), where a glance at it shows text.
        """
        left = seen.astype(np.uint8)
        scale = np.array([left.shape[1] / bgr.shape[1], left.shape[0] / bgr.shape[0]], np.float32)
        for one in self._known:
            if float(np.abs(_look(_cut_out(bgr, one.corners_px)) - one.look).mean()) >= ALIKE:
                return False
            corners = np.round(one.corners_px * scale).astype(np.int32)
            cv2.fillPoly(left, [corners], 0)
            cv2.polylines(left, [corners], isClosed=True, color=0, thickness=5)
        return bool(self._known) and bool(np.count_nonzero(left) < LEAST_GLANCE)

    def _again(
        self, corners: NDArray[np.float32], look: NDArray[np.float32]
    ) -> tuple[str, float] | None:
        """Return what a line said that stands where it stood before, and looks as it did."""
        for one in self._known:
            near = float(np.abs(one.corners_px - corners).max()) < NEAR_PX
            if near and float(np.abs(one.look - look).mean()) < ALIKE:
                return one.text, one.score
        return None

    def _find(self, bgr: NDArray[np.uint8]) -> list[NDArray[np.float32]]:
        probability = self._map(bgr, LONG_SIDE_PX)
        back = np.divide(bgr.shape[1::-1], probability.shape[::-1], dtype=np.float32)
        return [corners * back for corners in lines_in(probability)]

    def _map(self, bgr: NDArray[np.uint8], long_side_px: int) -> NDArray[np.float32]:
        """Return the probability of text, float32 (h, w), of a picture shrunk to a size."""
        height, width = bgr.shape[:2]
        scale = min(1.0, long_side_px / max(height, width))
        size = (_stepped(width * scale), _stepped(height * scale))
        (probability,) = self.models.detector.run({"x": _blob(cv2.resize(bgr, size))}).values()
        return np.asarray(probability[0, 0], np.float32)

    def _read_line(self, line: NDArray[np.uint8]) -> tuple[str, float]:
        height, width = line.shape[:2]
        wide = min(max(math.ceil(width * LINE_HEIGHT_PX / height), 1), MOST_WIDTH_PX)
        blob = np.zeros((1, 3, LINE_HEIGHT_PX, max(wide, LEAST_WIDTH_PX)), np.float32)
        blob[..., :wide] = _blob(cv2.resize(line, (wide, LINE_HEIGHT_PX)))
        (steps,) = self.models.recogniser.run({"x": blob}).values()
        characters = self.models.characters
        if steps.shape[2] != len(characters):
            raise ModelShapeError(
                f"{RECOGNISER}: {steps.shape[2]} classes, expected {len(characters)}, the "
                "characters that it names"
            )
        return decode(steps[0], characters)


def _lines(known: Sequence[_Known]) -> list[TextLine]:
    """Return those that are surely text, from above to below."""
    found = [TextLine(k.text, k.score, k.corners_px) for k in known if k.text and k.score >= SURE]
    return sorted(found, key=lambda line: float(line.corners_px[0, 1]))


def _look(line: NDArray[np.uint8]) -> NDArray[np.float32]:
    return np.asarray(cv2.resize(line, LOOK_PX, interpolation=cv2.INTER_AREA), np.float32)


def lines_in(probability: NDArray[np.float32]) -> list[NDArray[np.float32]]:
    """Return the corners, float32 (4, 2), of each line in a map of text, float32 (h, w), 0 to 1."""
    mask = (probability > TEXT_PROBABILITY).astype(np.uint8)
    mask = cast("Any", cv2.dilate(mask, np.ones((2, 2), np.uint8)))
    contours, _ = cv2.findContours(mask, cv2.RETR_LIST, cv2.CHAIN_APPROX_SIMPLE)
    found = []
    for contour in sorted(contours, key=cv2.contourArea, reverse=True)[:MOST_LINES]:
        centre, (width, height), angle = cv2.minAreaRect(contour)
        if min(width, height) < LEAST_SIDE_PX or _inside(probability, contour) < LINE_PROBABILITY:
            continue
        grown = 2 * GROWN_BY * width * height / (2 * (width + height))
        box = cv2.boxPoints((centre, (width + grown, height + grown), angle))
        found.append(_clockwise(np.asarray(box, np.float32)))
    return found


def decode(steps: NDArray[np.float32], characters: Sequence[str]) -> tuple[str, float]:
    """Return the likeliest text, and its mean probability, of connectionist classification.

    Args:
        steps: float32 (time, classes), the probability of each; class 0 is none.
        characters: of the classes, the first is not used.
    """
    best, sure = steps.argmax(axis=1), steps.max(axis=1)
    kept = [
        (characters[number], float(max(sure[i] for i in run)))
        for number, run in groupby(range(len(best)), key=lambda i: int(best[i]))
        if number
    ]
    if not kept:
        return "", 0.0
    return "".join(c for c, _ in kept).strip(), sum(p for _, p in kept) / len(kept)


def _characters(metadata: dict[str, str]) -> tuple[str, ...]:
    return ("", *metadata.get("character", "").splitlines(), " ")


def _stepped(side_px: float) -> int:
    return max(STEP_PX, round(side_px / STEP_PX) * STEP_PX)


def _blob(bgr: Any) -> NDArray[np.float32]:
    """Return a picture as both networks take it: float32 (1, 3, h, w), -1 to 1, BGR."""
    scaled = np.asarray(bgr, np.float32) / 127.5 - 1
    return np.ascontiguousarray(scaled.transpose(2, 0, 1)[None])


def _inside(probability: NDArray[np.float32], contour: Any) -> float:
    """Return the mean probability within a contour."""
    x, y, width, height = cv2.boundingRect(contour)
    mask = np.zeros((height, width), np.uint8)
    cv2.fillPoly(mask, [contour - np.array([x, y])], 1)
    return float(cv2.mean(probability[y : y + height, x : x + width], mask)[0])


def _clockwise(corners: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the corners from the upper left on, with the text's direction along the first side."""
    left = corners[np.argsort(corners[:, 0], kind="stable")]
    upper_left, lower_left = left[:2][np.argsort(left[:2, 1])]
    upper_right, lower_right = left[2:][np.argsort(left[2:, 1])]
    return np.stack([upper_left, upper_right, lower_right, lower_left])


def _cut_out(bgr: NDArray[np.uint8], corners: NDArray[np.float32]) -> NDArray[np.uint8]:
    """Return a line upright; one that is much higher than wide is turned, as columns are read."""
    width = max(1, round(float(np.linalg.norm(corners[1] - corners[0]))))
    height = max(1, round(float(np.linalg.norm(corners[3] - corners[0]))))
    target = np.array([[0, 0], [width, 0], [width, height], [0, height]], np.float32)
    turn = cv2.getPerspectiveTransform(corners, target)
    line = cv2.warpPerspective(
        bgr, turn, (width, height), flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE
    )
    return np.asarray(np.rot90(line) if height > 1.5 * width else line, np.uint8)
