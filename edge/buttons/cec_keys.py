"""The TV's own remote over HDMI-CEC, by `cec-ctl` of v4l-utils.

Not run on hardware: no CEC adapter was at hand. The lines that are looked for, and the session in
the tests, follow what cec-ctl is known to print (its binary has these message names); they were not
recorded from an adapter. Only the names and the code in brackets are relied on.
"""

from __future__ import annotations

import logging
import re
import shutil
import subprocess
import threading
import time
from typing import TYPE_CHECKING

from edge.buttons.key import KeyLogic, Press
from edge.errors import ToolMissingError
from gallery.threads import Worker

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from edge.config import ButtonsConfig

log = logging.getLogger(__name__)

RETRY_S = 2.0
SILENT_S = 0.55
"""A held key repeats sooner than this; after a longer silence it counts as released, even if that
message was lost."""
_PRESSED = re.compile(r"USER_CONTROL_PRESSED \(0x44\)")
_RELEASED = re.compile(r"USER_CONTROL_RELEASED \(0x45\)")
_UI_COMMAND = re.compile(r"^\s+ui-cmd: .*\(0x([0-9a-f]{2})\)\s*$")


def command_for(device: str) -> list[str]:
    """Return the command that registers this box as a player and prints what the TV sends it."""
    return ["cec-ctl", "-d", device, "--playback", "--osd-name", "tvradar", "--monitor"]


def read_keys(lines: Iterator[str]) -> Iterator[int | None]:
    """Yield the UI command of each key that goes down, and None when the key is released."""
    pressed = False
    for line in lines:
        command = _UI_COMMAND.match(line)
        if pressed and command:
            yield int(command[1], 16)
        pressed = bool(_PRESSED.search(line))
        if _RELEASED.search(line):
            yield None


class CecKeys:
    """Listens to the TV's remote.

    Args:
        config: which key of which adapter.
        on_press: called in this thread for each press.
        command: prints the traffic; `command_for` unless a test gives a recorded session.

    Raises:
        ToolMissingError: there is no cec-ctl.
    """

    def __init__(
        self,
        config: ButtonsConfig,
        on_press: Callable[[Press], None],
        command: list[str] | None = None,
    ) -> None:
        self._command = command or command_for(config.cec)
        if shutil.which(self._command[0]) is None:
            raise ToolMissingError(
                f"buttons.cec: {self._command[0]} is not installed; apt-get install v4l-utils"
            )
        self._key, self._on_press, self._source = config.cec_key, on_press, config.cec
        self._config = config
        self._process: subprocess.Popen[str] | None = None
        self._stop = threading.Event()
        self._thread = Worker("cec", self._run)

    def start(self) -> None:
        """Begin to listen."""
        self._thread.start()

    def close(self) -> None:
        """End, and wait for the thread."""
        self._stop.set()
        process = self._process
        if process is not None:
            process.terminate()
        self._thread.join(1)

    def _run(self) -> None:
        while not self._stop.is_set():
            self._listen()
            # The adapter is not there yet, or the cable was pulled: try again.
            self._stop.wait(RETRY_S)

    def _listen(self) -> None:
        with subprocess.Popen(  # noqa: S603  (our own words, a path of the configuration)
            self._command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
        ) as process:
            self._process = process
            if self._stop.is_set():
                process.terminate()
            assert process.stdout is not None
            try:
                self._follow(read_keys(iter(process.stdout.readline, "")))
            finally:
                process.terminate()
        self._process = None
        log.debug("%s: ended with %s", self._command[0], process.returncode)

    def _follow(self, commands: Iterator[int | None]) -> None:
        logic = KeyLogic(self._config.debounce_ms / 1000, self._config.long_press_ms / 1000)
        last_s = float("-inf")
        for command in commands:
            now_s = time.monotonic()
            if now_s - last_s > SILENT_S:
                logic.up(last_s)
            last_s = now_s
            if command is None:
                logic.up(now_s)
            elif command == self._key:
                self._tell(logic, now_s)

    def _tell(self, logic: KeyLogic, now_s: float) -> None:
        kind = logic.down(now_s)
        if kind:
            self._on_press(Press(kind, self._source, time.monotonic_ns(), kernel_time=False))
