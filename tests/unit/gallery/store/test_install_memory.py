"""What installing a release costs the updater, whose memory the unit bounds."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

import numpy as np

from gallery.store import store
from gallery.store.person import Person

if TYPE_CHECKING:
    from pathlib import Path

INSTALL = """
import sys
from pathlib import Path
from gallery.store import store

def peak_kib():
    status = Path("/proc/self/status").read_text()
    return int(status.split("VmHWM:")[1].split()[0])

before = peak_kib()
store.install_release(Path(sys.argv[2]), Path(sys.argv[1]))
print(peak_kib() - before)
"""


def test_installing_does_not_make_the_release_resident(tmp_path: Path) -> None:
    rows = 400_000
    vectors = np.random.default_rng(1).standard_normal((rows, 128), dtype=np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    people = [Person(f"p{i:05d}", {"en": f"Person {i}"}) for i in range(2_000)]
    owners = np.sort(np.arange(rows, dtype=np.int32) % len(people))
    store.create_gallery(tmp_path / "made", people, vectors, owners, "sface-2021dec")
    release, folder = store.current_release(tmp_path / "made")
    assert sum(file.size for file in release.files) > 50e6
    command = [sys.executable, "-c", INSTALL, str(folder), str(tmp_path / "device")]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60)
    grown_mb = int(done.stdout) / 1024
    assert grown_mb < 40, f"{grown_mb:.0f} MB"
