"""A machine with a real systemd: a container over an overlay of this root, with our package.

What is tried there is lost with it. Two things differ from a device: the network is loopback only,
and memory limits of units do not act.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import time
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.conftest import ROOT
from tests.shared import once

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.free import Free

PYTHON = Path("/usr/bin/python3")
SLOTS = Path("/opt/tvradar")
CONFIG = """
source = "/var/lib/clip.mp4"
gallery = "/var/lib/tvradar-sync/gallery"
heartbeat = "/run/tvradar/pulse.json"
loop = true
"""
WAIT = """python3 -c '
import time, urllib.request
begun = time.monotonic()
while time.monotonic() - begun < {within_s}:
    try:
        urllib.request.urlopen("http://127.0.0.1:8787/readyz", timeout=1).read()
    except OSError:
        time.sleep(0.02)
    else:
        print(time.monotonic() - begun)
        break
else:
    print("never")
'"""


class Machine:
    """A booted container; commands run inside it."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self._init = 0
        self._boot: subprocess.Popen[bytes] | None = None

    def boot(self) -> None:
        """Start systemd and wait until it has started its units."""
        command = "systemd-nspawn -q --register=no --keep-unit --private-network --console=pipe"
        self._boot = subprocess.Popen(
            [*command.split(), "-D", str(self.root), "-b"],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            stdin=subprocess.DEVNULL,
        )
        children = Path(f"/proc/{self._boot.pid}/task/{self._boot.pid}/children")
        deadline = time.monotonic() + 30
        while time.monotonic() < deadline and self._boot.poll() is None:
            found = children.read_text().split()
            if found and self.sh(f"/proc/{found[0]}", boot=int(found[0])):
                return
            time.sleep(0.2)
        self.power_off()
        pytest.skip("systemd does not boot in a container here")

    def sh(self, script: str, *, boot: int = 0, timeout_s: float = 60) -> str:
        """Run a script inside, and return what it says, its errors too."""
        if boot:
            self._init = boot
            script = "systemctl is-system-running --wait >/dev/null; echo up"
        done = subprocess.run(
            ["nsenter", "-t", str(self._init), "-a", "sh", "-c", script],
            capture_output=True,
            text=True,
            check=False,
            timeout=timeout_s,
        )
        if boot:
            return done.stdout.strip() if done.returncode == 0 else ""
        return done.stdout + done.stderr

    def pid(self, unit: str = "tvradar") -> int:
        """Return the unit's main process, by its number inside."""
        return int(self.sh(f"systemctl show -p MainPID --value {unit}"))

    def configure(self) -> None:
        """Name the film as the source."""
        (self.root / "etc/tvradar/tvradar.toml").write_text(CONFIG)
        self.sh("systemctl restart tvradar; sleep 1")

    def bring_gallery(self) -> None:
        """Put the gallery where the updater would."""
        target = "/var/lib/tvradar-sync"
        self.sh(
            f"mkdir -p {target} && cd {target} && (test -e gallery || cp -a ../concert gallery)"
        )

    def name_people(self) -> None:
        """Have the film recognised with the gallery, if it is not yet."""
        if (self.root / "etc/tvradar/tvradar.toml").read_text() != CONFIG:
            self.configure()
        self.bring_gallery()
        self.answers_after_s()

    def answers_after_s(self, within_s: float = 30) -> float:
        """Return after how long the service has frames and answers."""
        said = self.sh(WAIT.format(within_s=within_s), timeout_s=within_s + 30).strip()
        if said == "never":
            raise AssertionError(self.sh("systemctl status tvradar; journalctl -u tvradar -n 30"))
        return float(said)

    def owns(self, outer_pid: str) -> bool:
        """Return whether a process of this system runs in the container."""
        try:
            return (
                Path(f"/proc/{outer_pid}/ns/pid").readlink()
                == Path(f"/proc/{self._init}/ns/pid").readlink()
            )
        except OSError:  # it is over
            return False

    def named(self, within_s: float = 20) -> set[str]:
        """Return whom presses name until somebody is named."""
        until = time.monotonic() + within_s
        while time.monotonic() < until:
            said = self.sh("tvradar press --json")
            people = {p for p in ("barack_obama", "joe_biden") if p in said}
            if people:
                return people
            time.sleep(0.2)
        return set()

    def power_off(self) -> None:
        """End the machine at once, as when the plug is pulled."""
        if self._boot is not None:
            if self._init:
                os.kill(self._init, signal.SIGKILL)
            self._boot.kill()
            self._boot.wait(20)
            self._boot = None


@pytest.fixture(scope="session")
def package() -> Path:
    """Build the Debian package."""
    if shutil.which("dpkg-deb") is None or not PYTHON.exists():
        pytest.skip("no Debian: the package is built there")

    def build(folder: Path) -> None:
        command = ["tools/build_deb.sh", str(folder)]
        subprocess.run(command, cwd=ROOT, check=True, timeout=600, capture_output=True)

    (deb,) = once("deb", build).glob("*.deb")
    return deb


@contextmanager
def overlay_root(folder: Path) -> Iterator[Path]:
    """Give this machine's root with a layer of its own over it, in memory."""
    if os.geteuid() != 0 or shutil.which("systemd-nspawn") is None:
        pytest.skip("needs root and systemd-nspawn; apt-get install systemd-container")
    with ExitStack() as stack:

        def mount(*words: str) -> None:
            done = subprocess.run(["mount", *words], capture_output=True, text=True, check=False)
            if done.returncode:
                pytest.skip(f"mount {words}: {done.stderr.strip()}")
            stack.callback(subprocess.run, ["umount", "-l", words[-1]], check=False)

        layer, root = folder / "layer", folder / "root"
        layer.mkdir()
        root.mkdir()
        mount("-t", "tmpfs", "-o", "size=6g", "tmpfs", str(layer))
        for name in ("upper", "work"):
            (layer / name).mkdir()
        options = f"lowerdir=/,upperdir={layer}/upper,workdir={layer}/work"
        mount("-t", "overlay", "-o", options, "overlay", str(root))
        (root / "etc/machine-id").write_text("")
        shutil.rmtree(root / "opt/tvradar", ignore_errors=True)
        yield root


@pytest.fixture(scope="package")
def machine(
    package: Path, few: Path, free: Free, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Machine]:
    """Install the package, give it a gallery and a film, and boot."""
    with overlay_root(tmp_path_factory.mktemp("machine")) as root:
        shutil.copy(package, root / "var/lib/tvradar.deb")
        shutil.copy(free.clip, root / "var/lib/clip.mp4")
        shutil.copytree(few, root / "var/lib/concert", symlinks=True)
        found = Machine(root)
        found.boot()
        try:
            installed = found.sh("dpkg -i /var/lib/tvradar.deb", timeout_s=240)
            assert "is installed, slot a" in installed, installed
            yield found
        finally:
            found.power_off()
