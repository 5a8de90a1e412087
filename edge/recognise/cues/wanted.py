"""What is opened for the cues that are asked for, and loaded only then."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec.structs import replace

if TYPE_CHECKING:
    from edge.recognise.cues.body import BodyCue
    from edge.recognise.cues.cue import CueBoard
    from edge.recognise.cues.follow import TorsoFlow
    from edge.recognise.scene import Face
    from edge.video.source import SourceOptions


def with_subtitles(video: SourceOptions, board: CueBoard) -> SourceOptions:
    """Return how a source is read: with its subtitles where text counts, its sound for voices."""
    if "text" in board.kinds:
        video = replace(video, subtitles=True)
    return replace(video, sound=True) if "voice" in board.kinds else video


def open_clothes(*, on: bool) -> tuple[BodyCue | None, TorsoFlow[Face] | None]:
    """Return what looks at clothes and what follows them, None twice where that cue is off."""
    if not on:
        return None, None
    from edge.recognise.cues.body import BodyCue  # noqa: PLC0415
    from edge.recognise.cues.follow import TorsoFlow  # noqa: PLC0415

    return BodyCue(), TorsoFlow()
