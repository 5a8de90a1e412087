"""What the system refuses is one line of ours, not a traceback."""

import errno
import os
import subprocess
import sys
from pathlib import Path

import pytest

from gallery.os_errors import reason_of


@pytest.mark.parametrize(
    ("number", "remedy"),
    [
        (errno.ENOSPC, "make room there (df, df -i)"),
        (errno.EROFS, "mount it so that it can be written to"),
        (errno.EACCES, "give this user the right"),
        (errno.EMFILE, "ulimit -n"),
    ],
)
def test_the_remedy_is_named(number: int, remedy: str) -> None:
    told = reason_of(OSError(number, os.strerror(number), "/var/lib/x"))
    assert told.startswith(f"/var/lib/x: {os.strerror(number)}; ")
    assert remedy in told


def test_a_folder_that_cannot_be_written_to_is_one_line(tmp_path: Path) -> None:
    """/proc takes no folder from anybody, root included, as a read-only disk does."""
    root = tmp_path / "root.json"
    root.write_bytes(b"{}")
    words = ["sync", "--from", str(tmp_path), "--root", str(root), "--gallery", "/proc/g"]
    ran = subprocess.run(
        [sys.executable, "-m", "edge", *words, "--state", "/proc/nothing/state"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 1
    assert ran.stderr.startswith("error: /proc/nothing")
    assert "Traceback" not in ran.stderr
