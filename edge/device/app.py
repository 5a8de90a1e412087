"""`tvradar run`: the composition root, from the source to the viewer.

Four threads: the reader decodes, the recogniser names (this module's), the server speaks HTTP, and
one watches the clock, as the other three may be waiting for each other when a source dies.
They share nothing mutable but mailboxes and immutable values: a frame's scene goes to each sink,
and what viewers ask of the recogniser waits for its next frame.
"""

from __future__ import annotations

import logging
import math
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING

from threadpoolctl import threadpool_limits

from edge.buttons.presser import Presser, open_keys
from edge.config import LOOPBACK
from edge.device import malloc
from edge.device.beside import Beside, MayFail
from edge.device.counting import Counting
from edge.device.heartbeat import Heartbeat
from edge.device.hindsight import Hindsight
from edge.device.lateness import Lateness
from edge.device.openings import (
    open_captions,
    open_home,
    open_output,
    open_titles,
    open_voices,
)
from edge.device.people import People
from edge.device.player import Player
from edge.device.silence import SilenceWatch
from edge.errors import EdgeError, UsageError
from edge.hindsight.late_names import LateNames
from edge.recognise.commands import Commands
from edge.recognise.cues.cue import CueBoard
from edge.recognise.cues.wanted import with_subtitles
from edge.recognise.detection_schedule import LIVE_PASS_S
from edge.recognise.load_shedding import LoadShedder
from edge.recognise.press_history import PressHistory
from edge.recognise.recogniser import Recogniser, RecogniserOptions
from edge.recognise.thresholds import Thresholds
from edge.serve.http import Device, Server, create_app
from edge.serve.live import Hub
from edge.serve.messages import DeviceStatus, LoadShedding
from edge.serve.metrics import Metrics
from edge.serve.naming import Naming
from edge.serve.overlay import Overlay, Pictures
from edge.serve.pairing import Pairing
from edge.serve.preview import Preview
from edge.serve.stills import Stills
from edge.systemd import Supervisor
from edge.timeline.live import Appearing, read_timeline
from edge.video.mailbox import ClosedError
from edge.video.reader import Reader
from engines.pipeline import load_pipeline
from gallery.errors import GalleryError
from gallery.search.watch import GalleryWatcher
from gallery.threads import Worker

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from starlette.routing import BaseRoute

    from edge.buttons.key import Keys
    from edge.config import ButtonsConfig, RunConfig
    from edge.recognise.sink import SceneSink
    from edge.recognise.step import Step
    from edge.video.frame import Frame
    from engines.pipeline import FacePipeline

log = logging.getLogger(__name__)

MODELS_S = 120.0
"""Loading may take this long: a first start measures INT8 against FP32, or builds engines."""


class App:
    """A running device.

    Args:
        config: what to run.
        gallery_dir: the gallery's folder.
        paced: play a file at its own speed, as a live source would.
        notice: a line for the page's foot, by language.
        more: further routes of the server.
        sinks: further takers of scenes.
        shedder: chooses what a frame may cost.
        on_step: told what each frame cost, and the level of load shedding.
        load: loads the models, as `load_pipeline` does.
        keys: opens remote controls and keyboards, as `open_keys` does.

    Raises:
        UsageError: the server would be open to the network without a token.
        GalleryMissingError: there is no gallery.
        ModelMissingError: a model is not here and cannot be fetched.
    """

    def __init__(
        self,
        config: RunConfig,
        gallery_dir: Path,
        *,
        paced: bool = True,
        notice: dict[str, str] | None = None,
        more: Sequence[BaseRoute] = (),
        sinks: Sequence[SceneSink] = (),
        shedder: LoadShedder | None = None,
        on_step: Callable[[Step, int], object] = lambda _step, _level: None,
        load: Callable[..., FacePipeline] = load_pipeline,
        keys: Callable[[ButtonsConfig, Presser], list[Keys]] = open_keys,
    ) -> None:
        serve = config.serve
        if serve.host not in LOOPBACK and not serve.token:
            raise UsageError(
                f"serve.host: {serve.host} is open to the network, expected a token too; set "
                'serve.token, or serve.host = "127.0.0.1"'
            )
        options = config.recognise
        # numpy's own threads spin while they wait, and take the cores from those that recognise: a
        # new release cost the frame beside it 30 ms more.
        threadpool_limits(1, user_api="blas")
        self._supervisor = Supervisor()
        self._supervisor.starting("loading the models", MODELS_S)
        # before anything that may fail: a release that crashes the recogniser counts as started
        heartbeat = Heartbeat(config.heartbeat, self._why_not_newest) if config.heartbeat else None
        self._pipeline = load(
            threads=options.threads,
            long_side_px=options.long_side_px,
            precision=None if options.precision == "auto" else options.precision,
            unverified=options.unverified,
            backend=options.backend,
            embedder=options.embedder,
        )
        self.engines = f"{', '.join(self._pipeline.kinds)} ({self._pipeline.why})"
        log.info("engines: %s", self.engines)
        local = Path(config.naming.folder) if config.naming.folder else None
        thresholds = Thresholds(options.fpir, frozenset(options.cast))
        try:
            self.watcher = GalleryWatcher(
                gallery_dir,
                self._pipeline.model,
                index=config.search.index,
                prepare=thresholds.prepare,
                local=local,
            )
        except GalleryError as error:
            if heartbeat is not None:
                heartbeat.failed(str(error))
            raise
        self.cast_unknown = tuple(x for x in options.cast if x not in self.watcher.gallery)
        if self.cast_unknown:  # no error: somebody may have been withdrawn since
            log.warning("recognise.cast: nobody has these ids: %s", ", ".join(self.cast_unknown))
        people = People(self.watcher)
        commands = Commands()
        self.cues = CueBoard(frozenset(config.cues.use))
        self._recogniser = Recogniser(
            self._pipeline,
            people.next_frame,
            RecogniserOptions(
                fpir=options.fpir,
                embeddings_per_frame=options.embeddings_per_frame,
                detect_every=options.detect_every,
                least_s=LIVE_PASS_S,
                cast=frozenset(options.cast),
                body="body" in self.cues.kinds,
            ),
            thresholds,
            commands,
            self.cues,
        )
        self.shedder = shedder or LoadShedder()
        self.history = PressHistory(people.person)
        self.hub = Hub(people)
        self.metrics = Metrics()
        self._beside = beside = Beside(lambda what: self.metrics.beside.labels(what).inc())
        for kind in self._pipeline.kinds:
            self.metrics.engines.labels(kind, self._pipeline.why).set(1)
        if config.sync_status:
            self.metrics.watch_updater(Path(config.sync_status))
        self.scenes = 0
        self._on_step = on_step
        self._stop = threading.Event()
        self.failure: Exception | None = None
        self._tidied_s = 0.0
        self.reader = Reader(
            config.source,
            options=with_subtitles(config.video, self.cues),
            paced=paced,
            loop=config.loop,
            stay=bool(config.stay),
        )
        self.player = player = Player(self.reader)
        self._lateness = Lateness()
        self._silence = SilenceWatch(
            lambda: self.reader.status, self.history.age_s, self._tell_state
        )
        self.metrics.watch_screen(self.history.age_s, self.history.on_screen)
        preview = Preview() if serve.preview else None
        stills = Stills(player) if serve.preview else None
        appearing = Appearing()
        if config.timeline:
            appearing.load(read_timeline(Path(config.timeline)))
        late = LateNames(thresholds.prepare, self.cues.supposed)
        self._hindsight = Hindsight(
            late, people, commands, self.history, appearing, self.metrics, self._is_busy, beside
        )
        self.titles, self._titles = open_titles(self.cues, self.watcher, self.reader, config)
        device = Device(
            self.history,
            people,
            commands,
            self.hub,
            self.metrics,
            preview,
            stills=stills,
            naming=Naming(commands, local) if local else None,
            pairing=Pairing() if config.naming.phone else None,
            player=player,
            appearing=appearing,
            ready=self._why_not_ready,
            notice=notice or {},
            on_press=commands.request_full_budget,
            titles=self.titles,
            status=self.status,
        )
        shared = self.cues, self.watcher, self.reader, self._is_busy, self.metrics
        self.captions, self._subtitles = open_captions(*shared, self.history.texts)
        self.voices = open_voices(
            self.cues, self.watcher, gallery_dir, self.reader, self._is_busy, self.metrics
        )
        self._counting = Counting(self.metrics, people, self.reader)
        self._keys = keys(config.buttons, Presser(device, config.buttons))
        self._home = open_home(config.events, device)
        self._output = open_output(config.output, people) if config.output else None
        mine: Sequence[SceneSink | None] = (
            self.history,
            self._silence,
            Overlay(self.hub, player, appearing),
            MayFail(beside, "preview", Pictures(self.hub, preview)) if preview else None,
            MayFail(beside, "stills", stills) if stills else None,
            MayFail(beside, "mqtt", self._home) if self._home else None,
            self._output,
            MayFail(beside, "captions", self.captions) if self.captions else None,
            MayFail(beside, "titles", self._titles) if self._titles else None,
            *sinks,
            MayFail(beside, "metrics", self._counting),
            MayFail(beside, "heartbeat", heartbeat) if heartbeat else None,
        )
        self._sinks = [sink for sink in mine if sink is not None]
        hosts = frozenset({*serve.hosts, serve.host})
        self.server = Server(
            create_app(
                device,
                hosts=hosts,
                token=serve.token,
                more=more,
                frame_ancestors=serve.frame_ancestors,
            ),
            serve.host,
            serve.port,
        )
        self._thread = Worker("recognise", self._run)

    def status(self) -> DeviceStatus:
        """Return what runs here, and why."""
        shedding = LoadShedding(self.shedder.level, self.shedder.why)
        age_s = self.history.age_s()
        return DeviceStatus(
            engines=self._pipeline.kinds,
            why=self._pipeline.why,
            source=self._silence.state,
            picture_age_s=round(age_s, 3) if age_s < math.inf else None,
            release=self.watcher.gallery.release,
            scenes=self.scenes,
            cast_unknown=self.cast_unknown,
            load_shedding=shedding,
            spending=shedding,
            title=self.titles.now if self.titles is not None else None,
        )

    def start(self) -> None:
        """Begin to read, to recognise and to serve."""
        self.server.start()
        self.reader.start()
        self._hindsight.start()
        self._silence.start()
        for cue in (self._titles, self.captions, self._subtitles, self.voices):
            if cue is not None:
                cue.start()
        self._thread.start()
        for keys in self._keys:
            keys.start()
        if self._home is not None:
            self._home.start()
        self._supervisor.ready("waiting for the first frame")

    def wait(self, stop: Callable[[], bool], seconds: float | None = None) -> None:
        """Return when asked to stop, when the time is over, or when the source has ended.

        Raises:
            EdgeError: the source or the recogniser failed.
        """
        until = None if seconds is None else time.monotonic() + seconds
        while self._thread.is_alive() and not stop():
            if until is not None and time.monotonic() >= until:
                break
            time.sleep(0.05)
        if self.failure is not None:
            raise self.failure

    def close(self) -> None:
        """End everything; what was written to `output` stays playable."""
        self._supervisor.stopping()
        self._stop.set()
        for keys in self._keys:
            keys.close()
        self.reader.close(timeout_s=2)
        self._thread.join(2)
        self._hindsight.close()
        self._silence.close()
        for cue in (self._titles, self.captions, self._subtitles, self.voices):
            if cue is not None:
                cue.close()
        if self._home is not None:
            self._home.close()
        self.server.stop()
        self.watcher.close()
        self._pipeline.close()
        if self._output is not None:
            self._output.close()

    def _is_busy(self) -> bool:
        return self.shedder.level > 0 or self.reader.waiting > 1

    def _why_not_ready(self) -> str:
        if self.scenes:
            return ""
        return f"no frame yet, source {self._silence.state}"

    def _tell_state(self, state: str, reason: str) -> None:
        self.hub.publish_state(state, reason)
        self.metrics.playing.set(state == "playing")
        self._supervisor.status(f"source {state}")

    def _why_not_newest(self) -> str:
        error = self.watcher.error
        return str(error) if error else ""

    def _run(self) -> None:
        try:
            self._pipeline.activate()
            while not self._stop.is_set():
                self._supervisor.alive()
                frame = self.reader.get(timeout_s=0.25)
                if frame is not None:
                    self._take(frame)
        except ClosedError:
            self._silence.finish("ended")
        except BaseException as error:  # the top of a thread: the main thread raises it
            self._silence.finish("lost", "recognition failed")
            if isinstance(error, Exception) and hasattr(error, "exit_code"):
                self.failure = error
            else:
                log.exception("recognition ended")
                self.failure = EdgeError(repr(error))

    def _take(self, frame: Frame) -> None:
        begun = time.monotonic()
        step = self._recogniser.process(frame, self.shedder.budget(self.reader.waiting))
        self._beside.run("load", lambda: self._shed_load(time.monotonic() - begun))
        self._beside.run("stages", lambda: self._counting.cost(step))
        self._on_step(step, self.shedder.level)
        place_s = self.player.position_s(step.scene.pts_s)
        self._beside.run("hindsight", lambda: self._hindsight.take(step, place_s))
        self.scenes += 1
        dated = self._lateness.dated(frame, self.reader.status)
        for sink in self._sinks:
            sink.take(dated, step.scene)

    def _shed_load(self, took_s: float) -> None:
        """Look at load and heat, and give memory back."""
        if self.shedder.worked(took_s):
            self.metrics.shed(self.shedder.level, self.shedder.zones)
            now = time.monotonic()
            if now - self._tidied_s >= malloc.TIDY_S:
                self._tidied_s = now
                malloc.give_back()
