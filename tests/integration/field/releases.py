"""Releases that hold next to nothing, and what cuts their installer off."""

from __future__ import annotations

import shutil
import zipfile
from typing import TYPE_CHECKING

from tests.conftest import ROOT

if TYPE_CHECKING:
    from pathlib import Path

TRAP = """
set -T
seen=0
cut() {
    case $1 in "$CUT_AT"*) seen=$((seen + 1)); [ $seen -lt $CUT_NTH ] || kill -9 $$ ;; esac
}
trap 'cut "$BASH_COMMAND"' DEBUG
"""
PROGRAM = """
import sys
def main():
    if "--version" in sys.argv: print("tvradar {version}")
    elif "run" in sys.argv: sys.exit("this version does not start")
"""


def release(folder: Path, version: str) -> Path:
    """Make what `install.sh --from` takes, with a program that only tells its version.

    The installer is tried here, not the program: with the real one a hundred installs would take
    an hour.
    """
    for name in ("systemd", "tools", "docs"):
        (folder / name).mkdir(parents=True)
    for file in (ROOT / "systemd").iterdir():
        shutil.copy(file, folder / "systemd")
    shutil.copy(ROOT / "tools/install.sh", folder / "tools")
    info = f"tvradar-{version}.dist-info"
    wheels = folder / "wheels"
    wheels.mkdir()
    with zipfile.ZipFile(wheels / f"tvradar-{version}-py3-none-any.whl", "w") as wheel:
        wheel.writestr("edge/__init__.py", "")
        wheel.writestr("edge/device/app.py", "")
        wheel.writestr("edge/cli/channel.py", "")
        wheel.writestr("edge/cli/main.py", PROGRAM.format(version=version))
        wheel.writestr(
            f"{info}/METADATA", f"Metadata-Version: 2.1\nName: tvradar\nVersion: {version}\n"
        )
        wheel.writestr(
            f"{info}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
        )
        wheel.writestr(
            f"{info}/entry_points.txt", "[console_scripts]\ntvradar = edge.cli.main:main\n"
        )
        wheel.writestr(f"{info}/RECORD", "")
    return folder
