"""Everything at once: the device under attack, with a press each second (`soak.py --attacks`).

All the time: idle and half-open connections from five addresses, readers that never read, bytes
that are no HTTP, messages that are no commands, junk over MQTT. One after the other: new
releases, removals, a flipped byte in the newest segment, a full disk (a small tmpfs, where we may
mount one), a lost source, a restarted broker, kill -9 and SIGTERM of the updater, kill -9 of the
recogniser. What ends and was not killed is counted; so is each name of somebody who is not in the
film, or was removed from the gallery before.
"""

from __future__ import annotations

import contextlib
import tempfile
import time
from collections import Counter
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import numpy as np
from besieged import Besieged
from soak import Sampler, judge
from soak_attackers import Attackers

from gallery.errors import GalleryError
from gallery.store import store

END_S = 5.0
EVENTS = (
    *("kill_recogniser", "swap", "rot", "lose_source", "swap", "remove", "full_disk", "swap"),
    *(
        "kill_updater",
        "swap",
        "restart_broker",
        "swap",
        "rot",
        "end_updater",
        "swap",
        "lose_source",
    ),
    *("full_disk", "remove", "kill_updater", "swap", "restart_broker", "rot", "swap"),
)


def besiege(minutes: float, log: Path | None) -> dict[str, Any]:
    """Run; return what was seen."""
    failed: list[str] = []
    done: Counter[str] = Counter()
    with tempfile.TemporaryDirectory(prefix="tvradar-soak-") as folder, ExitStack() as stack:
        one = Besieged(Path(folder), stack)
        one.until(lambda: one.watch.named_at > 0)
        one.watch.excused_until = 0.0
        attackers = Attackers(one.port, one.broker.uri)
        stack.callback(attackers.close)
        begun = time.monotonic()
        sampler = Sampler(one.pids, begun, log)
        stack.callback(sampler.close)
        step = 60 * minutes / (len(EVENTS) + 1)
        for number, kind in enumerate(EVENTS):
            while time.monotonic() < begun + step * (number + 1):
                one.look()
                time.sleep(0.1)
            if time.monotonic() > begun + 60 * minutes:
                break
            try:
                getattr(one, kind)()
            except (TimeoutError, GalleryError, OSError) as error:
                failed.append(f"{kind} at {time.monotonic() - begun:.0f} s: {error}")
            else:
                done[kind] += 1
        while time.monotonic() < begun + 60 * minutes:
            one.look()
            time.sleep(0.1)
        last = store.current_release(one.cloud)[0].number
        with contextlib.suppress(TimeoutError):
            one.until(lambda: one.watch.release == last)
        attackers.close()
        sampler.close()
        one.watch.close()
        one._end(one.device)
        watch = one.watch
        return {
            "minutes": minutes,
            "events": dict(done),
            "failed": failed,
            "attacks": dict(attackers.done),
            "ended_unkilled": one.ended,
            "slowest_end_s": round(max(one.exits_s), 2),
            "scenes": watch.scenes,
            "scenes_with_names": watch.named,
            "wrong_names": dict(watch.wrong),
            "removed": sorted(watch.gone),
            "releases": {"published": last, "in_use": watch.release},
            "presses": len(watch.presses_ms),
            "presses_failed": watch.failed,
            "press_ms": {
                f"p{q}": round(float(np.quantile(watch.presses_ms, q / 100)), 1)
                for q in (50, 95, 99)
            },
            "processes": {name: judge(sampler.rows[name], 60 * minutes) for name in one.pids},
        }


def lost(result: dict[str, Any]) -> list[str]:
    """Return what did not hold, in words."""
    said = [*result["failed"], *result["ended_unkilled"]]
    if result["wrong_names"]:
        said.append(f"wrong names: {result['wrong_names']}")
    if result["releases"]["published"] != result["releases"]["in_use"]:
        said.append(f"releases: {result['releases']}")
    if result["press_ms"]["p95"] > 150:
        said.append(f"a press took {result['press_ms']['p95']} ms, p95")
    if result["slowest_end_s"] > END_S:
        said.append(f"an end took {result['slowest_end_s']} s")
    if result["presses_failed"]:
        said.append(f"{result['presses_failed']} presses were not answered")
    for name, figures in result["processes"].items():
        memory = figures["anonymous_mb"]
        if memory["late"] > memory["early"] + 12:
            said.append(f"{name}: from {memory['early']} to {memory['late']} MB")
        said += [
            f"{name}: {key} from {figures[key]['early']} to {figures[key]['late']}"
            for key in ("threads", "files")
            if figures[key]["late"] > figures[key]["early"] + 2
        ]
    return said
