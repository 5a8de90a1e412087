"""`bench pipeline`: ours against the plain way, on the same film, in the same run.

The plain way is what a person writes first: OpenCV's FaceDetectorYN on every frame, its
FaceRecognizerSF on every face, the best cosine above OpenCV's published threshold is the name. Both
use the same model files and the same templates. Each side runs in a process of its own, so that
memory and CPU time are its own.
"""

from __future__ import annotations

import multiprocessing
import resource
import time
from collections import defaultdict
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np

from edge.errors import EdgeError
from edge.labels import read_labels

if TYPE_CHECKING:
    from collections.abc import Iterator

    from gallery.search import Gallery

OPENCV_THRESHOLD = 0.363
"""The cosine that OpenCV's documentation names for SFace."""


class Side(msgspec.Struct, frozen=True):
    """What one side needed and found.

    Attributes:
        fps: frames per second, from opening the source to its end; models were loaded before.
        cpu_s_per_film_min: CPU seconds, all threads, per minute of film.
        peak_rss_mb: largest resident memory of the process, models and runtime included.
        right, wrong: pairs of frame and person named rightly and wrongly; None without labels.
        stage_ms: p50 and p95 of each stage per frame.
    """

    fps: float
    cpu_s_per_film_min: float
    peak_rss_mb: float
    right: int | None
    wrong: int | None
    frames: int
    stage_ms: dict[str, dict[str, float]]


class PipelineBench(msgspec.Struct, frozen=True):
    """Both sides of one run."""

    source: str
    ours: Side
    opencv: Side
    ratio_fps: float
    ratio_cpu: float


@dataclass(slots=True)
class _Run:
    """What a side notes while it runs."""

    names: dict[int, set[str]] = field(default_factory=lambda: defaultdict(set))
    frames: int = 0
    last_s: float = 0.0
    first_s: float | None = None
    stage_s: dict[str, list[float]] = field(default_factory=dict)

    def saw(self, pts_s: float) -> None:
        self.first_s = pts_s if self.first_s is None else self.first_s
        self.frames += 1
        self.last_s = pts_s


def bench_pipeline(source: str, gallery_dir: Path, labels: Path | None) -> PipelineBench:
    """Run both sides, one after the other.

    Args:
        source: a video file.
        gallery_dir: the gallery.
        labels: see `edge.labels`; by default `labels.json` beside the source, where there is one.
    """
    if labels is None:
        beside = Path(source).parent / "labels.json"
        labels = beside if beside.is_file() else None
    truth = _truth(labels) if labels else None
    ours, opencv = (
        _in_own_process(side, source, gallery_dir, truth) for side in ("ours", "opencv")
    )
    return PipelineBench(
        source,
        ours,
        opencv,
        round(ours.fps / opencv.fps, 2),
        round(ours.cpu_s_per_film_min / max(opencv.cpu_s_per_film_min, 1e-9), 3),
    )


def _truth(path: Path) -> list[tuple[int, int, list[str]]]:
    return [(s.first, s.last, list(s.visible)) for s in read_labels(path).shots]


def _in_own_process(
    side: str, source: str, gallery_dir: Path, truth: list[tuple[int, int, list[str]]] | None
) -> Side:
    context = multiprocessing.get_context("spawn")
    receiver, sender = context.Pipe(duplex=False)
    process = context.Process(target=_child, args=(sender, side, source, str(gallery_dir), truth))
    process.start()
    sender.close()
    try:
        answer = receiver.recv()
    except EOFError:
        answer = EdgeError(f"bench {side}: the process ended with {process.exitcode}")
    process.join()
    if isinstance(answer, Exception):
        raise answer
    return msgspec.convert(answer, Side)


def _child(
    sender: Any,
    side: str,
    source: str,
    gallery_dir: str,
    truth: list[tuple[int, int, list[str]]] | None,
) -> None:
    try:
        sender.send(msgspec.to_builtins(_measure(side, source, Path(gallery_dir), truth)))
    except Exception as error:  # noqa: BLE001 - handed to the parent, which raises it
        sender.send(error)


def _measure(
    side: str, source: str, gallery_dir: Path, truth: list[tuple[int, int, list[str]]] | None
) -> Side:
    from gallery.store import open_gallery  # noqa: PLC0415

    gallery = open_gallery(gallery_dir)
    run = _Run()
    steps = _ours(source, gallery, run) if side == "ours" else _opencv(source, gallery, run)
    next(steps)  # loads the models
    cpu, started = time.process_time(), time.perf_counter()
    for _ in steps:
        pass
    elapsed, cpu = time.perf_counter() - started, time.process_time() - cpu
    film_s = max(run.last_s - (run.first_s or 0.0), 1e-9) * run.frames / max(run.frames - 1, 1)
    right, wrong = _compare(run.names, truth) if truth is not None else (None, None)
    return Side(
        round(run.frames / elapsed, 2),
        round(cpu / film_s * 60, 2),
        round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, 1),
        right,
        wrong,
        run.frames,
        {name: _percentiles(values) for name, values in run.stage_s.items()},
    )


def _ours(source: str, gallery: Gallery, run: _Run) -> Iterator[None]:
    from edge.identify import OfflineRecogniser  # noqa: PLC0415
    from edge.recognise.recogniser import RecogniserOptions  # noqa: PLC0415
    from edge.video.source import open_source  # noqa: PLC0415
    from engines.faces import load_pipeline  # noqa: PLC0415

    pipeline = load_pipeline(threads=2)
    recogniser = OfflineRecogniser(pipeline, gallery, RecogniserOptions(embeddings_per_frame=4))
    yield
    with open_source(source) as frames:
        for frame in frames:
            run.saw(frame.pts_s)
            for scene in recogniser.process(frame):
                run.names[scene.index] |= {f.id for f in scene.faces if f.id}
            yield
    for scene in recogniser.finish():
        run.names[scene.index] |= {f.id for f in scene.faces if f.id}
    run.stage_s = recogniser.stage_s


def _opencv(source: str, gallery: Gallery, run: _Run) -> Iterator[None]:
    import cv2  # noqa: PLC0415

    from edge.video.source import open_source  # noqa: PLC0415
    from engines.fetch import fetch  # noqa: PLC0415

    ids = list(gallery.ids())
    templates = np.concatenate([gallery.templates_of(i) for i in ids])
    owners = [i for i in ids for _ in gallery.templates_of(i)]
    detector = cv2.FaceDetectorYN.create(str(fetch("yunet")), "", (320, 320), 0.6, 0.3, 5000)
    recogniser = cv2.FaceRecognizerSF.create(str(fetch("sface")), "")
    detect_s, embed_s = (run.stage_s.setdefault(name, []) for name in ("detect", "embed"))
    yield
    with open_source(source) as frames:
        for frame in frames:
            run.saw(frame.pts_s)
            bgr = np.ascontiguousarray(frame.bgr)
            begun = time.perf_counter()
            detector.setInputSize(bgr.shape[1::-1])
            faces = detector.detect(bgr)[1]
            detected = time.perf_counter()
            for face in faces if faces is not None else ():
                feature = recogniser.feature(recogniser.alignCrop(bgr, face[None]))[0]
                scores = templates @ (feature / np.linalg.norm(feature))
                best = int(np.argmax(scores))
                if scores[best] >= OPENCV_THRESHOLD:
                    run.names[frame.index].add(owners[best])
            detect_s.append(detected - begun)
            embed_s.append(time.perf_counter() - detected)
            yield


def _compare(
    names: dict[int, set[str]], truth: list[tuple[int, int, list[str]]]
) -> tuple[int, int]:
    right = wrong = 0
    for first, last, visible in truth:
        for frame in range(first, last + 1):
            found = names.get(frame, set())
            right += len(found & set(visible))
            wrong += len(found - set(visible))
    return right, wrong


def _percentiles(values: list[float]) -> dict[str, float]:
    p50, p95 = np.quantile(values, [0.5, 0.95]) * 1000 if values else (0.0, 0.0)
    return {"p50": round(float(p50), 3), "p95": round(float(p95), 3)}
