"""A file mapped for reading without a descriptor kept: a gallery may have hundreds of them.

Python's own `mmap` keeps a duplicate of the descriptor for as long as the mapping lives (3.13 can
do without), so that two galleries of 200 segments would use up a process's 1,024.
"""

from __future__ import annotations

import ctypes
import mmap
import os
import weakref
from typing import TYPE_CHECKING

from gallery.regular import open_regular

if TYPE_CHECKING:
    from pathlib import Path

_libc = ctypes.CDLL(None, use_errno=True)
_libc.mmap.restype = ctypes.c_void_p
_libc.mmap.argtypes = (
    ctypes.c_void_p,
    ctypes.c_size_t,
    ctypes.c_int,
    ctypes.c_int,
    ctypes.c_int,
    ctypes.c_long,
)
_libc.munmap.argtypes = (ctypes.c_void_p, ctypes.c_size_t)
_FAILED = ctypes.c_void_p(-1).value


def map_file(path: Path) -> memoryview:
    """Return a file's bytes, read-only; they are unmapped with the last view of them.

    Raises:
        OSError: it cannot be read, is empty, or is no regular file.
    """
    with open_regular(path) as file:
        size = os.fstat(file.fileno()).st_size
        address = _libc.mmap(None, size, mmap.PROT_READ, mmap.MAP_SHARED, file.fileno(), 0)
    if address == _FAILED:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number), str(path))
    mapped = (ctypes.c_ubyte * size).from_address(address)
    # Not at the end of the process: another thread may still read.
    weakref.finalize(mapped, _libc.munmap, address, size).atexit = False
    return memoryview(mapped).cast("B").toreadonly()
