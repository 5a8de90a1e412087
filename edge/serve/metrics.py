"""What a device tells Prometheus; names carry their units."""

from __future__ import annotations

from typing import TYPE_CHECKING

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.registry import Collector

from gallery.channel.status import StatusFile
from gallery.threads import deaths

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from pathlib import Path

    from prometheus_client import Metric

    from edge.recognise.load_shedding import Zone

_STAGE_BUCKETS_S = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0)
_PRESS_BUCKETS_S = (0.001, 0.005, 0.01, 0.05, 0.1, 0.15, 0.25, 0.5, 1.0)


class Metrics:
    """All metrics of one device, in a registry of their own."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.frames = Counter("tvradar_frames", "Frames recognised", registry=self.registry)
        self.dropped = Counter(
            "tvradar_frames_dropped", "Frames that newer ones replaced", registry=self.registry
        )
        self.stages = Histogram(
            "tvradar_stage_seconds",
            "Time of a stage for one frame",
            ["stage"],
            buckets=_STAGE_BUCKETS_S,
            registry=self.registry,
        )
        self.presses = Histogram(
            "tvradar_press_seconds",
            "Time from a press to its answer",
            ["answer"],
            buckets=_PRESS_BUCKETS_S,
            registry=self.registry,
        )
        self.faces = Counter(
            "tvradar_faces",
            "Faces by outcome: named, or why not",
            ["outcome"],
            registry=self.registry,
        )
        self.cues = Counter(
            "tvradar_cues",
            "Faces with a name, by what spoke for it",
            ["cue"],
            registry=self.registry,
        )
        self.flips = Counter(
            "tvradar_name_flips", "Tracks that changed their name", registry=self.registry
        )
        self.feedback = Counter(
            "tvradar_feedback", "Names that viewers refused", registry=self.registry
        )
        self.release = Gauge(
            "tvradar_gallery_release", "Release of the gallery in use", registry=self.registry
        )
        self.created = Gauge(
            "tvradar_gallery_created_timestamp_seconds",
            "When the release in use was made; time() minus this is its age",
            registry=self.registry,
        )
        self.people = Gauge(
            "tvradar_gallery_people", "People in the gallery", registry=self.registry
        )
        self.playing = Gauge(
            "tvradar_source_playing",
            "1 while pictures come from the source",
            registry=self.registry,
        )
        self.picture_age = Gauge(
            "tvradar_picture_age_seconds",
            "Since the newest picture; +Inf before the first",
            registry=self.registry,
        )
        self.picture_age.set(float("inf"))
        self.on_screen = Gauge(
            "tvradar_people_on_screen",
            "People with a name who are on the screen now",
            registry=self.registry,
        )
        self.engines = Gauge(
            "tvradar_engine_info",
            "What runs the models, and why",
            ["kind", "why"],
            registry=self.registry,
        )
        # The second is the former name, for dashboards that use it.
        self.load_shedding = tuple(
            Gauge(
                name,
                "How far detection and embedding are held back: 0 not at all, 3 the most",
                registry=self.registry,
            )
            for name in ("tvradar_load_shedding_level", "tvradar_spending_level")
        )
        self.temperature = Gauge(
            "tvradar_temperature_celsius",
            "Of the kernel's thermal zones",
            ["zone"],
            registry=self.registry,
        )
        self.beside = Counter(
            "tvradar_beside_failures",
            "Failures of what is done beside recognition, which goes on",
            ["what"],
            registry=self.registry,
        )
        self.registry.register(Threads())
        self.readers = Gauge(
            "tvradar_live_readers", "Overlays that are connected", registry=self.registry
        )

    def watch_screen(
        self, picture_age_s: Callable[[], float], people_on_screen: Callable[[], int]
    ) -> None:
        """Report what is on the screen at the moment when Prometheus asks."""
        self.picture_age.set_function(picture_age_s)
        self.on_screen.set_function(people_on_screen)

    def watch_updater(self, path: Path) -> None:
        """From now on report what the updater writes to its status file."""
        self.registry.register(Updater(StatusFile(path)))

    def shed(self, level: int, zones: Iterable[Zone]) -> None:
        """Set the level of load shedding, and the temperatures."""
        for gauge in self.load_shedding:
            gauge.set(level)
        for zone in zones:
            self.temperature.labels(zone.name).set(zone.celsius)

    def exposition(self) -> bytes:
        """Return all metrics in Prometheus' text format."""
        return generate_latest(self.registry)


class Threads(Collector):
    """How often our threads died and were restarted."""

    def collect(self) -> Iterable[Metric]:
        """Yield one counter."""
        died = CounterMetricFamily(
            "tvradar_thread_restarts", "Threads that died and were restarted", labels=["thread"]
        )
        for name, times in deaths().items():
            died.add_metric([name], times)
        yield died


class Updater(Collector):
    """The state of the updater, another process; read when Prometheus asks."""

    def __init__(self, file: StatusFile) -> None:
        self._file = file

    def collect(self) -> Iterable[Metric]:
        """Yield the metrics; without a status file, only the fact that it is missing."""
        status = self._file.read()
        yield _gauge("up", "Whether the updater runs and told its status", status is not None)
        if status is None:
            return
        yield _gauge("wanted_release", "Newest release that it verified", status.wanted)
        yield _gauge("failing", "Whether its last try ended in an error", bool(status.error))
        yield _gauge("waiting", "Whether it holds a release back", bool(status.waiting))
        yield _gauge("confirmed", "Whether the release is past its probation", status.confirmed)
        yield _gauge(
            "clock_suspect", "Whether the clock is behind signatures", status.clock_suspect
        )
        phase = GaugeMetricFamily("tvradar_sync_phase", "What it does", labels=["phase"])
        phase.add_metric([status.phase], 1)
        yield phase
        yield _gauge(
            "damaged", "Whether files of the release in use are damaged", bool(status.damaged)
        )
        yield _gauge(
            "scrubbed_timestamp_seconds",
            "When all bytes in use were last looked at, 0 if not since it started",
            status.scrubbed_s,
        )
        yield _counter("scrubs", "Looks at all bytes in use since it started", status.scrubs)
        yield _counter("mended", "Times that damaged files were fetched again", status.mended)
        yield _counter("refusals", "Updates that were refused", status.refusals)
        yield _counter("fetched_bytes", "Bytes of chunks fetched", status.bytes_fetched)


def _gauge(name: str, help_text: str, value: float) -> Metric:
    return GaugeMetricFamily(f"tvradar_sync_{name}", help_text, value=value)


def _counter(name: str, help_text: str, value: float) -> Metric:
    return CounterMetricFamily(f"tvradar_sync_{name}", help_text, value=value)
