"""What a device opens only where it is configured, and loads only then."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from edge.config import EventsConfig, RunConfig
    from edge.device.captions import CaptionWatch
    from edge.device.people import People
    from edge.device.subtitles import SubtitleWatch
    from edge.device.titles import TitleWatch
    from edge.device.voices import VoiceWatch
    from edge.home.home import Home
    from edge.output.output import BurnedIn
    from edge.recognise.cues.cue import CueBoard
    from edge.recognise.cues.screen_texts import ScreenTexts
    from edge.serve.device import Device
    from edge.serve.metrics import Metrics
    from edge.titles.playing import NowPlaying
    from edge.video.reader import Reader
    from gallery.search.search import Gallery
    from gallery.search.watch import GalleryWatcher


def open_home(config: EventsConfig, device: Device) -> Home | None:
    """Return the link to the home's broker, None where there is none."""
    if not config.broker:
        return None
    from edge.home.home import Home  # noqa: PLC0415 - MQTT is loaded where it is used

    return Home(config, device)


def open_output(uri: str, people: People) -> BurnedIn:
    """Return what burns names into the picture."""
    from edge.output.output import BurnedIn  # noqa: PLC0415 - drawing is loaded where it is used

    return BurnedIn(uri, people)


def open_voices(
    board: CueBoard,
    watcher: GalleryWatcher,
    folder: Path,
    reader: Reader,
    busy: Callable[[], bool],
    metrics: Metrics,
) -> VoiceWatch | None:
    """Return what hears voices, None where that cue is off."""
    if "voice" not in board.kinds:
        return None
    from edge.device.voices import VoiceWatch  # noqa: PLC0415

    took = metrics.stages.labels("voices").observe
    return VoiceWatch(board, lambda: watcher.gallery, folder, reader, busy, took)


def open_captions(
    board: CueBoard,
    watcher: GalleryWatcher,
    reader: Reader,
    busy: Callable[[], bool],
    metrics: Metrics,
    texts: ScreenTexts,
) -> tuple[CaptionWatch | None, SubtitleWatch | None]:
    """Return what reads captions and what hears subtitles, None twice where that cue is off."""
    if "text" not in board.kinds:
        return None, None
    from edge.device.captions import CaptionWatch  # noqa: PLC0415
    from edge.device.subtitles import SubtitleWatch  # noqa: PLC0415
    from edge.device.text_opener import TextOpener  # noqa: PLC0415
    from engines.text_reading.shared import SharedText  # noqa: PLC0415

    def gallery() -> Gallery:
        return watcher.gallery

    took, text = metrics.stages.labels, TextOpener(SharedText().reader)
    captions = CaptionWatch(board, gallery, busy, took("captions").observe, text, texts)
    subtitles = SubtitleWatch(board, gallery, reader, busy, text, took("subtitles").observe)
    return captions, subtitles


def open_titles(
    board: CueBoard, watcher: GalleryWatcher, reader: Reader, config: RunConfig
) -> tuple[NowPlaying | None, TitleWatch | None]:
    """Return what plays and what follows it, None twice where that cue is off."""
    if "title" not in board.kinds:
        return None, None
    from edge.device.titles import TitleWatch  # noqa: PLC0415
    from edge.titles.playing import NowPlaying  # noqa: PLC0415

    playing = NowPlaying(board, lambda: watcher.gallery)
    return playing, TitleWatch(playing, reader, config.source, config.video.programme)
