"""The CUDA kernels' arithmetic, run as C++ on the CPU, against OpenCV and the CPU path."""

from __future__ import annotations

import ctypes
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np
import pytest

from engines.align import ARCFACE_TEMPLATE_PX, CHIP_SIZE_PX, align
from engines.detector import to_input
from engines.tensorrt import preprocess
from engines.tensorrt.device import DeviceImage
from engines.tensorrt.errors import DeviceError
from engines.tensorrt.preprocess import BT601, BT709, Preprocessor, inner_size

if TYPE_CHECKING:
    from numpy.typing import NDArray

RNG = np.random.default_rng(7)


def picture(width: int, height: int, channels: int = 3) -> NDArray[np.uint8]:
    """A picture with edges and noise, which no constant or shifted sampling survives."""
    small = RNG.integers(0, 256, (height // 7 + 1, width // 7 + 1, channels), dtype=np.uint8)
    big = cv2.resize(small, (width, height), interpolation=cv2.INTER_NEAREST).astype(np.int16)
    noise = RNG.integers(-20, 21, big.shape)
    return np.ascontiguousarray(np.clip(big + noise, 0, 255).astype(np.uint8))


def view(array: NDArray[np.uint8], *, blue_at: int = 0) -> DeviceImage:
    height, width, channels = array.shape
    return DeviceImage(
        array.ctypes.data, width, height, array.strides[0], channels, blue_at=blue_at
    )


def read(address: int, shape: tuple[int, ...]) -> NDArray[np.float32]:
    array = (ctypes.c_float * int(np.prod(shape))).from_address(address)
    return np.ctypeslib.as_array(array).reshape(shape).copy()


def letterboxed(device: Any, image: DeviceImage, target_px: tuple[int, int]) -> NDArray[np.float32]:
    width, height = target_px
    target = device.allocate(3 * width * height * 4)
    device.memory[target][:] = 255  # NaN: what the kernel leaves out is seen
    Preprocessor(device, b"").letterbox(image, target, target_px, device.stream())
    return read(target, (3, height, width))


@pytest.mark.parametrize(
    "kernel", [("letterbox", "LETTERBOX"), ("warp_faces", "WARP_FACES"), ("nv12_to_bgr", "CONVERT")]
)
def test_the_structs_have_the_layout_of_the_source(
    host_kernels: ctypes.CDLL, kernel: tuple[str, str]
) -> None:
    assert getattr(host_kernels, f"size_{kernel[0]}")() == getattr(preprocess, kernel[1]).itemsize


def test_a_frame_of_native_size_equals_the_detectors_input(host_device: Any) -> None:
    bgr = picture(637, 360)
    assert np.array_equal(letterboxed(host_device, view(bgr), (640, 384)), to_input(bgr)[0])


@pytest.mark.parametrize("size", [(1280, 720), (1920, 1080), (1001, 563), (700, 1100)])
def test_shrinking_equals_opencvs_area_average(host_device: Any, size: tuple[int, int]) -> None:
    bgr = picture(*size)
    found = letterboxed(host_device, view(bgr), (640, 384))
    inner = inner_size(*size, (640, 384))
    shrunk = cv2.resize(bgr, inner, interpolation=cv2.INTER_AREA)
    expected = np.zeros((3, 384, 640), np.float32)
    expected[:, : inner[1], : inner[0]] = shrunk.transpose(2, 0, 1)
    difference = np.abs(found - expected)
    assert difference.max() <= 1  # OpenCV sums in float and rounds some ties otherwise
    assert (difference > 0).mean() < 0.002


@pytest.mark.parametrize(("channels", "blue_at"), [(3, 2), (4, 2), (4, 0)])
def test_colour_order_and_row_padding(host_device: Any, channels: int, blue_at: int) -> None:
    padded = picture(720, 300, channels)
    other = padded[:, :640]  # rows are longer than the picture is wide
    found = letterboxed(host_device, view(other, blue_at=blue_at), (640, 320))
    bgr = np.ascontiguousarray(other[..., 2::-1] if blue_at == 2 else other[..., :3])
    assert np.array_equal(found, to_input(bgr)[0])


def faces(count: int, width: int, height: int) -> NDArray[np.float32]:
    """Landmarks of faces that are turned, of many sizes, and partly outside of the picture."""
    chips = np.empty((count, 5, 2))
    for chip in chips:
        angle, scale = RNG.uniform(-0.7, 0.7), RNG.uniform(0.2, 2.5)
        turn = scale * np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
        middle = RNG.uniform((-20, -20), (width + 20, height + 20))
        chip[:] = (ARCFACE_TEMPLATE_PX - 56) @ turn.T + middle + RNG.normal(0, 2, (5, 2))
    return chips.astype(np.float32)


@pytest.mark.parametrize("blue_first", [False, True])
def test_warped_faces_equal_the_cpu_path(host_device: Any, *, blue_first: bool) -> None:
    bgr, count = picture(640, 360), 16
    landmarks = faces(count, 640, 360)
    target = host_device.allocate(count * 3 * CHIP_SIZE_PX**2 * 4)
    host_device.memory[target][:] = 255
    preprocessor = Preprocessor(host_device, b"", max_faces=count)
    stream = host_device.stream()
    preprocessor.warp_faces(view(bgr), landmarks, target, stream, blue_first=blue_first)
    found = read(target, (count, 3, CHIP_SIZE_PX, CHIP_SIZE_PX))
    chips = align(bgr, landmarks)
    ordered = chips if blue_first else chips[..., ::-1]
    difference = np.abs(found - ordered.transpose(0, 3, 1, 2).astype(np.float32))
    # OpenCV 5 computes in float as we do; OpenCV 4 places samples on a grid of 1/32 pixel, which
    # moves a sample by up to 1/64 in each direction: 255 / 64 * 2 levels at the sharpest edge.
    worst, mean = (1, 0.01) if cv2.__version__.startswith("5.") else (10, 1.0)
    assert difference.max() <= worst
    assert difference.mean() < mean


def test_faces_in_one_point_or_far_outside_give_black_chips(host_device: Any) -> None:
    bgr = picture(64, 64)
    landmarks = np.stack([np.full((5, 2), 1e7), ARCFACE_TEMPLATE_PX * 1e6 + 1e9, np.zeros((5, 2))])
    target = host_device.allocate(3 * 3 * CHIP_SIZE_PX**2 * 4)
    host_device.memory[target][:] = 255
    Preprocessor(host_device, b"").warp_faces(
        view(bgr), landmarks.astype(np.float32), target, host_device.stream()
    )
    found = read(target, (3, 3, CHIP_SIZE_PX, CHIP_SIZE_PX))
    assert np.isfinite(found).all()
    assert not found[1].any()


def test_more_faces_than_room_are_refused(host_device: Any) -> None:
    preprocessor = Preprocessor(host_device, b"", max_faces=2)
    for count in (0, 3):
        with pytest.raises(DeviceError, match=r"expected 1 to 2"):
            preprocessor.warp_faces(
                view(picture(8, 8)), np.zeros((count, 5, 2), np.float32), 0, host_device.stream()
            )


def converted(
    device: Any,
    kind: str,
    planes: NDArray[np.uint8],
    size: tuple[int, int],
    factors: tuple[int, int, int, int, int] = BT601,
) -> NDArray[np.uint8]:
    width, height = size
    bgr = np.full((height, width, 3), 77, np.uint8)
    row = planes.strides[0]
    chroma = planes.ctypes.data + row * height if kind == "nv12" else 0
    Preprocessor(device, b"").convert(
        kind,
        (planes.ctypes.data, chroma),
        (row, row),
        view(bgr),
        device.stream(),
        factors=factors,
    )
    return bgr


def test_nv12_equals_opencv(host_device: Any) -> None:
    planes = RNG.integers(0, 256, (96 * 3 // 2, 130), dtype=np.uint8)
    expected = cv2.cvtColor(planes, cv2.COLOR_YUV2BGR_NV12)
    assert np.array_equal(converted(host_device, "nv12", planes, (130, 96)), expected)


@pytest.mark.parametrize(
    ("kind", "code"), [("yuyv", cv2.COLOR_YUV2BGR_YUY2), ("uyvy", cv2.COLOR_YUV2BGR_UYVY)]
)
def test_packed_formats_equal_opencv(host_device: Any, kind: str, code: int) -> None:
    packed = RNG.integers(0, 256, (50, 66, 2), dtype=np.uint8)
    found = converted(host_device, kind, packed, (66, 50))
    assert np.array_equal(found, cv2.cvtColor(packed, code))


def test_bt709_gives_the_standards_primaries(host_device: Any) -> None:
    # Limited-range Y, U, V of white, black, and full red, green and blue, after ITU-R BT.709.
    for yuv, bgr in {
        (235, 128, 128): (255, 255, 255),
        (16, 128, 128): (0, 0, 0),
        (63, 102, 240): (0, 0, 255),
        (173, 42, 26): (0, 255, 0),
        (32, 240, 118): (255, 0, 0),
    }.items():
        packed = np.array([[[yuv[0], yuv[1]], [yuv[0], yuv[2]]]] * 2, np.uint8)
        found = converted(host_device, "yuyv", packed, (2, 2), BT709)
        assert np.abs(found.astype(int) - bgr).max() <= 2


def test_odd_sizes_and_unknown_formats_are_refused(host_device: Any) -> None:
    planes = np.zeros((6, 6, 2), np.uint8)
    with pytest.raises(DeviceError, match="even width"):
        converted(host_device, "yuyv", planes, (5, 4))
    with pytest.raises(DeviceError, match="'p010'"):
        converted(host_device, "p010", planes, (4, 4))
