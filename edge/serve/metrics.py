"""What a device tells Prometheus; names carry their units."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

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
        self.flips = Counter(
            "tvradar_name_flips", "Tracks that changed their name", registry=self.registry
        )
        self.feedback = Counter(
            "tvradar_feedback", "Names that viewers refused", registry=self.registry
        )
        self.release = Gauge(
            "tvradar_gallery_release", "Release of the gallery in use", registry=self.registry
        )
        self.people = Gauge(
            "tvradar_gallery_people", "People in the gallery", registry=self.registry
        )
        self.engines = Gauge(
            "tvradar_engine_info",
            "What runs the models, and why",
            ["kind", "why"],
            registry=self.registry,
        )
        self.spending = Gauge(
            "tvradar_spending_level",
            "How far detection and embedding are held back: 0 not at all, 3 the most",
            registry=self.registry,
        )
        self.temperature = Gauge(
            "tvradar_temperature_celsius",
            "Of the kernel's thermal zones",
            ["zone"],
            registry=self.registry,
        )
        self.readers = Gauge(
            "tvradar_live_readers", "Overlays that are connected", registry=self.registry
        )

    def exposition(self) -> bytes:
        """Return all metrics in Prometheus' text format."""
        return generate_latest(self.registry)
