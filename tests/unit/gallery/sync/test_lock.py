"""Two updaters on one folder of state: the second is refused, a dead one leaves no lock."""

import subprocess
import sys
from pathlib import Path

import pytest

from gallery.channel.errors import SyncSetupError
from gallery.sync.lock import only_updater


def test_the_second_is_refused_and_a_dead_one_holds_nothing(tmp_path: Path) -> None:
    program = (
        "import sys, pathlib\n"
        "from gallery.sync.lock import only_updater\n"
        "with only_updater(pathlib.Path(sys.argv[1])):\n"
        "    print('held', flush=True); sys.stdin.read()\n"
    )
    command = [sys.executable, "-c", program, str(tmp_path / "state")]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as other:
        assert other.stdout
        assert other.stdout.readline() == b"held\n"
        with (
            pytest.raises(SyncSetupError, match="another updater"),
            only_updater(tmp_path / "state"),
        ):
            pass
        other.kill()
        other.wait()
    with only_updater(tmp_path / "state"):
        pass


def test_the_command_says_so_in_one_line(tmp_path: Path) -> None:
    root = tmp_path / "root.json"
    root.write_bytes(b"{}")
    words = ["sync", "--from", str(tmp_path), "--root", str(root), "--gallery", str(tmp_path / "g")]
    with only_updater(tmp_path / "state"):
        ran = subprocess.run(
            [sys.executable, "-m", "edge", *words, "--state", str(tmp_path / "state")],
            capture_output=True,
            text=True,
            check=False,
        )
    assert ran.returncode == SyncSetupError.exit_code
    assert "another updater works on it" in ran.stderr.replace("\n", " ")
    assert "Traceback" not in ran.stderr
