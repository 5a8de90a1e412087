"""Run pip, and say how far it is in one line: packages, megabytes, and what takes how long.

    .venv/bin/python tools/install_packages.py --editable .

Takes pip's own arguments. What pip says goes to the screen only where it fails.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import time
from collections import deque
from pathlib import Path

PACKAGES, FETCHED_MB, DISK_MB = 46, 190, 640
"""What tvradar took without extras on Debian 12 (x86-64, Python 3.11), for the bar's length."""
UNITS_MB = {"bytes": 1e-6, "kB": 1e-3, "MB": 1.0, "GB": 1e3}
FETCHED = re.compile(r"(Downloading|Using cached) (\S+) \(([\d.]+) (bytes|kB|MB|GB)\)")
NEARBY = re.compile(r"Processing (/\S+\.whl)")
NO_INDEX = re.compile("NewConnectionError|ConnectTimeout|name resolution|No matching distribution")
NO_ROOM = re.compile("No space left on device|Disk quota exceeded")
BAR = 24
KEPT_LINES = 200


class Progress:
    """One line that is written over, or a line for every tenth package where nobody looks."""

    def __init__(self) -> None:
        self._shown = sys.stdout.isatty()
        self.packages, self.mb = 0, 0.0

    def take(self, line: str) -> None:
        """Count what a line of pip's tells."""
        if (found := FETCHED.search(line)) and not found[2].endswith(".metadata"):
            self._add(found[2], float(found[3]) * UNITS_MB[found[4]])
        elif near := NEARBY.match(line):  # an index in a folder
            wheel = Path(near[1])
            self._add(wheel.name, wheel.stat().st_size / 1e6 if wheel.is_file() else 0.0)
        elif line.startswith("Installing collected packages"):
            self._tell("unpacking")

    def _add(self, name: str, mb: float) -> None:
        self.packages += 1
        self.mb += mb
        self._tell(name.partition("-")[0])

    def _tell(self, what: str) -> None:
        done = min(1.0, self.packages / PACKAGES)
        bar = "#" * round(BAR * done) + "-" * (BAR - round(BAR * done))
        line = f"[{bar}] {self.packages} packages, {self.mb:.0f} MB, {what}"
        if self._shown:
            width = shutil.get_terminal_size().columns
            sys.stdout.write("\r" + line[: width - 1].ljust(width - 1))
            sys.stdout.flush()
        elif what == "unpacking" or self.packages % 10 == 0:
            print(line, flush=True)

    def end(self) -> None:
        """Leave the line."""
        if self._shown:
            print()


def remedy(said: str) -> str | None:
    """Return what to do where pip failed and has said this, if that is known."""
    if NO_ROOM.search(said):
        return f"the disk is full, expected {DISK_MB} MB; free some and say the command again"
    if NO_INDEX.search(said):
        return (
            "no index of packages answers, expected a network, or an index by `pip config set "
            "global.index-url`; for a device without a network: `make deb` where there is one"
        )
    return None


def size_mb(folder: Path) -> float:
    """Return what a folder takes, links counted once."""
    return sum(p.lstat().st_size for p in folder.rglob("*") if p.is_file()) / 1e6


def main() -> int:
    """Install; return pip's exit code."""
    begun = time.monotonic()
    print(
        f"installing into {Path(sys.prefix).name}: about {PACKAGES} packages, {FETCHED_MB} MB to "
        f"fetch, {DISK_MB} MB on the disk",
        flush=True,
    )
    command = [sys.executable, "-m", "pip", "install", "--progress-bar", "off", *sys.argv[1:]]
    said: deque[str] = deque(maxlen=KEPT_LINES)
    progress = Progress()
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as pip:
        for line in pip.stdout or ():
            said.append(line)
            progress.take(line)
    progress.end()
    if pip.returncode:
        text = "".join(said)
        sys.stderr.write(text)
        if words := remedy(text):
            print(f"packages: {words}", file=sys.stderr)
        return pip.returncode
    took = time.monotonic() - begun
    print(
        f"{progress.packages} packages, {progress.mb:.0f} MB fetched, "
        f"{size_mb(Path(sys.prefix)):.0f} MB on the disk, {took:.0f} s"
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
