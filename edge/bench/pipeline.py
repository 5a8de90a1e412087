"""`bench pipeline`: ours against the plain way, on the same film, in the same run.

The plain way is what a person writes first: OpenCV's FaceDetectorYN on every frame, its
FaceRecognizerSF on every face, the best cosine above OpenCV's published threshold is the name. Both
use the same model files and the same templates. Each side runs in a process of its own, so that
memory and CPU time are its own.
"""

from __future__ import annotations

import multiprocessing
import resource
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np

from edge.bench.notes import Notes
from edge.bench.sizes import Size, at_size, decode_bgr_on, decode_on
from edge.errors import EdgeError
from edge.evaluate.labels import read_labels
from edge.video.open import open_source
from engines.int8_files import require_int8, require_passed

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from numpy.typing import NDArray

    from edge.recognise.scene import Scene
    from edge.video.frame import Frame
    from engines.choose import Precision

Truth = list[tuple[int, int, list[str]]]
"""First frame, last frame, ids of those who are visible in them."""

OPENCV_THRESHOLD = 0.363
"""The cosine that OpenCV's documentation names for SFace."""


class Side(msgspec.Struct, frozen=True):
    """What one side needed and found.

    Attributes:
        fps: frames per second, from opening the source to its end; models were loaded before.
        cpu_ms_frame: CPU milliseconds, all threads, per frame.
        cpu_s_per_film_min: CPU seconds, all threads, per minute of film.
        peak_rss_mb: largest resident memory of the process, models and runtime included.
        right, wrong: pairs of frame and person named rightly and wrongly; None without labels.
        faces: how many were found, all frames together.
        stage_ms: p50 and p95 of each stage per frame.
    """

    fps: float
    cpu_ms_frame: float
    cpu_s_per_film_min: float
    peak_rss_mb: float
    right: int | None
    wrong: int | None
    faces: int
    frames: int
    stage_ms: dict[str, dict[str, float]]


class PipelineBench(msgspec.Struct, frozen=True):
    """All sides of one run.

    Attributes:
        size: that the source was scaled to.
        decode, decode_bgr: reading the film only, and with its pictures as BGR.
        ratio_fps, ratio_cpu: ours to OpenCV's.
        ratio_decode: our CPU time to that of `decode_bgr`.
        int8: ours with both models in INT8, where it was asked for; `ours` is in FP32 then.
        ratio_fps_int8, ratio_cpu_int8: of `int8` to `ours`.
    """

    source: str
    size: str
    decode: Side
    decode_bgr: Side
    ours: Side
    opencv: Side
    ratio_fps: float
    ratio_cpu: float
    ratio_decode: float
    int8: Side | None = None
    ratio_fps_int8: float | None = None
    ratio_cpu_int8: float | None = None


def bench_pipeline(
    source: str,
    gallery_dir: Path,
    labels: Path | None,
    size: Size = "source",
    *,
    int8: bool = False,
) -> PipelineBench:
    """Run all sides, one after the other.

    Args:
        source: a video file.
        gallery_dir: the gallery.
        labels: see `edge.evaluate.labels`; by default `labels.json` beside the source, where
            there is one.
        size: what the film is scaled to before.
        int8: run ours in FP32 and in INT8, one after the other.

    Raises:
        EngineError: INT8 was asked for and has no file that passed its gate.
    """
    from gallery.search.open import open_gallery  # noqa: PLC0415

    truth = read_truth(source, labels)
    if int8:
        for model in ("yunet", "sface"):
            require_passed(model, require_int8(model))
    open_gallery(gallery_dir)  # what is wrong with it is said before the film is scaled
    with (
        tempfile.TemporaryDirectory(prefix="tvradar-bench-") as scratch,
        at_size(source, size, Path(scratch)) as film,
    ):
        decode, decode_bgr, ours, opencv = (
            in_own_process(steps, film, gallery_dir, judged)
            for steps, judged in (
                (decode_on, None),
                (decode_bgr_on, None),
                (ours_fp32_on if int8 else ours_on, truth),
                (opencv_on, truth),
            )
        )
        in_int8 = in_own_process(ours_int8_on, film, gallery_dir, truth) if int8 else None
    return PipelineBench(
        source,
        size,
        decode,
        decode_bgr,
        ours,
        opencv,
        round(ours.fps / opencv.fps, 2),
        round(ours.cpu_s_per_film_min / max(opencv.cpu_s_per_film_min, 1e-9), 3),
        round(ours.cpu_ms_frame / max(decode_bgr.cpu_ms_frame, 1e-9), 2),
        in_int8,
        round(in_int8.fps / ours.fps, 2) if in_int8 else None,
        round(in_int8.cpu_ms_frame / max(ours.cpu_ms_frame, 1e-9), 3) if in_int8 else None,
    )


def read_truth(source: str, labels: Path | None) -> Truth | None:
    """Read who is visible when; None where nobody says so.

    Args:
        source: a video file.
        labels: see `edge.evaluate.labels`; by default `labels.json` beside the source, where
            there is one.
    """
    if labels is None:
        beside = Path(source).parent / "labels.json"
        labels = beside if beside.is_file() else None
    if labels is None:
        return None
    return [(s.first, s.last, list(s.visible)) for s in read_labels(labels).shots]


def in_own_process(
    steps: Callable[[str, Path, Notes], Iterator[None]],
    source: str,
    gallery_dir: Path,
    truth: Truth | None,
) -> Side:
    """Run one side over the film in a process of its own.

    Args:
        steps: a function at the top of a module; its first step loads the models and is not timed,
            each further one is a frame.
        source: a video file, its first argument.
        gallery_dir: the gallery, its second.
        truth: to count right and wrong names by.

    Raises:
        EdgeError: the process was killed. What the side raised is raised again.
    """
    context = multiprocessing.get_context("spawn")
    receiver, sender = context.Pipe(duplex=False)
    arguments = (sender, steps, source, gallery_dir, truth)
    process = context.Process(target=_child, args=arguments)
    process.start()
    sender.close()
    try:
        answer = receiver.recv()
    except EOFError:
        process.join()
        answer = EdgeError(f"bench {steps.__name__}: the process ended with {process.exitcode}")
    process.join()
    if isinstance(answer, Exception):
        raise answer
    return msgspec.convert(answer, Side)


def _child(
    sender: Any,
    steps: Callable[[str, Path, Notes], Iterator[None]],
    source: str,
    gallery_dir: Path,
    truth: Truth | None,
) -> None:
    try:
        sender.send(
            msgspec.to_builtins(
                _measure(steps(source, gallery_dir, notes := Notes()), notes, truth)
            )
        )
    except Exception as error:  # noqa: BLE001 - handed to the parent, which raises it
        sender.send(error)


def _measure(steps: Iterator[None], notes: Notes, truth: Truth | None) -> Side:
    next(steps)
    cpu, started = time.process_time(), time.perf_counter()
    for _ in steps:
        pass
    elapsed, cpu = time.perf_counter() - started, time.process_time() - cpu
    film_s = max(notes.last_s - (notes.first_s or 0.0), 1e-9)
    film_s *= notes.frames / max(notes.frames - 1, 1)
    right, wrong = _compare(notes.names, truth) if truth is not None else (None, None)
    return Side(
        round(notes.frames / elapsed, 2),
        round(1000 * cpu / max(notes.frames, 1), 2),
        round(cpu / film_s * 60, 2),
        round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, 1),
        right,
        wrong,
        notes.faces,
        notes.frames,
        {name: _percentiles(values) for name, values in notes.stage_s.items()},
    )


def ours_fp32_on(source: str, gallery_dir: Path, notes: Notes) -> Iterator[None]:
    """Name a film as `identify --precision fp32` does."""
    return ours_on(source, gallery_dir, notes, "fp32")


def ours_int8_on(source: str, gallery_dir: Path, notes: Notes) -> Iterator[None]:
    """Name a film as `identify --precision int8` does."""
    return ours_on(source, gallery_dir, notes, "int8")


def ours_on(
    source: str, gallery_dir: Path, notes: Notes, precision: Precision | None = None
) -> Iterator[None]:
    """Name a film as `identify` does."""
    from edge.offline.film.look import looked_ahead  # noqa: PLC0415
    from edge.offline.film.reader import FilmReader  # noqa: PLC0415
    from edge.offline.threads import FILM_THREADS  # noqa: PLC0415
    from edge.recognise.recogniser import RecogniserOptions  # noqa: PLC0415
    from engines.pipeline import load_pipeline  # noqa: PLC0415
    from gallery.search.open import open_gallery  # noqa: PLC0415

    pipeline = load_pipeline(threads=FILM_THREADS, precision=precision)
    gallery = open_gallery(gallery_dir)
    reader = FilmReader(pipeline, gallery, RecogniserOptions(), on_stages=notes.take)
    yield
    with open_source(source) as film:
        for picture in looked_ahead(film).pictures():
            notes.saw(picture.pts_s)
            reader.process(picture)
            del picture
            yield
    _write_down(reader.finish(), notes)


def opencv_on(source: str, gallery_dir: Path, notes: Notes) -> Iterator[None]:
    """Name a film face by face with OpenCV."""
    import cv2  # noqa: PLC0415

    from engines.fetch import fetch  # noqa: PLC0415

    recogniser = cv2.FaceRecognizerSF.create(str(fetch("sface")), "")

    def embed(bgr: NDArray[np.uint8], face: NDArray[np.float32]) -> NDArray[np.float32]:
        feature = recogniser.feature(recogniser.alignCrop(bgr, face[None]))
        return np.asarray(feature[0], np.float32)

    yield from face_by_face(source, gallery_dir, notes, embed)


def face_by_face(
    source: str,
    gallery_dir: Path,
    notes: Notes,
    embed: Callable[[NDArray[np.uint8], NDArray[np.float32]], NDArray[np.float32]],
) -> Iterator[None]:
    """Name each face that OpenCV's YuNet finds by the nearest template, from OpenCV's cosine on.

    Args:
        source: a video file.
        gallery_dir: the gallery.
        notes: where to write to.
        embed: of a frame, uint8 (h, w, 3), BGR, and YuNet's row of a face, float32 (15,), pixels:
            its SFace embedding, float32 (128,), of any length.
    """
    import cv2  # noqa: PLC0415

    from engines.fetch import fetch  # noqa: PLC0415
    from gallery.search.open import open_gallery  # noqa: PLC0415

    gallery = open_gallery(gallery_dir)
    ids = list(gallery.ids())
    templates = np.concatenate([gallery.templates_of(i) for i in ids])
    owners = [i for i in ids for _ in gallery.templates_of(i)]
    detector = cv2.FaceDetectorYN.create(str(fetch("yunet")), "", (320, 320), 0.6, 0.3, 5000)
    yield
    for frame in each_frame(source, notes):
        bgr = np.ascontiguousarray(frame.bgr)
        with notes.timed("detect"):
            detector.setInputSize(bgr.shape[1::-1])
            found = detector.detect(bgr)[1]
        faces = found if found is not None else ()
        notes.faces += len(faces)
        with notes.timed("embed"):
            for face in faces:
                feature = embed(bgr, face)
                scores = templates @ (feature / np.linalg.norm(feature))
                best = int(np.argmax(scores))
                if scores[best] >= OPENCV_THRESHOLD:
                    notes.names[frame.index].add(owners[best])
        yield


def each_frame(source: str, notes: Notes) -> Iterator[Frame]:
    """Read a film and count its frames."""
    with open_source(source) as frames:
        for frame in frames:
            notes.saw(frame.pts_s)
            yield frame


def _write_down(scenes: Iterable[Scene], notes: Notes) -> None:
    for scene in scenes:
        notes.faces += len(scene.faces)
        notes.names[scene.index] |= {face.id for face in scene.faces if face.id}


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
