"""CPU time of this process by the names of its threads, from Linux's /proc."""

from __future__ import annotations

import os
import re
from collections import defaultdict
from contextlib import suppress
from pathlib import Path

TASKS = Path("/proc/self/task")


def seconds_by_thread(tasks: Path = TASKS) -> dict[str, float]:
    """Return the CPU seconds of the living threads, those of one name together.

    Numbers at the end of a name are left out: a decoder numbers its threads. Empty where the system
    has no /proc.
    """
    ticks = os.sysconf("SC_CLK_TCK")
    found: defaultdict[str, float] = defaultdict(float)
    with suppress(OSError):
        for task in tasks.iterdir():
            with suppress(OSError):  # it has just ended
                name = re.sub(r"[:#]?\d+$", "", (task / "comm").read_text().strip())
                # proc(5): the name may hold spaces; utime and stime are fields 14 and 15
                fields = (task / "stat").read_text().rpartition(")")[2].split()
                found[name] += (int(fields[11]) + int(fields[12])) / ticks
    return dict(found)
