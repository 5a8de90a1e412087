"""Sound comes on the clock of the pictures, whatever its container and rate."""

import math
from itertools import pairwise
from pathlib import Path

import av
import numpy as np
import pytest

from edge.video.open import open_source
from edge.video.source import SOUND_RATE, SourceOptions
from edge.video.sources.sound_tap import SoundTap

RATE, FRAMES, BEEP_S = 25, 50, 1.0


def film(path: Path, *, rate: int = 44_100, layout: str = "stereo", codec: str = "aac") -> None:
    """Write two seconds, dark and silent at first; a beep and light begin at one second."""
    with av.open(str(path), "w") as out:
        video = out.add_stream("mpeg4", rate=RATE)
        video.width, video.height, video.pix_fmt = 64, 48, "yuv420p"
        audio = out.add_stream(codec, rate=rate, layout=layout)
        at = np.arange(2 * rate) / rate
        beep = np.where(at >= BEEP_S, 0.5 * np.sin(2 * np.pi * 440 * at), 0).astype(np.float32)
        for number in range(FRAMES):
            level = 255 if number / RATE >= BEEP_S else 0
            picture = np.full((48, 64, 3), level, np.uint8)
            out.mux(video.encode(av.VideoFrame.from_ndarray(picture, "bgr24")))
            part = beep[number * rate // RATE : (number + 1) * rate // RATE]
            planes = np.tile(part, (2 if layout == "stereo" else 1, 1))
            frame = av.AudioFrame.from_ndarray(planes, "fltp", layout)
            frame.sample_rate, frame.pts = rate, number * rate // RATE
            out.mux(audio.encode(frame))
        out.mux(video.encode())
        out.mux(audio.encode())


def read(path: Path, *, sound: bool = True) -> tuple[float, tuple]:
    """Return when the light comes on, and the sound."""
    light_s = float("nan")
    with open_source(str(path), options=SourceOptions(sound=sound)) as source:
        for frame in source:
            if math.isnan(light_s) and frame.bgr.mean() > 100:
                light_s = frame.pts_s
        return light_s, source.stats.sound


@pytest.mark.parametrize(
    ("name", "how"),
    [
        ("f.mp4", {}),
        ("f.mkv", {"rate": 16_000, "layout": "mono"}),
        ("f.ts", {"rate": 48_000, "codec": "mp2"}),
    ],
)
def test_sound_follows_the_pictures_clock(name: str, how: dict, tmp_path: Path) -> None:
    film(tmp_path / name, **how)
    light_s, pieces = read(tmp_path / name)
    sound = np.concatenate([np.frombuffer(p.samples, np.float32) for p in pieces])
    assert len(sound) / SOUND_RATE == pytest.approx(2.0, abs=0.2)
    begin = int(np.argmax(np.abs(sound) > 0.1))
    assert pieces[0].from_s + begin / SOUND_RATE == pytest.approx(light_s, abs=0.06)
    assert 0.3 < np.abs(sound).max() <= 1
    for before, after in pairwise(pieces):
        length_s = len(before.samples) / 4 / SOUND_RATE
        assert after.from_s == pytest.approx(before.from_s + length_s, abs=0.03)


def test_nobody_who_does_not_ask_hears_anything(tmp_path: Path) -> None:
    film(tmp_path / "f.mp4")
    assert read(tmp_path / "f.mp4", sound=False)[1] == ()


def test_a_film_without_sound_is_read_as_before(tmp_path: Path) -> None:
    silent = tmp_path / "s.mkv"
    with av.open(str(silent), "w") as out:
        video = out.add_stream("mpeg4", rate=RATE)
        video.width, video.height, video.pix_fmt = 64, 48, "yuv420p"
        white = av.VideoFrame.from_ndarray(np.full((48, 64, 3), 255, np.uint8), "bgr24")
        out.mux([*video.encode(white), *video.encode()])
    assert read(silent) == (0.0, ())


def test_damaged_sound_is_left_out_and_what_follows_is_heard(tmp_path: Path) -> None:
    film(tmp_path / "f.mkv")
    tap = SoundTap(wanted=True)
    with av.open(str(tmp_path / "f.mkv")) as told:
        (track,) = tap.tracks(told, told.streams.video[0])
        for number, packet in enumerate(told.demux(track)):
            bad = av.Packet(b"\xff" * packet.size) if 10 < number < 20 else packet
            bad.pts, bad.time_base, bad.stream = packet.pts, packet.time_base, track
            tap.take(bad)
    assert tap.refused
    assert tap.pieces[-1].from_s > 1.7
