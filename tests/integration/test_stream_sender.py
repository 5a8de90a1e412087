"""The station of `bench live`: a film goes on and on, whatever its sound and its B-frames."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

import av
import numpy as np
import pytest

from edge.bench.stream_sender import play
from edge.testbed.spoken import speech, with_sound

if TYPE_CHECKING:
    from pathlib import Path

PICTURES = 15


class EnoughError(Exception):
    """The film was sent twice and a half."""


@pytest.mark.parametrize("b_frames", ["0", "2"])
def test_it_is_sent_again_though_its_sound_ends_later(tmp_path: Path, b_frames: str) -> None:
    """And though Matroska does not tell when the first packets are decoded, with B-frames."""
    plain, film, sent = (tmp_path / name for name in ("plain.mp4", "film.mkv", "sent.ts"))
    with av.open(str(plain), "w") as made:
        stream = made.add_stream("libx264", rate=25, options={"bf": b_frames})
        stream.width, stream.height, stream.pix_fmt = 64, 64, "yuv420p"
        for _ in range(PICTURES):
            made.mux(stream.encode(av.VideoFrame.from_ndarray(np.zeros((64, 64, 3), np.uint8))))
        made.mux(stream.encode(None))
    with_sound(plain, film, speech(1.0), "mp2")
    numbers: list[int] = []

    def on_sent(number: int, _: float) -> None:
        numbers.append(number)
        if len(numbers) == 2 * PICTURES + 5:
            raise EnoughError

    with pytest.raises(EnoughError):
        play(str(film), str(sent), "mpegts", {}, on_sent)
    assert numbers == [*range(PICTURES), *range(PICTURES), *range(5)]
    with av.open(str(sent)) as got:
        for kind, apart_s in (("video", 0.04), ("audio", 0.072)):
            packets = got.demux(next(s for s in got.streams if s.type == kind))
            shown = sorted(float(p.pts * p.time_base) for p in packets if p.pts is not None)
            times_s = shown[: 2 * PICTURES]  # what came last is not whole
            got.seek(0)
            steps_s = [after - before for before, after in pairwise(times_s)]
            assert kind == "audio" or min(steps_s) > 0.9 * apart_s
            assert len(steps_s) > 15
            assert max(steps_s) < 2 * apart_s
