"""What each CUDA binding is driven through, over the driver of host memory.

Needs neither pytest nor a GPU: a process that has that driver as its libcuda calls `drive`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from engines.tensorrt.device import Device


class Driven(NamedTuple):
    """What is left for more: two streams, 4096 bytes on the device, and as many here."""

    first: int
    second: int
    address: int
    back: np.ndarray


def drive(device: Device) -> Driven:
    """Open two streams, and copy there and back."""
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
    return Driven(first, second, address, back)
