"""Ask processes of ours to end at random moments, and see how long they take.

    python tools/end_at_any_moment.py --times 100 [--seed 1] [--json]

Each time one of: `tvradar run` on the demonstration's film (while it starts, recognises, swaps a
gallery), `tvradar sync` from a folder (while it starts, fetches, waits), `tvradar gallery enrol`,
`tvradar identify`. SIGTERM or SIGHUP comes after 0 to 6 s. Exits 1 when one took more than 5 s.
"""

from __future__ import annotations

import argparse
import json
import random
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from edge.demo.material import demo_material, gallery_of
from edge.testbed.local_cloud import Channel

MOST_S = 5.0
LATEST_S = 6.0


def commands(folder: Path) -> dict[str, list[str]]:
    """Return the commands; what they need is made in the folder."""
    people, film = demo_material()
    gallery_of(people, folder / "gallery")
    channel = Channel(folder / "cloud", None)
    channel.sign(folder / "gallery")
    channel.send()
    config = folder / "c.toml"
    config.write_text(
        f'source = "{film}"\ngallery = "{folder}/gallery"\nloop = true\n[serve]\nport = 0\n'
        '[events]\nbroker = "mqtt://127.0.0.1:9"\ndevice = "x"\n'
    )
    sync = ["sync", "--from", channel.uri, "--root", str(channel.root), "--device", "tv"]
    return {
        "run": ["run", "--config", str(config)],
        "sync": [*sync, "--gallery", str(folder / "g"), "--state", str(folder / "s")],
        "enrol": ["gallery", "enrol", str(people), "-o", str(folder / "other")],
        "identify": ["identify", str(film), "--gallery", str(folder / "gallery")],
    }


def end(words: list[str], after_s: float, how: signal.Signals) -> tuple[float, int]:
    """Start a command, end it after a while; return how long the end took, and its code."""
    command = [sys.executable, "-m", "edge", *words]
    with subprocess.Popen(
        command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd=Path.cwd()
    ) as process:
        try:
            return 0.0, process.wait(after_s)
        except subprocess.TimeoutExpired:
            process.send_signal(how)
        begun = time.monotonic()
        try:
            code = process.wait(30)
        except subprocess.TimeoutExpired:
            process.kill()
            code = process.wait()
        return time.monotonic() - begun, code


def main() -> None:
    """Run and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--times", type=int, default=100)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--json", action="store_true", help="on one line")
    options = parser.parse_args()
    source = random.Random(options.seed)
    rows: dict[str, dict[str, float]] = {}
    with tempfile.TemporaryDirectory(prefix="tvradar-end-") as folder:
        every = commands(Path(folder))
        for number in range(options.times):
            name = list(every)[number % len(every)]
            how = source.choice([signal.SIGTERM, signal.SIGTERM, signal.SIGHUP])
            took, code = end(every[name], source.uniform(0, LATEST_S), how)
            row = rows.setdefault(name, {"times": 0, "slowest_s": 0.0, "by_the_kernel": 0})
            row["times"] += 1
            row["slowest_s"] = round(max(row["slowest_s"], took), 2)
            row["by_the_kernel"] += code == -signal.SIGALRM
    print(json.dumps(rows, indent=None if options.json else 2))
    if any(row["slowest_s"] > MOST_S for row in rows.values()):
        sys.exit(1)


if __name__ == "__main__":
    main()
