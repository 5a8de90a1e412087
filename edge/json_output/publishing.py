"""What the commands of releases, keys and fleets print."""

from __future__ import annotations

from typing import Any

import msgspec


class KeysMade(msgspec.Struct, frozen=True):
    """`gallery keys init`; `root` is the file to ship with every device."""

    home: str
    root: str


class KeyRotated(msgspec.Struct, frozen=True):
    """`gallery keys rotate`: the new key, and the bytes sent by address."""

    role: str
    key: str
    sent: dict[str, int]


class Renewed(msgspec.Struct, frozen=True):
    """`gallery keys renew`: the roles that were signed, and the bytes sent by address."""

    signed: list[str]
    sent: dict[str, int]


class Published(msgspec.Struct, frozen=True):
    """`gallery publish` and `gallery rollout …`.

    Attributes:
        release: its number.
        bytes: of all its files.
        share: of the devices that may install it, in percent.
        paused: nobody else may install it for now.
        sent: bytes by address.
    """

    release: int
    bytes: int
    share: float
    paused: bool
    sent: dict[str, int]


class RolloutDecided(msgspec.Struct, frozen=True):
    """`gallery rollout watch`: the plan (`gallery.publish.rollout.Plan`) and how it ended."""

    plan: Any
    decision: str


class FleetNow(msgspec.Struct, frozen=True):
    """`gallery status`: see `gallery.publish.fleet.Summary`; `percent` have the release."""

    release: int
    devices: int
    online: int
    current: int
    confirmed: int
    tried: int
    bad: int
    waiting: int
    clock_suspect: int
    named_share: float | None
    named_share_before: float | None
    by_release: dict[int, int]
    errors: dict[str, int]
    stuck: tuple[tuple[str, str], ...]
    percent: float


class RolloutNow(msgspec.Struct, frozen=True):
    """`gallery rollout status`: the plan, the fleet, and what `rollout watch` would do."""

    plan: Any
    fleet: FleetNow
    advice: str
