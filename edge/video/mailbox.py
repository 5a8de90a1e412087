"""Hand frames from the thread that decodes to the thread that recognises.

`Recent` is for live sources: new items win, and what gives way to them is counted. `Queue` is for
files: every item arrives, and a full queue makes the sender wait.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from typing import TYPE_CHECKING, Generic, Protocol, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

T = TypeVar("T")


class ClosedError(Exception):
    """The mailbox is closed and holds nothing more."""


class Mailbox(Protocol[T]):
    """What both mailboxes have in common."""

    dropped: int

    def put(self, item: T) -> bool:
        """Hand over one item; False where the mailbox is closed and nobody will take it."""

    def get(self, timeout_s: float | None = None) -> T | None:
        """Take one item, or None after `timeout_s`.

        Raises:
            ClosedError: nothing is left and nothing will come.
        """

    def close(self) -> None:
        """Let `put` refuse and wake all who wait; what is in the box can still be taken."""


MOST_WAITING = 4
"""Pictures that wait for a reader at most; at 2160p each holds 12 MB of the decoder's."""
WAIT_S = 0.1
"""A picture that has waited longer gives way to a newer one."""


class Recent(Generic[T]):
    """A mailbox for the newest few items: what is old gives way, `dropped` counts it.

    A frame that takes twice its time costs no other one then, where the reader catches up.

    Args:
        most: how many wait.
        wait_s: how long one may wait while there are newer ones.
        clock: seconds, never going back.
    """

    def __init__(
        self,
        most: int = MOST_WAITING,
        wait_s: float = WAIT_S,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.dropped = 0
        self._most, self._wait_s, self._clock = most, wait_s, clock
        self._items: deque[tuple[float, T]] = deque()
        self._closed = False
        self._changed = threading.Condition()

    @property
    def waiting(self) -> int:
        """How many items are in the box."""
        return len(self._items)

    def put(self, item: T) -> bool:
        """Add the newest, never waiting. False where the box is closed."""
        with self._changed:
            if self._closed:
                return False
            if len(self._items) == self._most:
                self._items.popleft()
                self.dropped += 1
            self._items.append((self._clock(), item))
            self._changed.notify()
            return True

    def get(self, timeout_s: float | None = None) -> T | None:
        """Take the oldest item that is not too old, else the newest; None after `timeout_s`.

        Raises:
            ClosedError: the box is closed and empty.
        """
        with self._changed:
            self._changed.wait_for(lambda: self._items or self._closed, timeout_s)
            if not self._items:
                if self._closed:
                    raise ClosedError
                return None
            oldest_s = self._clock() - self._wait_s
            while len(self._items) > 1 and self._items[0][0] < oldest_s:
                self._items.popleft()
                self.dropped += 1
            return self._items.popleft()[1]

    def close(self) -> None:
        """Refuse further items and wake all who wait; what is in it can still be taken."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()


class Queue(Generic[T]):
    """A short first-in, first-out queue: nothing is dropped, a sender waits while it is full.

    Args:
        size: how many items it holds; each may be a whole picture, so keep it small.
    """

    def __init__(self, size: int = 4) -> None:
        if size < 1:
            raise ValueError(f"size is {size}, expected 1 or more")
        self.dropped = 0
        self._size = size
        self._items: deque[T] = deque()
        self._closed = False
        self._changed = threading.Condition()

    @property
    def waiting(self) -> int:
        """How many items are in the queue."""
        return len(self._items)

    def put(self, item: T) -> bool:
        """Append the item, waiting for room. False where the queue is closed."""
        with self._changed:
            self._changed.wait_for(lambda: len(self._items) < self._size or self._closed)
            if self._closed:
                return False
            self._items.append(item)
            self._changed.notify_all()
            return True

    def get(self, timeout_s: float | None = None) -> T | None:
        """Take the oldest item; None where none came within `timeout_s`.

        Raises:
            ClosedError: the queue is closed and empty.
        """
        with self._changed:
            self._changed.wait_for(lambda: self._items or self._closed, timeout_s)
            if not self._items:
                if self._closed:
                    raise ClosedError
                return None
            item = self._items.popleft()
            self._changed.notify_all()
            return item

    def close(self) -> None:
        """Refuse further items and wake all who wait; what is queued can still be taken."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()
