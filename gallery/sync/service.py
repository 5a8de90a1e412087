"""`tvradar sync`: the updater as a service, on a broker, a web server or a folder."""

from __future__ import annotations

import contextlib
import logging
import math
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from gallery.channel import status as status_messages
from gallery.channel.broker import Broker
from gallery.channel.device_name import is_device_name
from gallery.channel.errors import SyncSetupError
from gallery.channel.health import Health, HeartbeatFile
from gallery.channel.link import LinkState, MqttLink
from gallery.channel.metadata import FileMetadata, MetadataSource
from gallery.channel.mqtt_metadata import READ_TIMEOUT_S, MqttMetadata
from gallery.channel.mqtt_sources import SILENCE_S, RetainedChunks, ServerChunks
from gallery.channel.sources import ChunkSource, FileChunks, HttpSource
from gallery.errors import GalleryError
from gallery.os_errors import reason_of
from gallery.sync.device import Device, Phase
from gallery.sync.download import Stopped
from gallery.sync.scrub import EVERY_S, FIRST_S, STEP_S, Scrub
from gallery.sync.watchdog import NoWatchdog

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from gallery.channel.manifest import Manifest
    from gallery.channel.subscriptions import Message
    from gallery.sync.watchdog import Watchdog

log = logging.getLogger(__name__)

POLL_S = 3600.0
RETRY_S = 60.0
LOOK_S = 0.25
"""How often a folder is looked at for a new timestamp."""
BURST = 5
BURST_REFILL_S = 2.0
FLOOD = 20
"""Wake-ups by new timestamps: five at once, then one in two seconds, whatever floods in."""


class Settings(msgspec.Struct, frozen=True):
    """What the service needs to know.

    Attributes:
        origin: `mqtt[s]://…`, `http[s]://…`, `file://…` or a folder.
        root: the first root metadata.
        sources: further addresses of the published files, for a device that has its own mirror.
        read_timeout_s: for one piece of metadata.
        silence_s: after which a source of chunks counts as dead.
        scrub_s: between two looks at all bytes in use.
        scrub_step_s: between two pieces of such a look.
    """

    device: str
    origin: str
    gallery: Path
    state: Path
    root: Path
    model: str | None = None
    heartbeat: Path | None = None
    built_s: float = 0.0
    sources: tuple[str, ...] = ()
    poll_s: float = POLL_S
    read_timeout_s: float = READ_TIMEOUT_S
    silence_s: float = SILENCE_S
    scrub_s: float = EVERY_S
    scrub_step_s: float = STEP_S

    def __post_init__(self) -> None:
        """Check the name: it becomes a topic level and a client id."""
        if not is_device_name(self.device):
            raise SyncSetupError(
                f"device {self.device!r}: expected 1 to 64 letters, digits, '-' or '_'"
            )


class SyncService:
    """Keeps one gallery current.

    Args:
        settings: see there.
        on_change: told the status whenever it changes.
        health: asked during a probation; None for the heartbeat of the settings.
        watchdog: told of progress.
        clock: what rollouts and probations are timed by; a fake one in tests.
    """

    def __init__(
        self,
        settings: Settings,
        on_change: Callable[[status_messages.Status], None] = lambda _: None,
        health: Health | None = None,
        watchdog: Watchdog | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.settings = settings
        self._watchdog = watchdog or NoWatchdog()
        self._on_change = on_change
        self._stop, self._wake = threading.Event(), threading.Event()
        heartbeat = HeartbeatFile(settings.heartbeat, clock) if settings.heartbeat else None
        self._heartbeat = heartbeat
        self.device = Device(
            settings.gallery,
            settings.state,
            _read_root(settings.root),
            name=settings.device,
            model=settings.model,
            health=health or heartbeat,
            built_s=settings.built_s,
            stopped=self._stopped,
            on_phase=self._phase_changed,
            clock=clock,
        )
        self.scrub = Scrub(
            settings.gallery,
            settings.scrub_s,
            min(FIRST_S, settings.scrub_s),
            settings.scrub_step_s,
        )
        self._mended: int = self.device.states.state.mended
        self._complaint = ""
        self._heard = 0
        self._ask_s = math.inf
        self.link = self._make_link()
        self._metadata = self._make_metadata()
        if self.link:
            self.link.handle(f"{self.link.broker.prefix}/m/timestamp.json", self._hear)
        self._told: status_messages.Status | None = None
        self._mark = (0, 0)
        self._tokens, self._filled_s = float(BURST), time.monotonic()

    def _make_link(self) -> MqttLink | None:
        if not self.settings.origin.startswith(("mqtt://", "mqtts://")):
            return None
        broker = Broker.from_uri(self.settings.origin)
        will = status_messages.Status(self.settings.device, online=False)
        topic = status_messages.status_topic(self.settings.device)
        return MqttLink(
            broker,
            self.settings.device,
            will=(topic, status_messages.encode(will)),
            on_up=self._came_up,
        )

    def _make_metadata(self) -> MetadataSource:
        origin = self.settings.origin
        if self.link:
            return MqttMetadata(self.link, self.settings.read_timeout_s)
        if origin.startswith(("http://", "https://")):
            return HttpSource(origin)
        return FileMetadata(Path(origin.removeprefix("file://")))

    def sources(self, manifest: Manifest) -> Sequence[ChunkSource]:
        """Return the sources in order: the origin's own, then what the manifest names."""
        found: list[ChunkSource] = []
        if isinstance(self._metadata, FileMetadata):
            found.append(FileChunks(self._metadata.root))
        elif isinstance(self._metadata, HttpSource):
            found.append(self._metadata)
        for source in manifest.sources:
            if self.link and source.kind == "retained":
                found.append(RetainedChunks(self.link, self.settings.silence_s))
            elif self.link and source.kind == "servers":
                found.append(ServerChunks(self.link, silence_s=self.settings.silence_s))
            elif source.kind == "https" and source.url.startswith(("https://", "http://")):
                found.append(HttpSource(source.url))
        found += [HttpSource(url) for url in self.settings.sources]
        return found

    def stop(self) -> None:
        """End `run()`; what was fetched stays."""
        self._stop.set()
        self._wake.set()

    def once(self) -> bool:
        """Update once; True if a release was installed.

        Raises:
            SyncError: it did not work out, or something was refused.
        """
        if self.link and self.link.state is LinkState.IDLE:
            self.link.start()
        if self.link:
            self.link.wait_up(30)
        try:
            return self.device.update(self._metadata, self.sources)
        finally:
            self._tell()

    def run(self) -> None:
        """Update until `stop()`; errors are reported and tried again."""
        if self.link:
            self.link.start()
        due_s = 0.0
        while not self._stopped():
            self._look()
            woken = self._wake.is_set()
            self._wake.clear()
            heard, self._heard = self._heard, 0
            late = time.monotonic() >= self._ask_s
            if (woken and self._token()) or late or time.monotonic() >= due_s:
                due_s = time.monotonic() + self._attempt()
            elif woken:
                due_s = min(due_s, time.monotonic() + BURST_REFILL_S)
            if heard > FLOOD:
                self._note_flood(heard)
            self.device.tick()
            self._scrub()
            self._tell()
            self._wake.wait(self._pause_s(due_s))
        self.close()

    def _stopped(self) -> bool:
        """Return whether to end; this is asked between chunks, so there is progress."""
        self._watchdog.beat()
        return self._stop.is_set()

    def close(self) -> None:
        """Say good-bye and end the link."""
        if self.link and self.link.state is LinkState.UP:
            farewell = msgspec.structs.replace(self.status(), online=False)
            self._publish(farewell)
        if self.link:
            self.link.close()

    def _attempt(self) -> float:
        """Update; return the seconds until the next try."""
        self._ask_s = math.inf
        if self.link and self.link.state is not LinkState.UP:
            return RETRY_S  # `_came_up` wakes us
        try:
            self.device.update(self._metadata, self.sources)
        except Stopped:
            return 0.0
        except GalleryError as error:
            log.warning("no update: %s", error)
            return RETRY_S
        except OSError as error:
            self.device.error = reason_of(error)
            log.warning("no update: %s", self.device.error)
            return RETRY_S
        except Exception:
            # An unknown failure must not end a service whose duty is to bring the mending update.
            log.exception("no update")
            self.device.error = "internal error, see the log"
            return RETRY_S
        return RETRY_S if self.device.phase is Phase.WAIT else self.settings.poll_s

    def _scrub(self) -> None:
        """Look at a piece of what is on the disk; damage that is found is fetched again at once."""
        if self.device.phase is not Phase.IDLE:
            return
        heartbeat = self._heartbeat.read() if self._heartbeat else None
        complaint = heartbeat.error if heartbeat else ""
        if complaint and complaint != self._complaint and not self.device.damaged:
            log.warning("the recogniser cannot use the gallery: %s", complaint)
            self.device.damaged = complaint
            self._ask_s = 0.0
        self._complaint = complaint
        if self._mended != self.device.states.state.mended:
            self._mended = self.device.states.state.mended
            self.scrub.again()
        found = self.scrub.step()
        if found and not self.device.damaged:
            log.warning("damage found: %s", found)
            self.device.damaged = found
            self._ask_s = 0.0

    def _look(self) -> None:
        """See whether a folder that is our origin has a new timestamp; a broker tells by itself."""
        if not isinstance(self._metadata, FileMetadata):
            return
        mark = (0, 0)  # the stick is out
        with contextlib.suppress(OSError):
            found = (self._metadata.root / "m" / "timestamp.json").stat()
            mark = (found.st_ino, found.st_mtime_ns)
        if mark not in {self._mark, (0, 0)}:
            self._wake.set()
        self._mark = mark

    def _pause_s(self, due_s: float) -> float:
        if isinstance(self._metadata, FileMetadata):
            return LOOK_S
        if self.device.phase is Phase.PROBATION:
            return 1.0
        return min(5.0, max(0.05, min(due_s, self._ask_s) - time.monotonic()))

    def _hear(self, message: Message) -> None:
        self._heard += 1
        if isinstance(self._metadata, MqttMetadata):
            self._metadata.push(message[1])
        self._wake.set()

    def _note_flood(self, heard: int) -> None:
        text = f"topic flood refused: {heard} timestamps at once"
        log.warning("%s; one is read in %g s", text, BURST_REFILL_S)
        self.device.error = text

    def _token(self) -> bool:
        now_s = time.monotonic()
        refill = (now_s - self._filled_s) / BURST_REFILL_S
        self._tokens, self._filled_s = min(BURST, self._tokens + refill), now_s
        if self._tokens < 1:
            return False
        self._tokens -= 1
        return True

    def _came_up(self) -> None:
        # A broker may have lost our status. The timestamp that it sends now wakes us; without
        # one we ask for it a second later.
        self._told = None
        self._ask_s = time.monotonic() + 1.0

    def status(self) -> status_messages.Status:
        """Return the status as of now."""
        device = self.device
        state = device.states.state
        heartbeat = self._heartbeat.read() if self._heartbeat else None
        release = device.installed()
        return status_messages.Status(
            device=self.settings.device,
            release=release,
            wanted=device.wanted,
            model=self.settings.model or "",
            phase=device.phase.value,
            error=device.error,
            waiting=device.waiting,
            healthy=not device.error.startswith("probation failed")
            and not (heartbeat and heartbeat.error),
            confirmed=state.probation is None,
            named_share=heartbeat.named_share if heartbeat else None,
            clock_suspect=device.trust.clock_suspect,
            installed=state.installed,
            refusals=state.refusals,
            chunks_fetched=state.chunks_fetched,
            bytes_fetched=state.bytes_fetched,
            rejected=state.rejected,
            damaged=device.damaged,
            mended=state.mended,
            scrubs=self.scrub.passes,
            scrubbed_s=round(self.scrub.ended_s),
        )

    def _tell(self) -> None:
        status = self.status()
        if status == self._told:
            return
        self._told = status
        self._on_change(status)
        if self.link and self.link.state is LinkState.UP:
            self._publish(status)

    def _phase_changed(self) -> None:
        """Tell the phases of an update; a mere check is not worth a message."""
        self._watchdog.allow(self.device.wanted_bytes)
        if self.device.phase not in {Phase.CHECK, Phase.IDLE}:
            self._tell()

    def _publish(self, status: status_messages.Status) -> None:
        assert self.link
        topic = status_messages.status_topic(self.settings.device)
        self.link.publish(topic, status_messages.encode(status), retain=True)


def _read_root(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise SyncSetupError(
            f"{path}: {error.strerror}; expected the first root metadata, the root.json that "
            '"tvradar gallery keys init" wrote'
        ) from error
