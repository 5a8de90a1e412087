"""The cloud's side on this machine, on loopback, for the demonstration and for `bench sync`.

A broker where mosquitto is installed, else a folder; a publisher; and the updater as the device
runs it, a process of its own.
"""

from __future__ import annotations

import shutil
import socket
import subprocess
import sys
import threading
import time
from typing import TYPE_CHECKING, Any

import msgspec

from edge.errors import EdgeError, ToolMissingError
from gallery.channel.broker import Broker
from gallery.channel.link import MqttLink
from gallery.channel.status import Status, decode
from gallery.publish.content import Options, prepare, resign
from gallery.publish.repository import Repository
from gallery.publish.to_broker import BrokerPlace
from gallery.publish.to_folder import Folder, publish_files

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from gallery.channel.manifest import Manifest

PLACES = "/usr/sbin:/usr/bin:/usr/local/sbin:/usr/local/bin:/opt/homebrew/sbin"
CONNECT_S = 10.0
LINES_KEPT = 20
END_S = 1.0
"""A program that has not ended by then is killed; if it has no CPU to end with, it is left to."""
OWN_GROUP: dict[str, Any] = {"process_group": 0} if sys.version_info >= (3, 11) else {}
"""Ctrl-C is for us alone: a broker that ended with it would be missed, with a warning."""
LAST = ("nice", "-n", "19")
"""Before a program: it runs when others leave it time."""
MOSQUITTO = """\
listener {port} 127.0.0.1
allow_anonymous true
set_tcp_nodelay true
persistence false
max_queued_messages 0
user root
message_size_limit 16777216
"""
"""Run by root it would become another user, and the kernel forget that it ends with us."""


class Child:
    """A program that ends when we do, even by kill -9 where `setpriv` is there.

    Args:
        command: program and arguments.
        last: run it only when nothing else would: a cloud on this machine must not take the CPU of
            the device that is measured.
        on_line: called by a thread with each line on its stdout.
    """

    def __init__(
        self,
        command: Sequence[str],
        *,
        last: bool = False,
        on_line: Callable[[bytes], None] | None = None,
    ) -> None:
        before = [*LAST] if last else []
        if shutil.which("setpriv"):
            before += ["setpriv", "--pdeathsig", "TERM"]
        self.name = command[0]
        self._errors: list[bytes] = []
        self.process = subprocess.Popen(  # noqa: S603
            [*before, *command],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE if on_line else subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            **OWN_GROUP,
        )
        self._threads = [threading.Thread(target=self._listen, daemon=True)]
        if on_line:
            self._threads.append(threading.Thread(target=self._read, args=[on_line], daemon=True))
        for thread in self._threads:
            thread.start()

    def close(self) -> None:
        """End it."""
        self.process.terminate()
        if not self._ended(END_S):
            self.process.kill()
            if not self._ended(END_S / 2):
                return
        for thread in self._threads:
            thread.join(5)
        for pipe in (self.process.stdout, self.process.stderr):
            if pipe:
                pipe.close()

    def _ended(self, within_s: float) -> bool:
        try:
            self.process.wait(within_s)
        except subprocess.TimeoutExpired:
            return False
        return True

    def check(self) -> None:
        """Raise if it has ended.

        Raises:
            EdgeError: with the last that it said.
        """
        code = self.process.poll()
        if code is not None:
            self._threads[0].join(1)
            said = b" ".join(self._errors).decode(errors="replace").strip()[-400:]
            raise EdgeError(f"{self.name}: ended with {code}, expected it to run on; {said}")

    def _read(self, on_line: Callable[[bytes], None]) -> None:
        assert self.process.stdout
        for line in self.process.stdout:
            on_line(line)

    def _listen(self) -> None:
        assert self.process.stderr
        for line in self.process.stderr:
            self._errors[:] = [*self._errors[1 - LINES_KEPT :], line]


def tvradar_command(*words: object) -> list[str]:
    """Return the command line that runs a command of this very installation."""
    return [sys.executable, "-m", "edge", *map(str, words)]


class LocalBroker:
    """A mosquitto on a free port of loopback.

    Args:
        folder: for its configuration.
        last: see `Child`.

    Raises:
        ToolMissingError: mosquitto is not installed.
        EdgeError: it does not run.
    """

    def __init__(self, folder: Path, *, last: bool = False) -> None:
        program = shutil.which("mosquitto") or shutil.which("mosquitto", path=PLACES)
        if program is None:
            raise ToolMissingError(
                "mosquitto: not installed, expected an MQTT broker; apt-get install mosquitto"
            )
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port: int = probe.getsockname()[1]
        folder.mkdir(parents=True, exist_ok=True)
        config = folder / "mosquitto.conf"
        config.write_text(MOSQUITTO.format(port=self.port))
        self._command, self._last = [program, "-c", str(config)], last
        self.child = Child(self._command, last=last)
        self._await()

    @property
    def uri(self) -> str:
        """Its address."""
        return f"mqtt://127.0.0.1:{self.port}"

    def restart(self) -> None:
        """End it and start it again on its port; it remembers nothing."""
        self.child.close()
        self.child = Child(self._command, last=self._last)
        self._await()

    def _await(self) -> None:
        deadline_s = time.monotonic() + CONNECT_S
        while time.monotonic() < deadline_s:
            self.child.check()
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", self.port)) == 0:
                    return
            time.sleep(0.02)
        self.child.close()
        raise EdgeError(f"mosquitto: does not listen on 127.0.0.1:{self.port}")

    def close(self) -> None:
        """End it."""
        self.child.close()


class Channel:
    """A publisher with keys of its own, and where devices find what it publishes.

    Args:
        folder: for the keys and what is published.
        broker: where there is one; else devices read `folder`.
    """

    def __init__(self, folder: Path, broker: LocalBroker | None) -> None:
        self.repository = Repository(folder / "home")
        self.repository.init()
        self._folder = folder / "published"
        self._link: MqttLink | None = None
        if broker is not None:
            self._link = MqttLink(Broker.from_uri(broker.uri), "publisher", backoff_base_s=0.2)
            self._link.start().wait_up(CONNECT_S)
        self.uri = broker.uri if broker else str(self._folder)
        self.root = folder / "home" / "root.json"

    def sign(self, gallery: Path, **options: object) -> Manifest:
        """Sign the gallery's release; nobody sees it yet."""
        manifest = prepare(self.repository, gallery, msgspec.convert(options, Options))
        resign(self.repository, manifest)
        return manifest

    def send(self) -> int:
        """Publish what is signed; return the bytes, which are there when this returns."""
        if self._link is None:
            return publish_files(self.repository, Folder(self._folder))
        return BrokerPlace(self.repository, self._link).publish()

    def close(self) -> None:
        """Disconnect."""
        if self._link is not None:
            self._link.close()


class Updater:
    """`tvradar sync` as a process of its own.

    Args:
        channel: what it follows.
        folder: for its state; the gallery is its `gallery`.
        on_status: called by a thread with each status it tells, and when that was heard.
        heartbeat: see `edge.config`.
    """

    def __init__(
        self,
        channel: Channel,
        folder: Path,
        on_status: Callable[[Status, float], None],
        heartbeat: Path | None = None,
    ) -> None:
        self.gallery = folder / "gallery"
        self._on_status = on_status
        words = ["sync", "--from", channel.uri, "--root", channel.root, "--device", "this-tv"]
        words += ["--gallery", self.gallery, "--state", folder / "state", "--json"]
        words += ["--heartbeat", heartbeat] if heartbeat else []
        self.child = Child(tvradar_command(*words), on_line=self._take)

    def await_gallery(self, seconds: float = 30.0) -> None:
        """Wait until it has installed its first release.

        Raises:
            EdgeError: it ended, or did not in this time.
        """
        deadline_s = time.monotonic() + seconds
        while not (self.gallery / "current").exists():
            self.child.check()
            if time.monotonic() > deadline_s:
                raise EdgeError(f"tvradar sync: no gallery after {seconds:.0f} s")
            time.sleep(0.02)

    def close(self) -> None:
        """End it."""
        self.child.close()

    def _take(self, line: bytes) -> None:
        status = decode(line)
        if status is not None:
            self._on_status(status, time.monotonic())
