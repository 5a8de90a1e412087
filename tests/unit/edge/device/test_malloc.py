"""All threads take from one malloc."""

from __future__ import annotations

import platform
import re
import subprocess
import sys

import pytest

HEAPS = """
import ctypes, threading
from edge.device import malloc
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
@pytest.mark.parametrize(("before", "heaps"), [("malloc.share_one()", "1"), ("", "[^1]")])
def test_threads_share_a_heap(before: str, heaps: str) -> None:
    ran = subprocess.run(
        [sys.executable, "-c", HEAPS.format(before)], capture_output=True, text=True, check=True
    )
    counted = len(re.findall(r"^Arena \d+:", ran.stderr, re.MULTILINE))
    assert re.fullmatch(heaps, str(counted))


HOLES = """
import re
from pathlib import Path
from edge.device import malloc
malloc.share_one()
def rss_kb():
    return int(re.search(r"VmRSS:\\s+(\\d+)", Path("/proc/self/status").read_text())[1])
held = [bytearray(100_000) for _ in range(600)]
pins = [bytes(3000) for _ in range(10)]
before = rss_kb()
del held[:-1]
malloc.give_back()
print(before - rss_kb())
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="trimming is glibc's")
def test_gives_back_what_lies_below_what_is_in_use() -> None:
    ran = subprocess.run([sys.executable, "-c", HOLES], capture_output=True, text=True, check=True)
    assert int(ran.stdout) > 30_000
