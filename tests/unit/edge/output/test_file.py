from __future__ import annotations

from typing import TYPE_CHECKING

import av
import numpy as np
import pytest

from edge.output.file import VideoWriteError, VideoWriter, fit

if TYPE_CHECKING:
    from pathlib import Path


def frame(value: int = 100, height: int = 48, width: int = 64) -> np.ndarray:
    return np.full((height, width, 3), value, np.uint8)


def read(path: Path) -> list[tuple[float, float]]:
    with av.open(str(path)) as container:
        return [
            (f.time or 0.0, float(f.to_ndarray(format="bgr24").mean()))
            for f in container.decode(video=0)
        ]


@pytest.mark.parametrize("suffix", [".mp4", ".mkv", ".mov"])
def test_frames_keep_their_times(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"out{suffix}"
    times = [0.0, 0.04, 0.1, 0.5, 0.52, 2.0]
    with VideoWriter(path) as writer:
        for n, time_s in enumerate(times):
            writer.write(frame(30 * n + 20), time_s)
    found = read(path)
    assert [t for t, _ in found] == pytest.approx(times, abs=0.002)
    assert [v for _, v in found] == pytest.approx([30 * n + 20 for n in range(6)], abs=4)
    assert list(tmp_path.iterdir()) == [path]


def test_times_that_stand_still_are_spread(tmp_path: Path) -> None:
    path = tmp_path / "out.mp4"
    with VideoWriter(path) as writer:
        for _ in range(4):
            writer.write(frame(), 1.0)
    assert len(read(path)) == 4


def test_ctrl_c_keeps_what_was_written(tmp_path: Path) -> None:
    path = tmp_path / "out.mp4"
    with pytest.raises(KeyboardInterrupt), VideoWriter(path) as writer:  # noqa: PT012
        for n in range(5):
            writer.write(frame(), n / 25)
        raise KeyboardInterrupt
    assert len(read(path)) == 5
    assert list(tmp_path.iterdir()) == [path]


def test_an_error_leaves_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "out.mp4"
    path.write_bytes(b"old")
    with pytest.raises(ValueError, match="broken"), VideoWriter(path) as writer:  # noqa: PT012
        writer.write(frame(), 0.0)
        raise ValueError("broken")
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


def test_no_frame_gives_no_file(tmp_path: Path) -> None:
    with VideoWriter(tmp_path / "out.mp4"):
        pass
    assert not list(tmp_path.iterdir())


def test_what_cannot_be_written_is_told_before_the_work(tmp_path: Path) -> None:
    with pytest.raises(VideoWriteError, match=r"out\.avi: suffix \.avi, expected one of \.mp4"):
        VideoWriter(tmp_path / "out.avi")
    with pytest.raises(VideoWriteError, match="no folder"):
        VideoWriter(tmp_path / "none" / "out.mp4")


def test_odd_and_changing_sizes(tmp_path: Path) -> None:
    path = tmp_path / "out.mp4"
    with VideoWriter(path) as writer:
        writer.write(frame(height=47, width=63), 0.0)
        writer.write(frame(height=120, width=40), 0.04)
    with av.open(str(path)) as container:
        shapes = {(f.height, f.width) for f in container.decode(video=0)}
    assert shapes == {(48, 64)}


def test_fit_keeps_the_aspect() -> None:
    wide = fit(frame(200, 10, 40), (40, 40))
    assert wide.shape == (40, 40, 3)
    assert (wide[15:25] == 200).all()
    assert (wide[:15] == 0).all()
    assert (wide[25:] == 0).all()


def make_sound(path: Path, codec: str) -> None:
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=48_000)
        for n in range(94):  # two seconds
            samples = np.zeros((1, 1024), np.float32 if codec == "aac" else np.int16)
            kind = "fltp" if codec == "aac" else "s16"
            piece = av.AudioFrame.from_ndarray(samples, format=kind, layout="mono")
            piece.sample_rate, piece.pts = 48_000, n * 1024
            container.mux(stream.encode(piece))
        container.mux(stream.encode(None))


def sound_seconds(path: Path) -> float:
    with av.open(str(path)) as container:
        if not container.streams.audio:
            return 0.0
        return max(float(f.time or 0) for f in container.decode(audio=0))


def test_sound_is_copied_as_far_as_the_picture_reaches(tmp_path: Path) -> None:
    source, path = tmp_path / "sound.mkv", tmp_path / "out.mp4"
    make_sound(source, "aac")
    with VideoWriter(path, audio_from=source) as writer:
        for n in range(25):
            writer.write(frame(), n / 25)
    assert len(read(path)) == 25
    assert sound_seconds(path) == pytest.approx(0.96, abs=0.06)


def test_sound_that_no_mp4_holds_is_left_out_with_a_warning(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    source, path = tmp_path / "sound.wav", tmp_path / "out.mp4"
    make_sound(source, "pcm_s16le")
    with VideoWriter(path, audio_from=source) as writer:
        writer.write(frame(), 0.0)
    assert sound_seconds(path) == 0
    assert "pcm_s16le is left out" in caplog.text


def test_a_missing_sound_file_costs_only_the_sound(tmp_path: Path) -> None:
    path = tmp_path / "out.mp4"
    with VideoWriter(path, audio_from=tmp_path / "none.mp4") as writer:
        writer.write(frame(), 0.0)
    assert len(read(path)) == 1
