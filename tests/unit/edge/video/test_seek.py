"""Going to another place in a file while it plays."""

from itertools import pairwise
from pathlib import Path

import av
import numpy as np
import pytest

from edge.device.player import Player
from edge.errors import SourceError
from edge.video.reader import Reader

FPS = 25
FRAMES = 200


@pytest.fixture(scope="module")
def film(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return eight seconds: brightness is the frame number; a key frame every two seconds."""
    path = tmp_path_factory.mktemp("film") / "film.mp4"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=FPS)
        stream.width, stream.height, stream.pix_fmt = 64, 64, "yuv420p"
        stream.options = {"crf": "4", "g": "50", "keyint_min": "50", "sc_threshold": "0"}
        for n in range(FRAMES):
            bgr = np.full((64, 64, 3), 20 + n, np.uint8)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(bgr, format="bgr24")))
        container.mux(stream.encode(None))
    return path


@pytest.mark.parametrize("to_s", [5.2, 3.0, 0.2, 0.0])
def test_the_picture_is_the_one_that_was_asked_for(film: Path, to_s: float) -> None:
    with Reader(str(film), paced=True) as reader:
        player = Player(reader)
        first_frame = reader.get(5)
        assert first_frame is not None
        black = float(first_frame.bgr.mean())  # what the codec makes of number 0
        for _ in range(11):
            frame = reader.get(5)
            assert frame is not None
        assert player.why_not == ""
        assert player.duration_s == pytest.approx(8.0)
        player.seek(to_s)
        frames = [frame]
        for _ in range(20):
            found = reader.get(5)
            assert found is not None
            frames.append(found)
            place = player.position_s(found.pts_s)
            assert place is not None
            # whatever the clock says, the picture is the one of its place
            assert abs(float(found.bgr.mean()) - black - place * FPS) < 2.5
        places = [player.position_s(f.pts_s) or 0.0 for f in frames]
        first = next(i for i in range(1, 21) if abs(places[i] - places[i - 1]) > 0.1)
        assert first <= 6  # what was decoded already may still be shown
        assert to_s - 0.002 <= places[first] <= to_s + 0.1
        assert all(a.pts_s < b.pts_s for a, b in pairwise(frames))


def test_a_place_past_the_end_ends_the_film(film: Path) -> None:
    with Reader(str(film), paced=True) as reader:
        assert reader.get(5) is not None
        reader.seek(FRAMES / FPS - 0.001)
        assert sum(1 for _ in reader.frames()) < 30


def test_a_source_that_is_not_open_refuses(film: Path) -> None:
    reader = Reader(str(film), paced=True)
    assert not reader.can_seek
    with pytest.raises(SourceError):
        reader.seek(1.0)
