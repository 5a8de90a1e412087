"""Whether this device may install now, and if so, when in the window."""

from __future__ import annotations

import hashlib
from enum import Enum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from gallery.channel.manifest import Manifest

REMOVAL_WINDOW_S = 300
"""Somebody who opted out is gone from every connected device within five minutes."""


class Gate(Enum):
    """The rollout's answer."""

    GO = "go"
    LATER = "later"
    NOT_YET = "not_yet"
    PAUSED = "paused"


def bucket(salt: str, device: str) -> int:
    """Return the device's place, 0 to 9,999; the same on every device and at the publisher."""
    digest = hashlib.sha256(f"{salt}\0{device}".encode()).digest()
    return int.from_bytes(digest[:4], "big") % 10_000


def delay_s(manifest: Manifest, device: str) -> float:
    """Return how long after its first sight of the release the device starts."""
    rollout = manifest.rollout
    window_s = min(rollout.window_s, REMOVAL_WINDOW_S) if manifest.removal else rollout.window_s
    digest = hashlib.sha256(f"delay\0{rollout.salt}\0{device}".encode()).digest()
    return window_s * int.from_bytes(digest[:4], "big") / 2**32


def gate(manifest: Manifest, device: str, seen_for_s: float) -> Gate:
    """Decide; `seen_for_s` is the time since this release was first seen allowed here."""
    if not manifest.removal:
        if manifest.rollout.paused:
            return Gate.PAUSED
        if bucket(manifest.rollout.salt, device) >= manifest.rollout.share:
            return Gate.NOT_YET
    return Gate.GO if seen_for_s >= delay_s(manifest, device) else Gate.LATER
