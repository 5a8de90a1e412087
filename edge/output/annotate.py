"""The overlay burned into frames: boxes that hold the faces, plates with the names below them."""

from __future__ import annotations

from collections import OrderedDict
from typing import TYPE_CHECKING, Literal

import cv2
import numpy as np
from PIL import Image, ImageDraw

from edge.output.fonts import font_for
from engines.look import colour, radius

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from edge.recognise.scene import Face, Scene

Kind = Literal["named", "either", "unknown"]

ACCENT_RGB: dict[Kind, tuple[int, int, int]] = {
    "named": colour("accent")[:3],
    "either": colour("doubt")[:3],
    "unknown": colour("ink-soft")[:3],
}
PLATE_RGBA = colour("glass")
TEXT_RGB = colour("ink")[:3]
EDGE_BGR = colour("ground")[2::-1]
ROUND = radius("round")
"""Of corners and plates, in units of the text's size."""
TEXT_UNITS = 11
MAX_PLATES = 256
MAX_TEXT = 60
"""Longer names are cut: no plate is wider than the picture can show."""


class Annotator:
    """Draws scenes on frames; one per video, since it keeps the name plates it has drawn.

    Args:
        either: the word between two candidates of an ambiguous face.
        show_unknown: also frame the faces without a name.
    """

    def __init__(self, *, either: str = "or", show_unknown: bool = True) -> None:
        self._either = either
        self._show_unknown = show_unknown
        self._plates: OrderedDict[tuple[str, Kind, int], NDArray[np.float32]] = OrderedDict()

    def draw(
        self, bgr: NDArray[np.uint8], scene: Scene, names: Mapping[str, str]
    ) -> NDArray[np.uint8]:
        """Return a copy of the frame with the scene's faces on it.

        Args:
            bgr: uint8 (height, width, 3), BGR; is not written to.
            scene: its faces, in pixels of `scene.width` x `scene.height`.
            names: by id; an id that is missing is shown as it is.
        """
        frame = bgr.copy()
        height, width = frame.shape[:2]
        factor = np.tile((width / scene.width, height / scene.height), 2)
        unit = max(1, round(height / 360))
        # The named last, so that their plates lie on top.
        for face in sorted(scene.faces, key=lambda f: (f.id is not None, f.track)):
            kind, text = self._label(face, names)
            if kind == "unknown" and not self._show_unknown:
                continue
            box = np.asarray(face.box) * factor
            if not np.isfinite(box).all():
                continue
            box = np.clip(box, -4 * max(width, height), 4 * max(width, height))
            _draw_frame(frame, box, kind, unit)
            if text:
                self._draw_plate(frame, box, text, kind, unit)
        return frame

    def _label(self, face: Face, names: Mapping[str, str]) -> tuple[Kind, str]:
        if face.id is not None:
            return "named", names.get(face.id, face.id)
        if face.why == "ambiguous" and len(face.candidates) > 1:
            first, second = (names.get(c.id, c.id) for c in face.candidates[:2])
            return "either", f"{first} {self._either} {second}"
        return "unknown", ""

    def _draw_plate(
        self, frame: NDArray[np.uint8], box: NDArray[np.float64], text: str, kind: Kind, unit: int
    ) -> None:
        plate = self._plate(text, kind, unit)
        height, width = frame.shape[:2]
        rows, cols = plate.shape[:2]
        gap = 3 * unit
        left = round((box[0] + box[2] - cols) / 2)
        top = round(box[3]) + gap
        if top + rows > height:  # no room below: above, and as a last resort inside
            top = round(box[1]) - gap - rows
            top = top if top >= 0 else height - rows - gap
        blend(frame, plate, min(max(left, 0), max(0, width - cols)), max(top, 0))

    def _plate(self, text: str, kind: Kind, unit: int) -> NDArray[np.float32]:
        key = (text, kind, unit)
        if key not in self._plates:
            self._plates[key] = make_plate(text, kind, unit)
            if len(self._plates) > MAX_PLATES:
                self._plates.popitem(last=False)
        self._plates.move_to_end(key)
        return self._plates[key]


def make_plate(text: str, kind: Kind, unit: int) -> NDArray[np.float32]:
    """Return a name plate: float32 (height, width, 4), B, G, R times alpha, and alpha, 0 to 1."""
    shown = " ".join("".join(c if c.isprintable() else " " for c in text).split())
    shown = shown if len(shown) <= MAX_TEXT else shown[: MAX_TEXT - 1] + "…"
    font = font_for(shown, TEXT_UNITS * unit)
    ascent, descent = font.getmetrics()
    pad_x, pad_y, bar = 7 * unit, 4 * unit, 3 * unit
    width = round(font.getlength(shown)) + 2 * pad_x + bar + 2 * unit
    height = ascent + descent + 2 * pad_y
    # Pillow does not smooth the edges of shapes: draw large, then shrink; the text at its size.
    big = Image.new("RGBA", (4 * width, 4 * height), (*PLATE_RGBA[:3], 0))
    draw = ImageDraw.Draw(big)
    draw.rounded_rectangle(
        (0, 0, 4 * width - 1, 4 * height - 1),
        4 * min(round(ROUND * TEXT_UNITS * unit), height // 2),
        fill=PLATE_RGBA,
    )
    x, y = 4 * (pad_x - unit), 4 * (pad_y + unit)
    draw.rounded_rectangle(
        (x, y, x + 4 * bar - 1, 4 * height - y - 1), 2 * bar, fill=(*ACCENT_RGB[kind], 255)
    )
    plate = big.resize((width, height), Image.Resampling.BOX)
    ImageDraw.Draw(plate).text(
        (pad_x + bar + 2 * unit, pad_y), shown, font=font, fill=(*TEXT_RGB, 255)
    )
    rgba = np.asarray(plate, np.float32) / 255.0
    alpha = rgba[..., 3:]
    return np.ascontiguousarray(np.concatenate([rgba[..., 2::-1] * alpha, alpha], axis=2))


def blend(frame: NDArray[np.uint8], plate: NDArray[np.float32], left: int, top: int) -> None:
    """Lay a plate on a frame (uint8 (height, width, 3), BGR), in place; what lies outside is cut.

    Args:
        frame: is written to.
        plate: float32 (rows, cols, 4), as `make_plate` returns it.
        left: x of the plate's left edge in the frame, may be negative.
        top: y of its upper edge, may be negative.
    """
    x0, y0 = max(left, 0), max(top, 0)
    x1 = min(left + plate.shape[1], frame.shape[1])
    y1 = min(top + plate.shape[0], frame.shape[0])
    if x0 >= x1 or y0 >= y1:
        return
    part = plate[y0 - top : y1 - top, x0 - left : x1 - left]
    under = frame[y0:y1, x0:x1].astype(np.float32)
    mixed = under * (1 - part[..., 3:]) + part[..., :3] * 255.0
    frame[y0:y1, x0:x1] = np.rint(mixed).astype(np.uint8)


def _draw_frame(frame: NDArray[np.uint8], box: NDArray[np.float64], kind: Kind, unit: int) -> None:
    """Draw the box's four rounded corners, with a dark edge that shows on white as on black."""
    left, top, right, bottom = (round(float(v)) for v in box)
    side = min(right - left, bottom - top)
    if side < 4:
        return
    rounding = max(2, min(side // 6, round(ROUND * TEXT_UNITS * unit)))
    arm = max(0, side // 4 - rounding)
    accent = ACCENT_RGB[kind]
    thin = kind == "unknown"
    strokes = (
        (EDGE_BGR, (2 if thin else 3) * unit),
        (accent[::-1], unit if thin else max(2, (3 * unit) // 2)),
    )
    for stroke, thickness in strokes:
        for x, y, sx, sy, angle in (
            (left, top, 1, 1, 180),
            (right, top, -1, 1, 270),
            (right, bottom, -1, -1, 0),
            (left, bottom, 1, -1, 90),
        ):
            centre = (x + sx * rounding, y + sy * rounding)
            cv2.ellipse(
                frame, centre, (rounding, rounding), angle, 0, 90, stroke, thickness, cv2.LINE_AA
            )
            end_x = (x + sx * (rounding + arm), y)
            end_y = (x, y + sy * (rounding + arm))
            cv2.line(frame, (x + sx * rounding, y), end_x, stroke, thickness, cv2.LINE_AA)
            cv2.line(frame, (x, y + sy * rounding), end_y, stroke, thickness, cv2.LINE_AA)
