"""Crafted releases by the hundred through the real updater and recogniser; prints one JSON object.

    python tools/attack_releases.py --count 1000 --sigterm 100

Each is signed with test keys, fetched by `tvradar sync --once` with limits on memory, descriptors
and CPU time, and must be refused by name or served by the `tvradar run` that runs beside all the
time. `--sigterm` then ends updaters at this many random moments of an update.
"""

from __future__ import annotations

import argparse
import collections
import json
import random
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from gallery.search.open import open_gallery
from gallery.store.store import verify
from tests.attacks.arena import TVRADAR, Arena, Outcome, base_gallery, memory_folder
from tests.attacks.cases import CASES
from tests.free import STAR, make_free


def main() -> None:
    """Run the trials that were asked for."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=1000)
    parser.add_argument("--sigterm", type=int, default=0)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=memory_folder(), prefix="tvradar-attack-") as name:
        folder = Path(name)
        (folder / "free").mkdir()
        free = make_free(folder / "free")
        enrolled = folder / "enrolled"
        words = [TVRADAR, "gallery", "enrol", free.people, "-o", enrolled]
        subprocess.run([str(word) for word in words], check=True, capture_output=True)
        gallery = base_gallery(folder / "base", open_gallery(enrolled))
        arena = Arena(folder, gallery, free.clip)
        try:
            outcomes = _attack(arena, options.count, options.seed)
            found = _summary(arena, outcomes)
            if options.sigterm:
                found["sigterm"] = _end(arena, options.sigterm, random.Random(options.seed))
        finally:
            arena.close()
    print(json.dumps(found, indent=1))


def _attack(arena: Arena, count: int, seed: int) -> list[Outcome]:
    """Send all cases in turn, again and again, each time with other chance."""
    names, outcomes = list(CASES), []
    for n in range(count):
        case = CASES[names[n % len(names)]]
        outcome = arena.trial(case, seed + n // len(names))
        wrong = case.fate != "either" and outcome.installed != (case.fate == "installed")
        if outcome.problem or wrong:
            print(f"{outcome} {'not as it should be' if wrong else ''}", file=sys.stderr)
        outcomes.append(outcome)
        if n % 50 == 49:
            print(f"{n + 1} of {count}", file=sys.stderr)
    return outcomes


def _summary(arena: Arena, outcomes: list[Outcome]) -> dict[str, object]:
    fates = {name: case.fate for name, case in CASES.items()}
    seconds = sorted(outcome.seconds for outcome in outcomes)
    reasons = collections.Counter(
        o.reason.partition(" refused: ")[0] if " refused: " in o.reason else "other"
        for o in outcomes
        if not o.installed
    )
    last = arena.trial(CASES["good_as_it_is"], 0)
    return {
        "releases": len(outcomes),
        "cases": len({outcome.case for outcome in outcomes}),
        "installed": sum(outcome.installed for outcome in outcomes),
        "refused": dict(reasons.most_common()),
        "problems": [outcome.problem for outcome in outcomes if outcome.problem],
        "wrongly_installed": [
            o.case for o in outcomes if o.installed and fates[o.case] == "refused"
        ],
        "wrongly_refused": [
            o.case for o in outcomes if not o.installed and fates[o.case] == "installed"
        ],
        "updater_s": {"median": seconds[len(seconds) // 2], "most": seconds[-1]},
        "updater_cpu_s_most": max(outcome.cpu_s for outcome in outcomes),
        "over_10_s": sum(outcome.seconds > 10 for outcome in outcomes),
        "recogniser": {
            "lives": arena.recogniser is not None and arena.recogniser.poll() is None,
            "names_the_star_at_the_end": last.installed and arena.names(STAR),
            "tracebacks": arena.log.read_text().count("Traceback"),
        },
        "gallery_whole": verify(arena.gallery) == [],
    }


def _end(arena: Arena, count: int, chance: random.Random) -> dict[str, object]:
    """End updaters of a fresh device by SIGTERM, at random moments from their start on."""
    took, codes = [], collections.Counter[int]()
    root = arena.repository.home / "root.json"
    for n in range(count):
        words = [TVRADAR, "sync", "--from", arena.repository.public, "--root", root, "--device"]
        words += ["tv", "--gallery", arena.folder / f"g{n}", "--state", arena.folder / f"s{n}"]
        process = subprocess.Popen([str(word) for word in words], stderr=subprocess.DEVNULL)
        time.sleep(chance.uniform(0.0, 2.5))
        begun = time.monotonic()
        process.send_signal(signal.SIGTERM)
        codes[process.wait(60)] += 1
        took.append(time.monotonic() - begun)
    took.append(arena.end_by_sigterm())
    return {"moments": count, "most_s": max(took), "recogniser_s": took[-1], "codes": dict(codes)}


if __name__ == "__main__":
    main()
