"""What `tvradar sync` does."""

from __future__ import annotations

import logging
import os
import socket
import threading
import time
from importlib.metadata import distribution
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from edge.cli.console import err, graceful_stop, out, print_json
from gallery.channel.errors import SyncError
from gallery.channel.status import StatusFile
from gallery.errors import GalleryError
from gallery.sync.lock import only_updater
from gallery.sync.priority import give_way
from gallery.sync.service import Settings, SyncService
from gallery.sync.watchdog import ProcessWatchdog
from gallery.threads import Worker

if TYPE_CHECKING:
    from collections.abc import Callable

    from gallery.channel.status import Status

log = logging.getLogger(__name__)

GRACE_S = 4.0
"""From SIGTERM to the end, at most."""


class SyncOptions(NamedTuple):
    """The command's options."""

    origin: str
    root: Path
    gallery: Path
    state: Path
    device: str
    model: str | None
    heartbeat: Path | None
    tell: Path | None
    mirrors: tuple[str, ...]


def run_sync(options: SyncOptions, *, once: bool, json: bool) -> None:
    """Update once, or until the process is asked to end.

    With `json` the service prints one status a line, whenever it changes.
    """
    give_way()
    with only_updater(options.state):
        _run(options, once=once, json=json)


def _run(options: SyncOptions, *, once: bool, json: bool) -> None:
    watchdog = ProcessWatchdog()
    service = SyncService(
        Settings(
            device=options.device or socket.gethostname().split(".")[0],
            origin=options.origin,
            gallery=options.gallery,
            state=options.state,
            root=options.root,
            model=options.model,
            heartbeat=options.heartbeat,
            built_s=built_s(),
            sources=options.mirrors,
        ),
        _told_to(options.tell, _quiet if once else print_json if json else _print_status),
        watchdog=watchdog,
    )
    try:
        if once:
            _once(service, watchdog, json=json)
        else:
            _stay(service)
    finally:
        watchdog.close()


def built_s() -> float:
    """Return when this software was installed: the clock cannot be before that."""
    for file in distribution("tvradar").files or ():
        if file.name == "RECORD":
            return Path(str(file.locate())).stat().st_mtime
    return 0.0


def _once(service: SyncService, watchdog: ProcessWatchdog, *, json: bool) -> None:
    try:
        installed = service.once()
        while service.device.probation_left_s is not None:
            left_s = service.device.probation_left_s
            err.print(service.device.waiting or f"probation: {left_s:.0f} s", end="\r")
            threading.Event().wait(min(1.0, max(0.05, left_s)))
            service.device.tick()
            watchdog.beat()
    except GalleryError:
        if json:
            print_json(service.status())
        raise
    finally:
        service.close()
    status = service.status()
    if json:
        print_json(status)
    else:
        verb = "installed" if installed else "kept"
        out.print(f"{verb} release {status.release} {status.error or status.waiting}".rstrip())


def _stay(service: SyncService) -> None:
    with graceful_stop() as stopped:
        runner = Worker("sync", service.run)
        runner.start()
        while runner.is_alive() and not stopped():
            time.sleep(0.2)
        if not stopped():
            raise SyncError("the updater's thread ended by itself, see the log; start it again")
        service.stop()
        runner.join(GRACE_S)
        if runner.is_alive():
            # Whatever it is at: the disk is made for a cut at any moment.
            log.warning("no end within %g s; what was fetched stays", GRACE_S)
            logging.shutdown()
            os._exit(0)


def _told_to(path: Path | None, shown: Callable[[Status], None]) -> Callable[[Status], None]:
    """Return what shows a status, and writes it to the file that others read."""
    if path is None:
        return shown
    file = StatusFile(path)

    def told(status: Status) -> None:
        shown(status)
        try:
            file.write(status)
        except OSError as error:
            log.warning("%s: %s; the status is not told there", path, error.strerror)

    return told


def _print_status(status: Status) -> None:
    err.print(
        f"release {status.release}, wanted {status.wanted}, {status.phase}"
        + (f", {status.error}" if status.error else "")
        + (f", {status.waiting}" if status.waiting else ""),
        highlight=False,
    )


def _quiet(_status: Status) -> None:
    pass
