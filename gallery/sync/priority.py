"""An update is never in a hurry: its process gives way to the recogniser, in CPU and in disk."""

from __future__ import annotations

import ctypes
import logging
import os
import platform

log = logging.getLogger(__name__)

NICENESS = 10
IOPRIO_SET = {"x86_64": 251, "aarch64": 30}
"""Numbers of the system call `ioprio_set`, which libc does not wrap (ioprio_set(2))."""
_WHO_PROCESS = 1
_IDLE = 3 << 13


def give_way() -> bool:
    """Lower this thread's priority, and that of all threads that it will start; true if it could.

    A service manager that did so already (`Nice=` of the unit) is not asked again: its filter of
    system calls may forbid it.
    """
    try:
        if os.getpriority(os.PRIO_PROCESS, 0) >= NICENESS:
            return True
        os.setpriority(os.PRIO_PROCESS, 0, NICENESS)
    except OSError as error:
        log.info("priority stays as it is: %s", error.strerror)
        return False
    number = IOPRIO_SET.get(platform.machine())
    if number is None:
        return True
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.syscall(number, _WHO_PROCESS, 0, _IDLE):
        log.info("disk priority stays as it is: %s", os.strerror(ctypes.get_errno()))
    return True
