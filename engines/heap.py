"""The process's heap."""

from __future__ import annotations

import contextlib
import ctypes

TIDY_S = 60.0
"""What goes on for hours gives back this often."""


def give_back() -> None:
    """Give free pages between what is in use back to the system.

    A picture needs megabytes in one piece; small things that outlive it leave holes that the next
    one does not fit into. It takes a millisecond or two. Another libc than glibc is left as it is.
    """
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None).malloc_trim(0)
