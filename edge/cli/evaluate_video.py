"""`evaluate --video`, a labelled film with a press at each frame, and `--clips`, a ranked list."""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING

from rich.table import Table

from edge.cli.console import graceful_stop, out, print_json, progress_bar
from edge.config import RecogniseConfig
from edge.errors import UsageError
from edge.evaluate.clips import mean_average_precision, read_clips, scores_of
from edge.evaluate.figures import Answers
from edge.evaluate.labels import read_labels
from edge.evaluate.video import Observation, VideoEvaluator
from edge.hindsight.late_names import LateNames
from edge.hindsight.recent import RecentTracks
from edge.json_output import ClipsEvaluated
from edge.library import identify, open_models
from edge.offline.threads import FILM_THREADS
from edge.recognise.cues.cue import CUE_KINDS
from edge.recognise.detection_schedule import LIVE_PASS_S
from edge.recognise.recogniser import Recogniser, RecogniserOptions
from edge.recognise.thresholds import Thresholds
from edge.video.open import open_source
from engines.align import align
from engines.pipeline import load_pipeline
from engines.quality import measure_quality
from gallery.search.open import open_gallery
from gallery.voices.stored import voices_path

if TYPE_CHECKING:
    from pathlib import Path

    from edge.evaluate.figures import VideoEvaluation
    from edge.recognise.cues.cue import CueKind
    from edge.recognise.step import Tracked
    from edge.video.frame import Frame


def run_evaluate_video(
    video: str, labels_file: Path, gallery_dir: Path, *, json: bool, fpir: float, embedder: str = ""
) -> None:
    """Run the live path over a film as `run` does by default, and print the figures."""
    found = evaluate_video(video, labels_file, gallery_dir, fpir=fpir, embedder=embedder)
    if json:
        print_json(found)
    else:
        _print(found)


def evaluate_video(
    video: str, labels_file: Path, gallery_dir: Path, *, fpir: float, embedder: str = ""
) -> VideoEvaluation:
    """Return the figures of a film.

    Raises:
        UsageError: the labels do not fit, or somebody interrupted.
        SourceError: the film cannot be read.
    """
    labels = read_labels(labels_file)
    defaults = RecogniseConfig()
    pipeline = load_pipeline(threads=2, long_side_px=defaults.long_side_px, embedder=embedder)
    gallery = open_gallery(gallery_dir, pipeline.model)
    options = RecogniserOptions(
        fpir=fpir,
        embeddings_per_frame=defaults.embeddings_per_frame,
        detect_every=defaults.detect_every,
        least_s=LIVE_PASS_S,
    )
    thresholds = Thresholds(fpir)
    recogniser = Recogniser(pipeline, lambda: gallery, options, thresholds)
    recent, late = RecentTracks(), LateNames(thresholds.prepare)
    evaluator = VideoEvaluator(labels, gallery.person, gallery.ids())
    with open_source(video) as source, graceful_stop() as stop, progress_bar("frames") as progress:
        task = progress.add_task("press", total=source.frame_count)
        for frame in source:
            step = recogniser.process(frame)
            evaluator.take(step.scene, _observations(step.detections, frame))
            if tracks := recent.take(step):
                evaluator.learn(late.decide(tracks, gallery))
            progress.advance(task)
            if stop():
                raise UsageError(
                    "interrupted: an evaluation of only a part of the film would mean nothing"
                )
    return evaluator.result()


def _observations(tracked: Tracked, frame: Frame) -> dict[int, Observation]:
    faces = tracked.faces
    if not tracked.tracks:
        return {}
    quality = measure_quality(faces, align(frame.bgr, faces.landmarks_px))
    return {
        track: Observation(float(side), float(yaw), float(sharpness))
        for track, side, yaw, sharpness in zip(
            tracked.tracks, quality.side_px, quality.yaw, quality.sharpness, strict=True
        )
    }


def _print(found: VideoEvaluation) -> None:
    table = Table("presses at", "presses", "precision", "recall", "exact set", "false", "unknown")
    _add(table, "somebody enrolled", Answers(found.first, found.refined))
    for note, answers in found.apart.items():
        _add(table, f"apart: {note}", answers)
    _add(table, "nobody enrolled", found.nobody)
    out.print(table)
    for measure, ranges in found.faces.items():
        faces = Table(measure, "right", "wrong", "unnamed")
        for name, count in ranges.items():
            faces.add_row(name, str(count.right), str(count.wrong), str(count.unnamed))
        out.print(faces)
    gone, minutes = found.just_gone, found.track_minutes
    out.print(
        f"{gone.listed} of {gone.expected} just gone (up to 1 s after a cut) listed and marked; "
        f"{found.flips} flips in {minutes:.2f} track-minutes; {found.frames} frames"
    )
    for error in found.errors:
        seen = ", ".join(error.visible) or "nobody enrolled"
        out.print(f"false: frame {error.frame}, {error.named}; visible: {seen}", markup=False)


def _add(table: Table, name: str, answers: Answers) -> None:
    for told, rates in ((name, answers.first), ("  refined", answers.refined)):
        if rates.presses:
            shares = (rates.precision, rates.recall, rates.exact_set)
            cells = ["" if share is None else f"{share:.1%}" for share in shares]
            unknown = "" if rates.unknown_rate is None else f"{rates.unknown_rate:.1%}"
            table.add_row(told, str(rates.presses), *cells, str(rates.false_names), unknown)


def run_evaluate_clips(
    clips: Path, gallery_dir: Path, *, json: bool, fpir: float, embedder: str
) -> None:
    """Print mAP@100 of a list of clips, with and without each cue.

    Raises:
        UsageError: the list is none.
        SourceError: a clip cannot be read.
    """
    listed = read_clips(clips)
    nobodys = not voices_path(gallery_dir).exists()
    kinds = sorted(CUE_KINDS - {"voice"} if nobodys else CUE_KINDS)
    settings: dict[str, tuple[CueKind, ...]] = {"face": ()}
    settings |= {f"face, {kind}": (kind,) for kind in kinds}
    settings["face, all cues"] = tuple(kinds)
    figures: dict[str, float] = {}
    with (
        closing(open_models(threads=FILM_THREADS, embedder=embedder)) as models,
        progress_bar("clips") as progress,
    ):
        gallery = open_gallery(gallery_dir, models.model)
        task = progress.add_task("evaluate", total=len(settings) * len(listed))
        for name, cues in settings.items():
            scores = {}
            known = gallery_dir if "voice" in cues else gallery  # voices are beside it
            for clip in listed:
                found = identify(clip.path, known, models=models, fpir=fpir, cues=cues)
                scores[clip.path] = scores_of(found.faces)
                progress.advance(task)
            figures[name] = round(mean_average_precision(scores, listed), 4)
    people = len({clip.person for clip in listed} - {None})
    nobody = sum(clip.person is None for clip in listed)
    if json:
        print_json(ClipsEvaluated(len(listed), people, nobody, figures))
        return
    table = Table("what counts", "mAP@100")
    for name, value in figures.items():
        table.add_row(name, f"{value:.4f}")
    out.print(table)
    out.print(f"{len(listed)} clips of {people} people, {nobody} of nobody who is asked for")
