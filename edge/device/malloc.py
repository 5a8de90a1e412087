"""The process's heap."""

from __future__ import annotations

import contextlib
import ctypes

from engines.heap import TIDY_S, give_back

__all__ = ["TIDY_S", "give_back", "share_one"]

M_ARENA_MAX = -8
"""Of glibc's malloc.h."""


def share_one() -> None:
    """Let all threads that start from now on take memory from one heap.

    Pictures go from thread to thread. With a heap for each thread, which is glibc's default, each
    keeps as much as it ever had at once, so that the process grows in steps for hours whenever the
    machine is busy (docs/performance.md, "Hours"). Another libc is left as it is.
    """
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None).mallopt(M_ARENA_MAX, 1)
