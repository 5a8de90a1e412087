"""Build the wheel and hold its content against the four packages that it must hold."""

from __future__ import annotations

import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PACKAGES = {"edge", "engines", "calibration", "gallery"}
DATA = {
    "engines/catalog.toml",
    "engines/look/tokens.css",
    "edge/demo/people/barack_obama.toml",
    "edge/serve/overlay/index.html",
    "edge/serve/overlay/languages/en.json",
    "edge/serve/overlay/overlay.css",
    "edge/serve/overlay/overlay.js",
    "edge/timeline/page.html",
}


def main() -> int:
    """Return 0 when the wheel holds what it should, else 1."""
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "-w", folder, "."]
        subprocess.run(command, cwd=ROOT, check=True)
        (wheel,) = Path(folder).glob("*.whl")
        names = {n for n in zipfile.ZipFile(wheel).namelist() if ".dist-info/" not in n}
    tops = {name.split("/")[0] for name in names}
    problems = [f"packages: {sorted(tops)}, expected {sorted(PACKAGES)}"] * (tops != PACKAGES)
    problems += [f"missing: {name}" for name in sorted(DATA - names)]
    tracked = subprocess.run(
        ["git", "ls-files", *sorted(PACKAGES)], cwd=ROOT, check=True, capture_output=True, text=True
    ).stdout.split()
    problems += [f"not in git: {name}" for name in sorted(names - set(tracked))]
    problems += [f"not in the wheel: {name}" for name in sorted(set(tracked) - names)]
    for problem in problems:
        print(f"wheel: {problem}", file=sys.stderr)
    if not problems:
        print(f"wheel: {len(names)} files in {', '.join(sorted(tops))}")
    return bool(problems)


if __name__ == "__main__":
    sys.exit(main())
