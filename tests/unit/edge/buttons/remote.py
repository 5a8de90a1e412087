"""A remote control without a device."""

from __future__ import annotations

import os
import struct
import time
from typing import Any

KEY_RED = 398


class Remote:
    """A remote that is a pipe: what is written are the kernel's `struct input_event`.

    python-evdev reads and decodes them as from a device; only the opening is not a device's.
    """

    def __init__(self, path: str) -> None:
        import evdev

        read_fd, self._write_fd = os.pipe()
        os.set_blocking(read_fd, False)
        self.device: Any = evdev.InputDevice.__new__(evdev.InputDevice)
        self.device.fd, self.device.path, self.device.name = read_fd, path, "a remote in a pipe"

    def key(self, value: int, *, code: int = KEY_RED, age_s: float = 0.0) -> None:
        stamp = time.time() - age_s
        seconds, part = int(stamp), int(stamp % 1 * 1e6)
        event = struct.pack("llHHi", seconds, part, 1, code, value)
        os.write(self._write_fd, event + struct.pack("llHHi", seconds, part, 0, 0, 0))

    def unplug(self) -> None:
        os.close(self._write_fd)
