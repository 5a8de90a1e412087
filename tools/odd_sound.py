"""Whether films with odd sound give the names that they give without sound, with `--cues voice`.

    python tools/odd_sound.py FILM SPEECH GALLERY

Copies the pictures of FILM, lays the sound of SPEECH beside them in odd ways (none, 8 kHz, 5.1, two
languages, late, short, times below zero, uneven pictures, a clock that wraps, damaged), and names
the people of each with and without voices. A voice must be enrolled in GALLERY (`tvradar gallery
voice`), or nothing is heard. Prints a table, and ends with 1 where a name differs.
"""

from __future__ import annotations

import argparse
import sys
from contextlib import closing
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import av
import numpy as np

from edge.errors import EdgeError
from edge.library import identify, open_models
from edge.voices.enrol import sound_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from edge.recognise.cues.cue import CueKind
    from engines.pipeline import FacePipeline

RATE = 16_000
BELOW_ZERO = {"avoid_negative_ts": "disabled"}
NONE: tuple[CueKind, ...] = ()
VOICE: tuple[CueKind, ...] = ("voice",)


def as_it_is(pts_s: float) -> float:
    """Return a picture's own time."""
    return pts_s


def uneven(pts_s: float) -> float:
    """Return a time up to 15 ms off, never before that of the picture before."""
    return pts_s + 0.015 * float(np.sin(40 * pts_s))


@dataclass(frozen=True)
class Odd:
    """A film to compose.

    Attributes:
        name: of its file; the suffix says which form.
        tracks: languages of the sound tracks.
        rate, layout, codec: of the sound.
        from_s: when the sound begins.
        to_s: when it ends, at the latest.
        shift_s: added to all times.
        time: gives each picture another time.
        damaged: this share of the packets of sound is overwritten.
    """

    name: str
    tracks: tuple[str, ...] = ("eng",)
    rate: int = 48_000
    layout: str = "stereo"
    codec: str = "aac"
    from_s: float = 0.0
    to_s: float = 1e9
    shift_s: float = 0.0
    time: Callable[[float], float] = field(default=as_it_is)
    damaged: float = 0.0


FILMS = (
    Odd("plain.mp4"),
    Odd("none.mp4", tracks=()),
    Odd("8kHz.mkv", rate=8_000, layout="mono", codec="pcm_s16le"),
    Odd("surround.mkv", layout="5.1", codec="ac3"),
    Odd("languages.mkv", tracks=("eng", "spa")),
    Odd("late.mp4", from_s=1.0),
    Odd("late.ts", from_s=1.0),
    Odd("short.mp4", to_s=3.0),
    Odd("below_zero.mp4", shift_s=-1.5),
    Odd("below_zero.mkv", shift_s=-1.5),
    Odd("uneven.mkv", time=uneven),
    Odd("wraps.ts", shift_s=95_440.0),
    Odd("damaged.ts", damaged=0.3),
)


def compose(odd: Odd, film: Path, speech: NDArray[np.float32], target: Path) -> None:
    """Write a film.

    Args:
        odd: how.
        film: its pictures are copied.
        speech: at 16 kHz, float32 (n,), -1 to 1.
        target: the file.
    """
    packets = []
    with av.open(str(film)) as source, av.open(str(target), "w", options=BELOW_ZERO) as made:
        picture = made.add_stream_from_template(source.streams.video[0], opaque=True)
        streams = [_track(made, odd) for _ in odd.tracks]
        for language, stream in zip(odd.tracks, streams, strict=True):
            stream.metadata["language"] = language
        last_s = 0.0
        for packet in source.demux(video=0):
            if packet.dts is None or packet.pts is None:
                continue
            base = packet.time_base
            last_s = float(packet.pts * base)
            late = odd.time(last_s) - last_s + odd.shift_s
            packet.pts += round(late / base)
            packet.dts = packet.pts if odd.time is uneven else packet.dts + round(late / base)
            packet.stream = picture
            packets.append((float(packet.dts * base), packet))
        random = np.random.default_rng(1)
        for number, stream in enumerate(streams):
            said = speech if number == 0 else speech[::-1]
            to_s = min(odd.to_s, last_s, odd.from_s + len(said) / RATE)
            packets += _sound(odd, stream, said, to_s, random)
        for _, packet in sorted(packets, key=lambda one: one[0]):
            made.mux(packet)


def _track(made: av.container.OutputContainer, odd: Odd) -> av.AudioStream:
    stream = made.add_stream(odd.codec, rate=odd.rate, layout=odd.layout)
    assert isinstance(stream, av.AudioStream)
    return stream


def _sound(
    odd: Odd,
    stream: av.AudioStream,
    speech: NDArray[np.float32],
    to_s: float,
    random: np.random.Generator,
) -> list[tuple[float, av.Packet[Any]]]:
    """Return the packets of a track of sound, and when each is due."""
    sound = stream.codec_context
    resampler = av.AudioResampler(format=sound.format, layout=odd.layout, rate=odd.rate)
    clock, found = Fraction(1, RATE), []
    for first in range(0, round((to_s - odd.from_s) * RATE) - 1023, 1024):
        block = np.ascontiguousarray(speech[None, first : first + 1024], np.float32)
        frame = av.AudioFrame.from_ndarray(block, format="fltp", layout="mono")
        frame.sample_rate, frame.time_base = RATE, clock
        frame.pts = first + round((odd.from_s + odd.shift_s) * RATE)
        for piece in resampler.resample(frame):
            found += sound.encode(piece)
    found += sound.encode(None)
    dated = []
    for packet in found:
        if random.random() < odd.damaged:
            packet.update(random.bytes(packet.size))
        packet.stream = stream
        dated.append((float((packet.dts or 0) * packet.time_base), packet))
    return dated


def tried(path: Path, gallery: Path, models: FacePipeline) -> tuple[str, bool]:
    """Return the rest of a film's row, and whether voices left all names as they are."""
    without, voices = (identify(path, gallery, models=models, cues=cues) for cues in (NONE, VOICE))
    names = [[(f.frame, f.track, f.id) for f in one.faces] for one in (without, voices)]
    heard = ", ".join(f"{h.person} {h.from_s:.1f} to {h.to_s:.1f}" for h in voices.heard)
    same = names[0] == names[1] != []
    return f"{'yes' if same else 'NO'} | {len(names[0])} | {heard}", same


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("film", type=Path)
    parser.add_argument("speech", type=Path)
    parser.add_argument("gallery", type=Path)
    given = parser.parse_args()
    differ = 0
    print("| film | same names | moments of faces | heard |\n|---|---|---|---|")
    speech = sound_of(given.speech)
    with TemporaryDirectory() as folder, closing(open_models(threads=1)) as models:
        for odd in FILMS:
            path = Path(folder) / odd.name
            compose(odd, given.film, speech, path)
            try:
                told, same = tried(path, given.gallery, models)
            except EdgeError as error:
                told, same = f"{error} | |", False
            differ += not same
            print(f"| {odd.name} | {told} |", flush=True)
    sys.exit(differ > 0)


if __name__ == "__main__":
    main()
