"""SRT: PyAV's wheels have none, so GStreamer reads it; its sender is GStreamer's too."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from edge.errors import BackendMissingError, SourceLostError
from edge.video.open import open_source
from edge.video.source import SourceOptions

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.usefixtures("gstreamer")
ROOT = Path(__file__).resolve().parents[3]
READ = """
import json, sys
from edge.video.open import open_source
from tests.integration.video.conftest import number_of
with open_source(sys.argv[1]) as source:
    numbers = [number_of(frame.bgr) for frame, _ in zip(source, range(30))]
    print(json.dumps({"live": source.live, "size": source.size, "numbers": numbers}))
"""


@pytest.fixture
def address(stream_film: Path, network: Any) -> Iterator[str]:
    """Send a film to whoever calls this address."""
    from edge.video.sources.gstreamer import load_gst

    gst = load_gst("test")
    if gst.ElementFactory.find("srtsink") is None:
        pytest.skip("GStreamer has no SRT: apt-get install gstreamer1.0-plugins-bad")
    uri = f"srt://127.0.0.1:{network.free_port()}"
    pipeline = gst.parse_launch(
        f"filesrc location={stream_film} ! qtdemux ! h264parse config-interval=-1 ! mpegtsmux ! "
        f"srtsink uri={uri}?mode=listener wait-for-connection=true sync=true"
    )
    pipeline.set_state(gst.State.PLAYING)
    yield uri
    pipeline.set_state(gst.State.NULL)


def test_the_pictures_come_and_the_process_ends_well(address: str, tmp_path: Path) -> None:
    import gi

    # A process of its own: closing ended it with a segmentation fault, see `_let_cpp_throw`.
    (tmp_path / "gi").symlink_to(Path(gi.__file__).parent)
    env = {**os.environ, "PYTHONPATH": f"{tmp_path}:{ROOT}"}
    done = subprocess.run(
        [sys.executable, "-c", READ, address],
        env=env,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert (found["live"], found["size"]) == (True, [160, 96])
    numbers = found["numbers"]
    assert len(set(numbers)) == 30
    assert numbers == sorted(numbers)  # with gaps: a busy machine takes the newest


def test_nobody_sends(network: Any) -> None:
    uri = f"srt://127.0.0.1:{network.free_port()}"
    with pytest.raises(SourceLostError):
        open_source(uri, options=SourceOptions(open_timeout_s=1.0))


def test_a_pyav_without_it_says_so() -> None:
    options = SourceOptions(backend="pyav", open_timeout_s=1.0)
    with pytest.raises((BackendMissingError, SourceLostError)) as found:
        open_source("srt://127.0.0.1:1", options=options)
    if isinstance(found.value, SourceLostError):
        pytest.skip("this PyAV has SRT")
    assert found.value.exit_code == 3
    assert "no srt://" in str(found.value)
    assert 'backend = "gstreamer"' in str(found.value)
