"""What a source hands over beside its pictures, for the cues that are asked for."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec.structs import replace

if TYPE_CHECKING:
    from edge.recognise.cues.cue import CueBoard
    from edge.video.source import SourceOptions


def with_subtitles(video: SourceOptions, board: CueBoard) -> SourceOptions:
    """Return how a source is read: with its subtitles where text counts, its sound for voices."""
    if "text" in board.kinds:
        video = replace(video, subtitles=True)
    return replace(video, sound=True) if "voice" in board.kinds else video
