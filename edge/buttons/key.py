"""One key: contact bounce is ignored, a long press is told apart from a short one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, Protocol

Kind = Literal["press", "long"]


@dataclass(frozen=True, slots=True)
class Press:
    """A key was pressed.

    Attributes:
        kind: `press` at once when the key goes down, `long` when it has been held long enough.
        source: which device it came from, for logs.
        at_ns: when the event happened, on `time.monotonic_ns()`'s clock; by the kernel's stamp
            where `kernel_time` says so, else when it was read.
        kernel_time: whether `at_ns` is the kernel's.
    """

    kind: Kind
    source: str
    at_ns: int
    kernel_time: bool


class Keys(Protocol):
    """A source of presses with a thread of its own."""

    def start(self) -> None:
        """Begin to listen; devices may come and go."""

    def close(self) -> None:
        """End, and wait for the thread."""


class KeyLogic:
    """Turns a key's ups and downs into presses; a press counts at once, so there is no delay.

    Args:
        debounce_s: a key that goes down sooner than this after it went up has bounced.
        long_s: a key held this long is a long press, reported once while it is still held.
    """

    def __init__(self, debounce_s: float, long_s: float) -> None:
        self._debounce_s, self._long_s = debounce_s, long_s
        self._down_s: float | None = None
        self._up_s = float("-inf")
        self._long_told = False

    def down(self, at_s: float) -> Kind | None:
        """Take the edge down; a repeat while the key is held is not a new press."""
        if self._down_s is not None:
            return self.held(at_s)
        bounced = at_s - self._up_s < self._debounce_s
        self._down_s = at_s
        if bounced:
            return None
        self._long_told = False
        return "press"

    def up(self, at_s: float) -> None:
        """Take the edge up."""
        if self._down_s is not None:
            self._down_s, self._up_s = None, at_s

    def held(self, now_s: float) -> Kind | None:
        """Return `long` once when the key has been held long enough."""
        if self._down_s is None or self._long_told or now_s - self._down_s < self._long_s:
            return None
        self._long_told = True
        return "long"

    def due_s(self) -> float | None:
        """Return when `held` may return `long`, None while nothing is held."""
        if self._down_s is None or self._long_told:
            return None
        return self._down_s + self._long_s
