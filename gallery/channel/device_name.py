"""Which names a device may have."""

from __future__ import annotations

import re

_DEVICE = re.compile(r"[A-Za-z0-9_-]{1,64}")


def is_device_name(name: str) -> bool:
    """Return whether this can be a level of a topic and a client id."""
    return _DEVICE.fullmatch(name) is not None
