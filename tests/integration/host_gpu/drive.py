"""What each CUDA binding is driven through, over the driver of host memory.

Needs neither pytest nor a GPU: a process that has that driver as its libcuda calls `drive`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from engines.align import ARCFACE_TEMPLATE_PX, align
from engines.detector import to_input
from engines.tensorrt.device import DeviceImage
from engines.tensorrt.preprocess import Preprocessor

if TYPE_CHECKING:
    from engines.tensorrt.device import Device


class Driven(NamedTuple):
    """What is left for more: two streams, 4096 bytes on the device, and as many here."""

    first: int
    second: int
    address: int
    back: np.ndarray


def drive(device: Device, *, warp_mean: float) -> Driven:
    """Copy there and back, wait, and run both kernels; `warp_mean` is how far chips may be off."""
    assert (device.name, device.compute_capability) == ("Host", (8, 7))
    assert device.free_bytes() == 1 << 30
    first, second = device.stream(high_priority=True), device.stream()

    # Memory is zeroed; copies go there and back.
    address = device.allocate(4096)
    pinned = device.allocate_pinned(4096)
    device.copy_out(pinned, address, first)
    assert not pinned.any()
    pinned[:] = np.arange(4096) % 251
    device.copy_in(address, pinned, first)
    back = np.zeros(4096, np.uint8)
    device.copy_out(back, address, first)
    device.synchronise(first)
    assert np.array_equal(back, pinned)
    device.wait(second, for_stream=first)

    # Both kernels give what the CPU path gives.
    rng = np.random.default_rng(0)
    bgr = rng.integers(0, 256, (360, 640, 3), dtype=np.uint8)
    frame = device.allocate(bgr.nbytes)
    device.copy_in(frame, bgr, first)
    image = DeviceImage(frame, 640, 360, 640 * 3, 3, blue_at=0)
    kernels = Preprocessor(device, b"kernels")
    target = device.allocate(3 * 640 * 384 * 4)
    kernels.letterbox(image, target, (640, 384), first)
    found = np.zeros((1, 3, 384, 640), np.float32)
    device.copy_out(found, target, first)
    assert np.array_equal(found, to_input(bgr))
    landmarks = (ARCFACE_TEMPLATE_PX * 1.7 + 50)[None].astype(np.float32)
    chip = device.allocate(3 * 112 * 112 * 4)
    kernels.warp_faces(image, landmarks, chip, second)
    warped = np.zeros((1, 3, 112, 112), np.float32)
    device.copy_out(warped, chip, second)
    expected = align(bgr, landmarks)[..., ::-1].transpose(0, 3, 1, 2)
    assert np.abs(warped - expected).mean() < warp_mean
    return Driven(first, second, address, back)
