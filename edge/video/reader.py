"""A thread that keeps a source running: it reads, hands over, reconnects, and says how it is."""

from __future__ import annotations

import logging
import random
import threading
import time
from dataclasses import dataclass, replace
from enum import Enum
from typing import TYPE_CHECKING, NoReturn

import msgspec

from edge.errors import AddressError, BackendMissingError, SourceError, SourceLostError
from edge.video.frame import Frame
from edge.video.hls_pacing import HlsPacing
from edge.video.mailbox import ClosedError, Queue, Recent
from edge.video.open import open_source
from edge.video.position import Jump, Places
from edge.video.source import DEFAULT_OPTIONS, SourceStats
from edge.video.uri import LIVE_SCHEMES, scheme_of, without_password
from gallery.threads import Worker

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from types import TracebackType

    from typing_extensions import Self

    from edge.video.frame import Picture
    from edge.video.source import Source, SourceOptions

log = logging.getLogger(__name__)

NO_STATS = SourceStats()


class State(Enum):
    """How a source is."""

    CONNECTING = "connecting"  # opened, or being opened again; no frame yet
    PLAYING = "playing"
    LOST = "lost"  # waiting to try again
    ENDED = "ended"  # a file's end, or closed
    FAILED = "failed"  # trying again would not help; `error` says why


@dataclass(frozen=True, slots=True)
class Status:
    """What is known of the source at one moment; a new value replaces it.

    Attributes:
        state: how it is.
        since_ns: `time.monotonic_ns()` of the last change of state.
        uri: where the pictures come from, without a password.
        error: why it was lost or failed; None while all is well.
        connects: how often it has delivered a first frame; less one: reconnects.
        failures: tries in a row that gave no frame.
        retry_s: how long it waits before the next try, while lost.
        size: width and height of the last frame; (0, 0) before the first.
        fps: what the source says, None where it does not.
        live: the newest frame matters; None before it was opened.
        stats: of the present connection.
    """

    state: State
    since_ns: int
    uri: str
    error: str | None = None
    connects: int = 0
    failures: int = 0
    retry_s: float = 0.0
    size: tuple[int, int] = (0, 0)
    fps: float | None = None
    live: bool | None = None
    stats: SourceStats = NO_STATS


@dataclass(frozen=True, slots=True)
class Backoff:
    """How long to wait before try number n: full jitter, so that many devices do not come at once.

    See "Exponential Backoff And Jitter" (AWS Architecture Blog, 2015). The first minute tries at
    least twice a second, as a viewer is waiting for names to be back within 2 s of the picture;
    after that the wait grows to `slow_cap_s`.
    """

    base_s: float = 0.2
    cap_s: float = 0.5
    slow_cap_s: float = 10.0
    patience_s: float = 60.0

    def wait_s(self, failures: int, lost_for_s: float, chance: float) -> float:
        """Return the seconds to wait; `chance` is uniform in 0..1."""
        cap_s = self.cap_s if lost_for_s < self.patience_s else self.slow_cap_s
        # A power beyond 2^16 is above any cap, and 2.0**failures overflows in the end.
        limit_s = min(cap_s, self.base_s * 2.0 ** min(failures, 16))
        return max(0.02, limit_s * chance)


class Reader:
    """Reads a source in its own thread.

    A live source gives its newest frames and is opened again whenever it is lost. A file gives
    every frame and waits for the consumer, unless it is played at its own speed (`paced`), which is
    how a file stands in for a live source; `loop` starts it again at its end.

    `status` may be read from any thread. `frames()` is for one thread.

    Args:
        uri: as for `open_source`.
        options: as for `open_source`.
        paced: play a file at its own speed, dropping what the consumer has no time for.
        loop: start a file again at its end.
        stay: at a file's end wait for `restart`.
        backoff: how long to wait between tries.
        opener: opens the source; tests give their own.
    """

    def __init__(
        self,
        uri: str,
        *,
        options: SourceOptions = DEFAULT_OPTIONS,
        paced: bool = False,
        loop: bool = False,
        stay: bool = False,
        backoff: Backoff = Backoff(),
        opener: Callable[[], Source] | None = None,
    ) -> None:
        self._uri = uri
        self._options = options
        self._opener = opener or (lambda: self._open(uri))
        self._retries_first = options.live or scheme_of(uri) in LIVE_SCHEMES
        self._paced = paced
        self._loop = loop
        self._stay = stay
        self._again = threading.Event()
        self._backoff = backoff
        self._random = random.Random()  # noqa: S311  (no secret)
        self._stop = threading.Event()
        self._source: Source | None = None
        self._box: Recent[Frame] | Queue[Frame] | None = None
        self._box_ready = threading.Event()
        self._failure: BaseException | None = None
        self._index = 0
        self._last_pts_s: float | None = None
        self._last_ns = 0
        self._lost_ns: int | None = None
        self._dropped_before = self._dropped = 0
        self._jump: Jump | None = None
        self._source_s = 0.0
        self.duration_s: float | None = None
        self.places = Places()
        self.status = Status(State.CONNECTING, time.monotonic_ns(), without_password(uri))
        self._thread = Worker("video", self._run)

    @property
    def dropped(self) -> int:
        """How many frames were replaced by newer ones before anybody took them; never falls."""
        source = self._source
        inside = self._dropped_before + (source.stats.dropped if source else 0)
        now = inside + (self._box.dropped if self._box else 0)
        # GStreamer's own count wavers by the pictures that are under way, and a source that was
        # lost is for a moment in neither sum.
        self._dropped = max(self._dropped, now)
        return self._dropped

    def start(self) -> Self:
        """Start reading."""
        self._thread.start()
        return self

    def get(self, timeout_s: float | None = None) -> Frame | None:
        """Take the next frame, of a live source one of the newest; None after `timeout_s`.

        Raises:
            ClosedError: the source has ended or was closed.
            SourceError: it has failed for good.
        """
        if self._box is None:
            self._box_ready.wait(timeout_s)
        if self._box is None:
            if not self._stop.is_set() and not self._failure:
                return None
            self._raise_end()
        try:
            return self._box.get(timeout_s)
        except ClosedError:
            self._raise_end()

    @property
    def waiting(self) -> int:
        """How many newer frames wait for who takes them."""
        return self._box.waiting if self._box else 0

    @property
    def can_seek(self) -> bool:
        """Whether the source is one in which `seek` works; False before it is open."""
        source = self._source
        return source is not None and not source.live and source.can_seek

    def seek(self, to_s: float) -> None:
        """Go to a place in the source, in its own time; the reader's clock goes on.

        Raises:
            SourceError: one cannot seek in this source, or it has ended.
        """
        source = self._source
        if source is None or not self.can_seek:
            raise SourceError(self.status.uri, "one cannot seek in it", "a file that is playing")
        self._jump = Jump(to_s, self._source_s)
        source.seek(to_s)

    @property
    def can_restart(self) -> bool:
        """Whether this is a source that waits at its end to be started again."""
        return self._stay and not self.status.live

    def restart(self) -> None:
        """Start a file that has ended again.

        Raises:
            SourceError: it has not ended, or does not wait at its end.
        """
        if not self.can_restart or self.status.state is not State.ENDED or self._stop.is_set():
            raise SourceError(self.status.uri, "it cannot be started again", "a file at its end")
        self._again.set()

    def _raise_end(self) -> NoReturn:
        if self._failure:
            raise self._failure
        raise ClosedError

    def frames(self) -> Iterator[Frame]:
        """Iterate frames until the source ends or is closed.

        Raises:
            SourceError: it has failed for good.
        """
        while True:
            try:
                # A wait without an end would keep Python from seeing Ctrl-C on some systems.
                frame = self.get(timeout_s=0.5)
            except ClosedError:
                return
            if frame is not None:
                yield frame

    def close(self, timeout_s: float = 10.0) -> None:
        """End reading and wait for the thread; again is harmless."""
        self._stop.set()
        self._again.set()
        source = self._source
        if source is not None:
            source.close()
        if self._box is not None:
            self._box.close()
        self._box_ready.set()
        if not self._thread.is_current():
            self._thread.join(timeout_s)

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def _run(self) -> None:
        try:
            while not self._stop.is_set() and self._once():
                pass
        except SourceError as error:
            self._failure = error
        except BaseException as error:  # the top of a thread: who takes frames must hear of it
            log.exception("%s: reading failed", self.status.uri)
            self._failure = error
        finally:
            failed = self._failure is not None and not self._stop.is_set()
            text = str(self._failure) if failed else None
            self._become(State.FAILED if failed else State.ENDED, error=text)
            if self._box is not None:
                self._box.close()
            self._box_ready.set()

    def _open(self, uri: str) -> Source:
        options = self._options
        if self.status.live and options.live is None:
            # A live HLS is told from a film by its list alone, which is not there while its server
            # is away; FFmpeg would retry for 4 s for a film, more rarely than `Backoff` does.
            options = msgspec.structs.replace(options, live=True)
        return open_source(uri, options=options)

    def _once(self) -> bool:
        """Open the source and read it to its end; return whether to go on."""
        try:
            with self._opener() as source:
                self._source = source
                return self._pump(source)
        except (BackendMissingError, AddressError):
            raise
        except SourceError as error:
            live = self.status.live or (self.status.live is None and self._retries_first)
            if not live:
                raise
            self._wait_after(error)
            return True
        finally:
            ended, self._source = self._source, None
            if ended is not None:
                self._dropped_before += ended.stats.dropped

    def _pump(self, source: Source) -> bool:
        box = self._box
        if box is None:
            newest = source.live or self._paced
            box = self._box = Recent() if newest else Queue()
            self._box_ready.set()
        self.status = replace(self.status, live=source.live, fps=source.fps, size=source.size)
        self.duration_s = source.duration_s
        self._jump = None  # a place that the last round had not reached at its end
        before = self._index
        continued = self._continue(source)
        for picture in continued:
            if self.status.state is not State.PLAYING:
                self._lost_ns = None
                self._become(State.PLAYING, failures=0, connects=self.status.connects + 1)
            if self._stop.is_set() or not box.put(picture):
                return False
            self.status = replace(self.status, stats=source.stats, size=source.size)
        if self._stop.is_set():
            return False
        if source.live:
            raise SourceLostError(source.uri, "the stream ended")
        played = self._index > before
        if self._loop or not (self._stay and played):
            return self._loop and played
        self._again.clear()
        self._become(State.ENDED)
        self._again.wait()
        return not self._stop.is_set()

    def _continue(self, source: Source) -> Iterator[Frame]:
        """Shift the source's clock so that it goes on from the last connection's."""
        start_ns = time.monotonic_ns()
        # Live HLS brings a segment at once. Of that the newest picture only would be recognised.
        pacing = HlsPacing() if source.live and scheme_of(self._uri) in {"http", "https"} else None
        shift_s: float | None = None
        first_index = self._index
        for picture in source.pictures():
            jump = self._jump
            self._source_s = picture.pts_s
            if jump is not None:
                if not jump.reached(picture.pts_s):
                    continue
                self._jump = shift_s = None
            if shift_s is None:
                shift_s = self._shift_s(picture, live=source.live)
                self.places = self.places.with_shift(picture.pts_s + shift_s, shift_s)
                start_ns = time.monotonic_ns() - round(picture.pts_s * 1e9)
            if pacing is not None:
                self._stop.wait(pacing.wait_s(picture.pts_s, time.monotonic()))
            if self._paced and not source.live:
                self._stop.wait((start_ns - time.monotonic_ns()) / 1e9 + picture.pts_s)
            self._last_pts_s, self._last_ns = picture.pts_s + shift_s, time.monotonic_ns()
            index = first_index + picture.index
            self._index = index + 1
            yield Frame(picture, self._last_pts_s, index, picture.captured_ns)

    def _shift_s(self, first: Picture, *, live: bool) -> float:
        if self._last_pts_s is None:
            return 0.0
        away_s = (time.monotonic_ns() - self._last_ns) / 1e9 if live else 0.04
        return self._last_pts_s + away_s - first.pts_s

    def _wait_after(self, error: SourceError) -> None:
        now_ns = time.monotonic_ns()
        self._lost_ns = self._lost_ns or now_ns
        failures = self.status.failures
        lost_for_s = (now_ns - self._lost_ns) / 1e9
        wait_s = self._backoff.wait_s(failures, lost_for_s, self._random.random())
        log.log(logging.DEBUG if failures else logging.WARNING, "%s; trying again", error)
        self._become(State.LOST, error=str(error), failures=failures + 1, retry_s=wait_s)
        if not self._stop.wait(wait_s):
            # The error stays visible until there is a picture again.
            self._become(State.CONNECTING, error=str(error))

    def _become(self, state: State, *, error: str | None = None, **changes: float) -> None:
        before = self.status
        if state is not before.state:
            quiet = before.failures and state in {State.LOST, State.CONNECTING}
            log.log(logging.DEBUG if quiet else logging.INFO, "%s: %s", before.uri, state.value)
            before = replace(before, since_ns=time.monotonic_ns())
        self.status = replace(before, state=state, error=error, **changes)  # type: ignore[arg-type]
