"""All threads take from one heap."""

from __future__ import annotations

import platform
import re
import subprocess
import sys

import pytest

HEAPS = """
import ctypes, threading
from edge import heap
{}
held = []
def hold():
    held.append(bytes(100_000))
    barrier.wait()
    barrier.wait()
barrier = threading.Barrier(4)
for _ in range(3):
    threading.Thread(target=hold).start()
barrier.wait()
ctypes.CDLL(None).malloc_stats()
barrier.wait()
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="arenas are glibc's")
@pytest.mark.parametrize(("before", "heaps"), [("heap.share_one()", "1"), ("", "[^1]")])
def test_threads_share_a_heap(before: str, heaps: str) -> None:
    ran = subprocess.run(
        [sys.executable, "-c", HEAPS.format(before)], capture_output=True, text=True, check=True
    )
    counted = len(re.findall(r"^Arena \d+:", ran.stderr, re.MULTILINE))
    assert re.fullmatch(heaps, str(counted))
