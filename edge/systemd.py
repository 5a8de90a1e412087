"""What the service manager is told: ready, alive, and what it does (sd_notify of systemd).

Source: sd_notify(3) and its protocol, `KEY=VALUE` lines in one datagram to $NOTIFY_SOCKET.
"""

from __future__ import annotations

import contextlib
import os
import socket
import threading
import time
from pathlib import Path


def name_thread(name: str) -> None:
    """Give the calling thread the name that `top -H` and a debugger show, at most 15 bytes."""
    with contextlib.suppress(OSError):
        Path(f"/proc/self/task/{threading.get_native_id()}/comm").write_text(name, "ascii")


class Supervisor:
    """Speaks to the service manager that has started this process, if one has.

    `alive` is for the thread whose progress counts: a timer would go on feeding the watchdog
    while that thread hangs.
    """

    def __init__(self) -> None:
        self._address = os.environ.get("NOTIFY_SOCKET", "")
        usec = os.environ.get("WATCHDOG_USEC", "")
        ours = os.environ.get("WATCHDOG_PID", str(os.getpid())) == str(os.getpid())
        self.watchdog_s = int(usec) / 1e6 if ours and usec.isdecimal() else 0.0
        self._next = 0.0

    @property
    def present(self) -> bool:
        """Whether a service manager listens."""
        return bool(self._address)

    def ready(self, status: str = "") -> None:
        """Say that the service can be used."""
        self._send(f"READY=1\nSTATUS={status}")

    def stopping(self) -> None:
        """Say that the end has begun."""
        self._send("STOPPING=1")

    def starting(self, status: str, more_s: float) -> None:
        """Say what is taking long, and ask for this much more time."""
        self._send(f"STATUS={status}\nEXTEND_TIMEOUT_USEC={round(more_s * 1e6)}")

    def status(self, text: str) -> None:
        """Set the line that `systemctl status` shows."""
        self._send(f"STATUS={text}")

    def alive(self) -> None:
        """Feed the watchdog; cheap enough to be called for each frame."""
        now = time.monotonic()
        if self.watchdog_s and now >= self._next:
            self._next = now + self.watchdog_s / 5
            self._send("WATCHDOG=1")

    def _send(self, message: str) -> None:
        if not self._address:
            return
        name = "\0" + self._address[1:] if self._address.startswith("@") else self._address
        with (
            contextlib.suppress(
                OSError
            ),  # a service manager that does not listen must not end the service
            socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as channel,
        ):
            channel.sendto(message.encode(), name)
