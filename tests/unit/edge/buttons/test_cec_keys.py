"""HDMI-CEC by a stand-in for cec-ctl that prints what it would; written by hand, no adapter."""

from __future__ import annotations

import queue
import sys
from typing import TYPE_CHECKING

import pytest

from edge.buttons.cec_keys import CecKeys, command_for, read_keys
from edge.config import ButtonsConfig
from edge.errors import ToolMissingError

if TYPE_CHECKING:
    from pathlib import Path

    from edge.buttons.key import Press

SESSION = """\
Received from TV to all (0 to 15): STANDBY (0x36)
Received from TV to Playback Device 1 (0 to 4): USER_CONTROL_PRESSED (0x44):
\tui-cmd: Select (0x00)
Received from TV to Playback Device 1 (0 to 4): USER_CONTROL_RELEASED (0x45)
Received from TV to Playback Device 1 (0 to 4): USER_CONTROL_PRESSED (0x44):
\tui-cmd: F2 (Red) (0x72)
Received from TV to Playback Device 1 (0 to 4): USER_CONTROL_PRESSED (0x44):
\tui-cmd: F2 (Red) (0x72)
Received from TV to Playback Device 1 (0 to 4): USER_CONTROL_RELEASED (0x45)
"""


def test_a_session_is_read() -> None:
    lines = iter(SESSION.splitlines(keepends=True))
    assert list(read_keys(lines)) == [0x00, None, 0x72, 0x72, None]
    assert list(read_keys(iter(["garbage\n", "\tui-cmd: F2 (Red) (0x72)\n"]))) == []


def test_the_red_key_of_the_remote_is_one_press(tmp_path: Path) -> None:
    script = tmp_path / "cec_ctl.py"
    script.write_text(f"import time\nprint({SESSION!r}, flush=True)\ntime.sleep(30)\n")
    presses: queue.Queue[Press] = queue.Queue()
    config = ButtonsConfig(cec="/dev/cec0")
    keys = CecKeys(config, presses.put, [sys.executable, str(script)])
    keys.start()
    try:
        press = presses.get(timeout=10)
    finally:
        keys.close()
    assert (press.kind, press.source, press.kernel_time) == ("press", "/dev/cec0", False)
    assert presses.empty()


def test_a_missing_cec_ctl_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(ToolMissingError, match="v4l-utils"):
        CecKeys(ButtonsConfig(cec="/dev/cec0"), print)
    assert "/dev/cec1" in command_for("/dev/cec1")
