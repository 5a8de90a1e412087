"""Upgrades in two slots: cut off before any step, going back."""

import os
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.integration.field.conftest import PYTHON, overlay_root
from tests.integration.field.releases import TRAP, release

# Before the n-th command whose text begins so, the installer is killed.
CUTS = [
    ('rm -f "$slot/complete"', 1),
    ('rm -rf "$slot"', 1),
    ('mkdir -p "$slot/share"', 1),
    ('touch "$slot/complete"', 1),
    ("mv -T", 1),  # the link `previous`
    ("mv -T", 2),  # the link `current`
    ("mkdir -p", 4),  # the units
    ("systemd-sysusers", 1),
]


@pytest.fixture
def root(tmp_path: Path) -> Iterator[Path]:
    if not PYTHON.exists():
        pytest.skip("no Debian")
    with overlay_root(tmp_path) as found, ExitStack() as stack:
        for name in ("proc", "dev"):
            subprocess.run(["mount", "--rbind", f"/{name}", found / name], check=True)
            stack.callback(subprocess.run, ["umount", "-lR", found / name], check=False)
        for version in ("1.0", "2.0"):
            release(found / "var/releases" / version, version)
        (found / "var/cut.sh").write_text(TRAP)
        yield found


def install(root: Path, *words: str, cut: tuple[str, int] | None = None) -> tuple[int, str]:
    environment = {**os.environ, "PIP_NO_INDEX": "1"}
    if cut:
        environment |= {"BASH_ENV": "/var/cut.sh", "CUT_AT": cut[0], "CUT_NTH": str(cut[1])}
    done = subprocess.run(
        ["chroot", root, "bash", "/var/releases/1.0/tools/install.sh", *words],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    return done.returncode, done.stdout + done.stderr


def version_in(root: Path, link: str = "current") -> str:
    ran = subprocess.run(
        ["chroot", root, f"/opt/tvradar/{link}/bin/tvradar", "--version"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert (root / "opt/tvradar" / (root / "opt/tvradar" / link).readlink() / "complete").exists()
    return ran.stdout.split()[1]


def test_an_upgrade_cut_off_anywhere_leaves_the_old_version_or_the_new(root: Path) -> None:
    code, said = install(root, "install", "--from", "/var/releases/1.0")
    assert (code, version_in(root)) == (0, "1.0"), said
    for cut in CUTS:
        before = version_in(root)
        other = "2.0" if before == "1.0" else "1.0"
        code, said = install(root, "install", "--from", f"/var/releases/{other}", cut=cut)
        assert code == -9, (cut, code, said)
        switched = cut[0] in {"mkdir -p", "systemd-sysusers"}
        assert version_in(root) == (other if switched else before), cut
        unit = root / "etc/systemd/system/tvradar.service"
        assert str(unit.readlink()) == "/opt/tvradar/current/share/systemd/tvradar.service"
    code, said = install(root, "install", "--from", "/var/releases/2.0")
    assert (code, version_in(root)) == (0, "2.0"), said
    code, said = install(root, "status")
    assert (code, said.count("(current)")) == (0, 1)
    code, said = install(root, "uninstall", "--purge")
    assert code == 0, said
    left = [p for p in (root / "etc/systemd/system").rglob("tvradar*") if p.is_symlink()]
    assert (left, (root / "opt/tvradar").exists(), (root / "etc/tvradar").exists()) == (
        [],
        False,
        False,
    )


def test_wrong_use_is_refused(root: Path) -> None:
    assert install(root, "frobnicate")[0] == 2
    assert install(root, "install", "--from")[0] == 2
    code, said = install(root, "install", "--from", "/var")
    assert (code, "no source tree" in said) == (2, True)
    code, said = install(root, "rollback")
    assert (code, "no other whole slot" in said) == (3, True)
    code, said = install(root, "status")
    assert (code, "not installed" in said) == (3, True)
    assert install(root, "install", "--python", "/nowhere/python")[0] == 3
