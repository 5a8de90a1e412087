"""Files as they come: a right result or a clear error for each."""

from __future__ import annotations

import io
import struct
from fractions import Fraction
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import av
import numpy as np
import pytest

from edge.errors import SourceError, SourceMissingError
from edge.video.open import open_source
from edge.video.source import SourceOptions

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from edge.video.frame import Frame
    from edge.video.source import SourceStats

BT709, BT2020 = 1, 9
PQ, HLG = 16, 18


def read(path: Path, **options: Any) -> tuple[list[Frame], SourceStats]:
    with open_source(str(path), options=SourceOptions(**options)) as source:
        return list(source), source.stats


def assert_sound(frames: list[Frame]) -> None:
    assert [frame.index for frame in frames] == list(range(len(frames)))
    assert all(a.pts_s <= b.pts_s for a, b in pairwise(frames))
    assert all(frame.bgr.dtype == np.uint8 and frame.bgr.ndim == 3 for frame in frames)


@pytest.mark.parametrize(
    ("name", "kwargs"),
    [
        ("plain.mp4", {}),
        ("sound.mp4", {"sound": True}),
        ("b_frames.mp4", {"options": {"bf": "3", "preset": "medium"}}),
        ("full_range_yuvj.mp4", {"pix_fmt": "yuvj420p"}),
        ("full_range_tag.mp4", {"full_range": True}),
        ("422.mp4", {"pix_fmt": "yuv422p"}),
        ("444.mp4", {"pix_fmt": "yuv444p"}),
        ("10bit.mp4", {"pix_fmt": "yuv420p10le"}),
        ("10bit_422.mov", {"pix_fmt": "yuv422p10le", "codec": "prores_ks"}),
        ("nv12.mp4", {"pix_fmt": "nv12"}),
        ("bt709.mp4", {"colorspace": BT709}),
        ("odd.mkv", {"size": (161, 97), "pix_fmt": "yuv444p"}),
        ("odd_420.mkv", {"size": (161, 97), "codec": "ffv1"}),
        ("interlaced.ts", {"codec": "mpeg2video", "options": {"flags": "+ilme+ildct"}}),
        ("mpeg4.avi", {"codec": "mpeg4"}),
        ("motion.mov", {"codec": "mjpeg", "pix_fmt": "yuvj420p"}),
        ("hevc.ts", {"codec": "libx265", "options": {"x265-params": "log-level=none"}}),
        ("fragments.mp4", {"container_options": {"movflags": "frag_keyframe+empty_moov"}}),
    ],
)
def test_every_frame_in_order_with_its_colours(
    film: Any, painter: Any, name: str, kwargs: dict[str, Any]
) -> None:
    frames, stats = read(film(name, **kwargs))
    assert_sound(frames)
    assert [painter.number_of(frame.bgr) for frame in frames] == list(range(30))
    assert [frame.pts_s for frame in frames] == pytest.approx([n / 25 for n in range(30)], abs=2e-3)
    assert stats.warnings == ()
    width, height = kwargs.get("size", (160, 96))
    assert frames[0].bgr.shape == (height, width, 3)
    np.testing.assert_allclose(painter.colours_of(frames[5].bgr), painter.COLOURS, atol=6)


def test_grey_video_is_grey_bgr(film: Any, painter: Any) -> None:
    frames, _ = read(film("grey.mp4", pix_fmt="gray"))
    left, right = painter.colours_of(frames[3].bgr)
    assert np.ptp(left) < 2
    assert np.ptp(right) < 2


def test_variable_frame_rate_keeps_each_time(film: Any) -> None:
    pts_ms = [0, 40, 400, 410, 1000, 20_000]
    frames, stats = read(film("vfr.mp4", frames=6, pts=pts_ms))
    assert [frame.pts_s for frame in frames] == pytest.approx([t / 1000 for t in pts_ms], abs=2e-3)
    assert stats.pts_jumps == 0


def test_anamorphic_pixels_become_square(film: Any, painter: Any) -> None:
    path = film("anamorphic.mp4", aspect=Fraction(16, 11))
    with open_source(str(path)) as source:
        assert source.size == (233, 96)
        frame = next(iter(source))
    assert frame.bgr.shape == (96, 233, 3)
    np.testing.assert_allclose(painter.colours_of(frame.bgr), painter.COLOURS, atol=6)


@pytest.mark.parametrize(
    ("matrix", "turned"),
    [
        ((0, 1, -1, 0), 3),  # shown 90 degrees clockwise
        ((-1, 0, 0, -1), 2),
        ((0, -1, 1, 0), 1),
    ],
)
def test_rotation_of_the_display_matrix(
    film: Any, painter: Any, matrix: tuple[int, ...], turned: int
) -> None:
    path = film("phone.mp4", frames=2)
    content = bytearray(path.read_bytes())
    place = content.index(b"tkhd") + 4 + 40  # version 0: the matrix comes after 40 bytes
    a, b, c, d = (value << 16 for value in matrix)
    content[place : place + 36] = struct.pack(">9i", a, b, 0, c, d, 0, 0, 0, 1 << 30)
    path.write_bytes(content)
    with open_source(str(path)) as source:
        frame = next(iter(source))
        assert source.size == (frame.bgr.shape[1], frame.bgr.shape[0])
    upright = np.rot90(frame.bgr, -turned)
    np.testing.assert_allclose(painter.colours_of(upright), painter.COLOURS, atol=6)


def combed(frame: NDArray[np.uint8]) -> float:
    """Return how much neighbouring lines differ more than lines of the same field."""
    lines = frame[..., 1].astype(float)
    return float(np.abs(np.diff(lines, axis=0)).mean() - np.abs(lines[2:] - lines[:-2]).mean())


def test_interlaced_fields_are_made_whole(tmp_path: Path) -> None:
    path = tmp_path / "fields.ts"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("mpeg2video", rate=25)
        stream.width, stream.height, stream.pix_fmt = 320, 192, "yuv420p"
        stream.codec_context.options = {"flags": "+ilme+ildct"}
        stream.codec_context.bit_rate = 8_000_000
        for number in range(12):
            picture = np.full((192, 320, 3), 40, np.uint8)
            picture[0::2, 20 * number : 20 * number + 60] = 220  # one field …
            picture[1::2, 20 * number + 10 : 20 * number + 70] = 220  # … and half a step later
            frame = av.VideoFrame.from_ndarray(picture, format="bgr24")
            frame.pts = number
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    raw, _ = read(path, deinterlace="off")
    whole, _ = read(path)
    assert len(raw) == len(whole) == 12
    assert combed(raw[6].bgr) > 5
    assert combed(whole[6].bgr) < 0.2 * combed(raw[6].bgr)
    assert [frame.pts_s for frame in whole] == pytest.approx([frame.pts_s for frame in raw])


def encode_hdr(bgr: NDArray[np.uint8], transfer: int) -> NDArray[np.uint16]:
    """Code an SDR picture as BT.2020 with PQ or HLG, diffuse white at 203 cd/m²."""
    to_bt2020 = np.array(
        [[0.6274, 0.3293, 0.0433], [0.0691, 0.9195, 0.0114], [0.0164, 0.0880, 0.8956]]
    )
    linear = (bgr[..., ::-1] / 255.0) ** 2.2 @ to_bt2020.T
    if transfer == PQ:
        power = (linear * 203 / 10_000) ** (2610 / 16384)
        code = ((0.8359375 + 18.8515625 * power) / (1 + 18.6875 * power)) ** (2523 / 32)
    else:
        scene = (linear * 203 / 1000) ** (1 / 1.2)
        log_part = 0.17883277 * np.log(np.maximum(12 * scene - 0.28466892, 1e-9)) + 0.55991073
        code = np.where(scene <= 1 / 12, np.sqrt(3 * scene), log_part)
    return np.round(np.clip(code, 0, 1) * 65535).astype(np.uint16)


@pytest.mark.parametrize("transfer", [PQ, HLG])
def test_hdr_comes_out_as_sdr(tmp_path: Path, painter: Any, transfer: int) -> None:
    path = tmp_path / "hdr.mp4"
    sdr = painter.draw(5, 160, 96)
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx265", rate=25)
        stream.width, stream.height, stream.pix_fmt = 160, 96, "yuv420p10le"
        context = stream.codec_context
        context.options = {"preset": "ultrafast", "x265-params": "log-level=none", "crf": "12"}
        context.color_trc, context.color_primaries, context.colorspace = transfer, BT2020, BT2020
        frame = av.VideoFrame.from_ndarray(encode_hdr(sdr, transfer), format="rgb48le").reformat(
            format="yuv420p10le", dst_colorspace=BT2020
        )
        for number in range(3):
            frame.pts = number
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    mapped, _ = read(path)
    plain, _ = read(path, tone_map=False)
    # Diffuse white lands at 0.8, so that highlights have room: colours scale by that.
    expected = 0.8 * painter.COLOURS
    # A strong blue is where the cheap gamut matrix is least exact.
    np.testing.assert_allclose(painter.colours_of(mapped[0].bgr), expected, atol=20)
    assert np.abs(painter.colours_of(plain[0].bgr) - expected).max() > 30


def test_size_changes_in_mid_stream(film: Any, painter: Any, tmp_path: Path) -> None:
    small = film("small.ts", frames=12)
    large = film("large.ts", frames=12, size=(320, 192))
    path = tmp_path / "both.ts"
    path.write_bytes(small.read_bytes() + large.read_bytes())
    frames, stats = read(path)
    assert_sound(frames)
    assert {frame.bgr.shape for frame in frames} == {(96, 160, 3), (192, 320, 3)}
    assert stats.size_changes == 1
    assert painter.number_of(frames[-1].bgr) == 11


@pytest.mark.parametrize("second_start_s", [5000, 0])
def test_clock_jumps_are_mended(film: Any, tmp_path: Path, second_start_s: int) -> None:
    first = film("first.ts", frames=20)
    offset = {"output_ts_offset": str(second_start_s)}
    second = film("second.ts", frames=20, container_options=offset)
    path = tmp_path / "spliced.ts"
    path.write_bytes(first.read_bytes() + second.read_bytes())
    frames, stats = read(path)
    assert_sound(frames)
    assert len(frames) >= 39
    assert frames[-1].pts_s == pytest.approx(39 / 25, abs=0.2)
    assert stats.pts_jumps == 1


def test_clock_wraps_at_33_bits(film: Any) -> None:
    # 2^33 / 90000 s less half a second: the wrap falls into the film.
    options = {"output_ts_offset": str(95443.717 - 0.5 - 1.4)}
    frames, _ = read(film("wrap.ts", container_options=options))
    assert_sound(frames)
    assert [frame.pts_s for frame in frames] == pytest.approx([n / 25 for n in range(30)], abs=2e-3)


def test_broken_packets_in_the_middle_are_skipped(film: Any) -> None:
    def damage(pts: int, content: bytes) -> bytes:
        if 10 < pts < 14:
            return bytes(np.random.default_rng(pts).integers(0, 256, len(content), np.uint8))
        return content

    path = film("broken.ts", codec="mpeg2video", before_mux=damage)
    frames, stats = read(path)
    assert_sound(frames)
    assert 20 <= len(frames) < 30
    assert stats.corrupt_packets + stats.corrupt_frames >= 1


def test_zeros_in_the_middle_of_a_transport_stream(film: Any) -> None:
    path = film("hole.ts", size=(320, 192), frames=50)
    content = bytearray(path.read_bytes())
    third = len(content) // 3
    content[third : third + 5000] = bytes(5000)
    path.write_bytes(content)
    frames, _ = read(path)
    assert_sound(frames)
    assert 20 <= len(frames) <= 50


def test_file_cut_off_gives_what_is_there_and_warns(film: Any) -> None:
    path = film("cut.mp4", frames=250, container_options={"movflags": "faststart"})
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    frames, stats = read(path)
    assert_sound(frames)
    assert 60 < len(frames) < 240
    assert any("cut off" in warning for warning in stats.warnings)


def test_one_pixel_video(film: Any) -> None:
    frames, _ = read(film("pixel.mkv", codec="ffv1", size=(1, 1), pix_fmt="bgr0", frames=2))
    assert [frame.bgr.shape for frame in frames] == [(1, 1, 3)] * 2


def test_cover_of_a_song_is_no_video(tmp_path: Path) -> None:
    path = tmp_path / "song.m4a"
    with av.open(str(path), "w", format="mp4") as container:
        audio = container.add_stream("aac", rate=48000)
        cover = container.add_stream("mjpeg", rate=1)
        cover.width, cover.height, cover.pix_fmt = 64, 64, "yuvj420p"
        cover.disposition = av.stream.Disposition.attached_pic
        for start in range(0, 20480, 1024):
            frame = av.AudioFrame.from_ndarray(
                np.zeros((2, 1024), np.float32), format="fltp", layout="stereo"
            )
            frame.sample_rate, frame.pts = 48000, start
            container.mux(audio.encode(frame))
        picture = av.VideoFrame.from_ndarray(np.zeros((64, 64, 3), np.uint8), format="bgr24")
        container.mux(cover.encode(picture))
        container.mux(cover.encode(None))
    with pytest.raises(SourceError, match="no picture in it"):
        open_source(str(path))


def empty_mp4() -> bytes:
    """Return an MP4 with a video stream and not one frame."""
    file = io.BytesIO()
    with av.open(file, "w", format="mp4", options={"movflags": "empty_moov"}) as container:
        stream = container.add_stream("mpeg4", rate=25)
        stream.width, stream.height, stream.pix_fmt = 64, 64, "yuv420p"
        container.start_encoding()
    return file.getvalue()


@pytest.mark.parametrize(
    ("name", "content", "found"),
    [
        ("text.mp4", b"this is no film\n" * 50, "a text file"),
        ("utf8.mkv", "电视雷达\n".encode() * 400, "a text file"),
        ("random.mp4", np.random.default_rng(1).bytes(5000), "no video that FFmpeg can read"),
        ("empty.mp4", b"", "an empty file"),
        ("frameless.mp4", empty_mp4(), "no frames"),
    ],
)
def test_what_is_no_video_is_named(tmp_path: Path, name: str, content: bytes, found: str) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(SourceError, match=found) as caught:
        read(path)
    assert caught.value.exit_code == 2
    assert str(path) in str(caught.value)


def test_mp4_without_index(film: Any) -> None:
    path = film("no_index.mp4")
    content = path.read_bytes()
    path.write_bytes(content[: content.index(b"moov") - 4])
    with pytest.raises(SourceError, match="without its whole index"):
        open_source(str(path))
    early = film("early.mp4", container_options={"movflags": "+faststart"})
    content = early.read_bytes()
    for more in range(100, 800, 100):
        early.write_bytes(content[: content.index(b"moov") + more])
        with pytest.raises(SourceError) as caught:
            read(early)
        assert "give it as a file" not in str(caught.value)  # it is one


def test_sound_only(film: Any, tmp_path: Path) -> None:
    both, only = film("both.mp4", sound=True), tmp_path / "only.m4a"
    with av.open(str(both)) as source, av.open(str(only), "w", format="mp4") as target:
        stream = target.add_stream_from_template(source.streams.audio[0])
        for packet in source.demux(audio=0):
            if packet.dts is not None:
                packet.stream = stream
                target.mux(packet)
    with pytest.raises(SourceError, match="no picture in it, only audio"):
        open_source(str(only))


def test_missing_file(tmp_path: Path) -> None:
    with pytest.raises(SourceMissingError, match="no such file") as caught:
        open_source(str(tmp_path / "no.mp4"))
    assert caught.value.exit_code == 2


def test_seeking_lands_at_or_before(film: Any, painter: Any) -> None:
    with open_source(str(film("seek.mp4", frames=100))) as source:
        frames = iter(source)
        next(frames)
        source.seek(2.5)
        after = next(frames)
        assert 2.0 <= after.pts_s <= 2.5
        assert painter.number_of(after.bgr) == round(after.pts_s * 25)
        source.seek(0.0)
        assert next(frames).pts_s == 0.0


def test_real_clip(data_dir: Path) -> None:
    with open_source(str(data_dir / "concert" / "clip.mp4")) as source:
        assert (source.live, source.still, source.can_seek) == (False, False, True)
        assert source.size == (640, 360)
        assert source.frame_count == 275
        assert source.fps == pytest.approx(29.97, abs=0.01)
        frames = [(frame.pts_s, frame.index, frame.bgr.shape) for frame in source]
    assert len(frames) == 275
    steps = np.diff([pts_s for pts_s, _, _ in frames])
    assert steps == pytest.approx(100 / 2997, abs=1e-3)
