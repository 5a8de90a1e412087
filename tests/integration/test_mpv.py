"""The script for mpv, in mpv: where mpv is not installed the test is skipped."""

from __future__ import annotations

import json
import shutil
import socket
import subprocess
import time
from typing import TYPE_CHECKING, Any

import pytest

from tests.free import SECOND, STAR
from tests.integration.conftest import ROOT, tvradar

if TYPE_CHECKING:
    from pathlib import Path

    from tests.free import Free

SCRIPT = ROOT / "edge" / "clients" / "mpv" / "tvradar.lua"


class Player:
    """An mpv that shows nothing, driven as a remote control would."""

    def __init__(self, film: Path, log: Path, *options: str) -> None:
        self._log, where = log, log.with_suffix(".socket")
        words = ["--no-config", "--vo=null", "--ao=null", "--pause", "--idle=yes"]
        words += [f"--script={SCRIPT}", f"--input-ipc-server={where}", f"--log-file={log}"]
        self._process = subprocess.Popen(
            ["mpv", *words, *options, str(film)],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        self._socket = socket.socket(socket.AF_UNIX)
        for _ in range(100):
            try:
                self._socket.connect(str(where))
                break
            except OSError:
                time.sleep(0.1)

    def command(self, *words: Any) -> None:
        self._socket.sendall(json.dumps({"command": words}).encode() + b"\n")

    def seek(self, to_s: float) -> None:
        self.command("seek", to_s, "absolute+exact")
        time.sleep(0.5)

    def wait(self, text: str, times: int = 1) -> str:
        """Return the log once it has a text so often."""
        for _ in range(100):
            log = self._log.read_text(errors="replace") if self._log.exists() else ""
            if log.count(text) >= times:
                return log
            time.sleep(0.1)
        raise AssertionError(f"{text!r} is not in the log:\n{log[-2000:]}")

    def close(self) -> None:
        self._socket.close()
        self._process.terminate()
        self._process.wait(timeout=10)


@pytest.mark.skipif(shutil.which("mpv") is None, reason="mpv is not installed")
def test_names_come_from_the_sidecar(free: Free, few: Path, tmp_path: Path) -> None:
    film = tmp_path / "a film's “name”.mp4"
    shutil.copy(free.clip, film)
    tvradar("identify", film, "--gallery", few, "--sidecar")
    player = Player(film, tmp_path / "mpv.log", "--script-opts=tvradar-seconds=0.5")
    try:
        player.wait("2 people, 3 faces in")
        names = [s.replace("_", " ") for s in (STAR, SECOND)]
        for number, (at_s, shown) in enumerate(
            [(0.2, {"nobody"}), (2.0, {names[0]}), (5.0, set(names)), (8.0, set(names))], 1
        ):  # the last one: a second after both have gone
            player.seek(at_s)
            player.command("keypress", "n")
            log = player.wait("shown: ", number)
            line = log.rpartition("shown: ")[2].splitlines()[0].strip()
            assert set(line.split(", ")) == shown
            time.sleep(0.7)
        assert "[tvradar] error" not in log
        assert "stack traceback" not in log
    finally:
        player.close()


@pytest.mark.skipif(shutil.which("mpv") is None, reason="mpv is not installed")
def test_without_sidecar_and_service_it_says_so(free: Free, tmp_path: Path) -> None:
    film = tmp_path / "film.mp4"
    shutil.copy(free.clip, film)
    (tmp_path / "film.tvradar.json").write_text("[1, 2")
    player = Player(film, tmp_path / "mpv.log", "--script-opts=tvradar-url=http://127.0.0.1:9")
    try:
        player.wait("no sidecar of tvradar; make it again")
        player.command("keypress", "n")
        player.wait("did not answer")
    finally:
        player.close()
