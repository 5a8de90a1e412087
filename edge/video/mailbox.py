"""Hand frames from the thread that decodes to the thread that recognises.

`Latest` is for live sources: the newest item wins and what it replaces is counted. `Queue` is for
files: every item arrives, and a full queue makes the sender wait.
"""

from __future__ import annotations

import threading
from collections import deque
from typing import Generic, Protocol, TypeVar

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


class Latest(Generic[T]):
    """A mailbox for one item: the newest wins, `dropped` counts what was never taken."""

    def __init__(self) -> None:
        self.dropped = 0
        self._item: T | None = None
        self._closed = False
        self._changed = threading.Condition()

    def put(self, item: T) -> bool:
        """Replace what is in the box; never waits. False where the box is closed."""
        with self._changed:
            if self._closed:
                return False
            self.dropped += self._item is not None
            self._item = item
            self._changed.notify()
            return True

    def get(self, timeout_s: float | None = None) -> T | None:
        """Take the newest item; None where none came within `timeout_s`.

        Raises:
            ClosedError: the box is closed and empty.
        """
        with self._changed:
            self._changed.wait_for(lambda: self._item is not None or self._closed, timeout_s)
            item, self._item = self._item, None
            if item is None and self._closed:
                raise ClosedError
            return item

    def close(self) -> None:
        """Refuse further items and wake all who wait; the last item can still be taken."""
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
