"""Launch the kernels of `kernels/preprocess.cu`; the structs mirror those of the source."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from engines.align import CHIP_SIZE_PX, similarity_transforms
from engines.tensorrt.errors import DeviceError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from engines.tensorrt.device import Device, DeviceImage

KERNELS = ("letterbox", "warp_faces", "nv12_to_bgr", "yuv422_to_bgr")

BLOCK = (32, 8, 1)

IMAGE = np.dtype(
    [
        ("pixels", np.uint64),
        *[
            (name, np.int32)
            for name in ("width", "height", "row_bytes", "pixel_bytes", "blue_at", "unused")
        ],
    ]
)
LETTERBOX = np.dtype(
    [
        ("source", IMAGE),
        ("target", np.uint64),
        *[
            (name, np.int32)
            for name in ("inner_width", "inner_height", "target_width", "target_height")
        ],
    ]
)
WARP_FACES = np.dtype(
    [
        ("source", IMAGE),
        ("target", np.uint64),
        ("inverses", np.uint64),
        *[(name, np.int32) for name in ("faces", "side", "blue_first", "unused")],
    ]
)
CONVERT = np.dtype(
    [
        ("luma", np.uint64),
        ("chroma", np.uint64),
        ("target", np.uint64),
        *[
            (name, np.int32)
            for name in (
                *("width", "height", "luma_row_bytes", "chroma_row_bytes", "target_row_bytes"),
                *("luma_at", "y_factor", "ub_factor", "ug_factor", "vg_factor", "vr_factor"),
                "unused",
            )
        ],
    ]
)

# Y, U to blue, U to green, V to green, V to red; limited range, in units of 2^-20.
BT601 = (1220542, 2116026, -409993, -852492, 1673527)
"""OpenCV's own numbers."""
BT709 = (1220945, 2215014, -223607, -558796, 1879825)
"""ITU-R BT.709 with Kr 0.2126 and Kb 0.0722: what HD video uses."""


def grid_of(width: int, height: int, depth: int = 1) -> tuple[int, int, int]:
    """Return the blocks that cover this many threads."""
    return (-(-width // BLOCK[0]), -(-height // BLOCK[1]), depth)


def inner_size(width: int, height: int, target_px: tuple[int, int]) -> tuple[int, int]:
    """Return the width and height of a picture shrunk into the detector's input, never enlarged."""
    scale = min(1.0, target_px[0] / width, target_px[1] / height)
    return max(1, round(width * scale)), max(1, round(height * scale))


def inverse_transforms(landmarks_px: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return what maps chip pixels to frame pixels, as OpenCV inverts it in warpAffine.

    Args:
        landmarks_px: float32 (n, 5, 2), pixels of the frame.

    Returns:
        float32 (n, 2, 3). A degenerate face (scale 0) gets zeros, as in OpenCV.
    """
    forward = similarity_transforms(landmarks_px)
    linear, shift = forward[:, :, :2], forward[:, :, 2]
    a, b, c, d = linear[:, 0, 0], linear[:, 0, 1], linear[:, 1, 0], linear[:, 1, 1]
    determinant = a * d - b * c
    one_over = np.divide(1, determinant, out=np.zeros_like(determinant), where=determinant != 0)
    inverse = np.stack([np.stack([d, -b], -1), np.stack([-c, a], -1)], 1) * one_over[:, None, None]
    back = -(inverse @ shift[..., None])
    return np.concatenate([inverse, back], axis=2).astype(np.float32)


class Preprocessor:
    """The kernels, loaded on a device; enqueues and never waits.

    Args:
        device: where they run.
        image: the compiled kernels (a cubin).
        max_faces: most faces warped at once.
    """

    def __init__(self, device: Device, image: bytes, *, max_faces: int = 16) -> None:
        self._device = device
        self._functions = device.load_kernels(image, KERNELS)
        self._max_faces = max_faces
        self._letterbox = np.zeros(1, LETTERBOX)
        self._warp = np.zeros(1, WARP_FACES)
        self._convert = np.zeros(1, CONVERT)
        self._inverses = device.allocate(max_faces * 24)
        pinned = device.allocate_pinned(max_faces * 24)
        self._pinned_inverses = pinned.view(np.float32).reshape(max_faces, 2, 3)

    def letterbox(
        self, image: DeviceImage, target: int, target_px: tuple[int, int], stream: int
    ) -> tuple[int, int]:
        """Write the detector's input; return the width and height that the picture takes in it.

        Args:
            image: the frame in device memory.
            target: address of float32 (3, height, width), which becomes BGR planes, 0 to 255.
            target_px: width and height of the target.
            stream: where to enqueue.
        """
        inner = inner_size(image.width, image.height, target_px)
        _describe(self._letterbox["source"], image)
        self._letterbox["target"] = target
        self._letterbox["inner_width"], self._letterbox["inner_height"] = inner
        self._letterbox["target_width"], self._letterbox["target_height"] = target_px
        function = self._functions["letterbox"]
        self._device.launch(function, grid_of(*target_px), BLOCK, self._letterbox, stream)
        return inner

    def warp_faces(
        self,
        image: DeviceImage,
        landmarks_px: NDArray[np.float32],
        target: int,
        stream: int,
        *,
        blue_first: bool = False,
    ) -> None:
        """Write the embedder's input: the faces on the ArcFace template.

        The stream must be done with the last call before this is called again.

        Args:
            image: the frame in device memory.
            landmarks_px: float32 (n, 5, 2), pixels of the frame.
            target: address of float32 (n, 3, 112, 112), which becomes RGB (or BGR) planes.
            stream: where to enqueue.
            blue_first: BGR planes.

        Raises:
            DeviceError: more faces than there is room for.
        """
        faces = len(landmarks_px)
        if not 0 < faces <= self._max_faces:
            raise DeviceError(f"faces: {faces}, expected 1 to {self._max_faces}; split the batch")
        self._pinned_inverses[:faces] = inverse_transforms(landmarks_px)
        self._device.copy_in(self._inverses, self._pinned_inverses[:faces], stream)
        _describe(self._warp["source"], image)
        self._warp["target"], self._warp["inverses"] = target, self._inverses
        self._warp["faces"], self._warp["side"] = faces, CHIP_SIZE_PX
        self._warp["blue_first"] = blue_first
        grid = grid_of(CHIP_SIZE_PX, CHIP_SIZE_PX, faces)
        self._device.launch(self._functions["warp_faces"], grid, BLOCK, self._warp, stream)

    def convert(
        self,
        kind: str,
        planes: tuple[int, int],
        row_bytes: tuple[int, int],
        target: DeviceImage,
        stream: int,
        *,
        factors: tuple[int, int, int, int, int] = BT601,
    ) -> None:
        """Convert a video frame to packed BGR.

        Args:
            kind: `nv12`, `yuyv` or `uyvy`.
            planes: addresses of the luma (or packed) and the chroma plane; the second unused in
                packed formats.
            row_bytes: of the two planes.
            target: BGR picture of the frame's size, both sides even.
            stream: where to enqueue.
            factors: BT601 or BT709.
        """
        if kind not in ("nv12", "yuyv", "uyvy") or target.width % 2 or target.height % 2:
            raise DeviceError(
                f"video format {kind!r} {target.width}x{target.height}: not supported, expected "
                "nv12, yuyv or uyvy of even width and height"
            )
        p = self._convert
        p["luma"], p["chroma"] = planes
        p["target"], p["target_row_bytes"] = target.address, target.row_bytes
        p["width"], p["height"] = target.width, target.height
        p["luma_row_bytes"], p["chroma_row_bytes"] = row_bytes
        p["luma_at"] = int(kind == "uyvy")
        p["y_factor"], p["ub_factor"], p["ug_factor"], p["vg_factor"], p["vr_factor"] = factors
        name = "nv12_to_bgr" if kind == "nv12" else "yuv422_to_bgr"
        grid = grid_of(target.width, target.height)
        self._device.launch(self._functions[name], grid, BLOCK, p, stream)


def _describe(target: NDArray[np.void], image: DeviceImage) -> None:
    target["pixels"] = image.address
    target["width"], target["height"] = image.width, image.height
    target["row_bytes"], target["pixel_bytes"] = image.row_bytes, image.pixel_bytes
    target["blue_at"] = image.blue_at
