"""Every command in the README and in docs/ is run, word for word, in a folder that has their files.

Blocks marked `sh` are run. Indented blocks show forms, and the `make` targets that CI itself runs.
Those of docs/start.md that want a channel or a grabber are run with another source in its place.
The service has a free port: what runs on this machine already keeps the usual one.
"""

import functools
import http.server
import os
import re
import shlex
import shutil
import socket
import subprocess
import sys
import sysconfig
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import av
import cv2
import numpy as np
import pytest

from edge.output.annotate import make_plate
from edge.video.open import open_source
from tests.free import SECOND, STAR, Free
from tests.integration.conftest import TVRADAR, shorten, tvradar

ROOT = Path(__file__).resolve().parents[2]
BLOCK = re.compile(r"^```sh\n(.*?)^```", re.MULTILINE | re.DOTALL)
PAGES = [
    p
    for p in [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
    if BLOCK.search(p.read_text())
]
WAIT = """python3 - <<"E"
import time, urllib.request
for _ in range(150):
    try:
        urllib.request.urlopen("{url}/readyz", timeout=1)
        break
    except OSError:
        time.sleep(0.2)
E"""
COMMAND = """#!/bin/sh
case $1 in
run) exec {tvradar} "$@" --port {port} ;;
press) exec {tvradar} "$@" --url {url} ;;
*) exec {tvradar} "$@" ;;
esac
"""


GRABBER = "v4l2:///dev/video0"


@pytest.mark.parametrize("page", PAGES, ids=lambda p: p.name)
def test_commands(page: Path, free: Free, tmp_path: Path) -> None:
    shutil.copytree(free.people / STAR, tmp_path / "people" / "lin")
    shutil.copytree(free.people / SECOND, tmp_path / "people" / "obama")
    shutil.copy(free.portrait, tmp_path / "face.jpg")
    rows = (f"{p.parent.name},{p.relative_to(tmp_path)}\n" for p in tmp_path.glob("people/*/*.*"))
    (tmp_path / "people.csv").write_text("id,picture\n" + "".join(rows))
    shorten(free.clip, tmp_path / "film.mp4", frames=180)
    write_films(tmp_path, free)
    lines = [line for block in BLOCK.findall(page.read_text()) for line in block.splitlines()]
    run(tmp_path, lines)


def write_films(folder: Path, free: Free) -> None:
    """Write `films`, as Kodi exports them."""
    film = folder / "films" / "A Film"
    (film / ".actors").mkdir(parents=True)
    shutil.copy(folder / "film.mp4", film / "film.mkv")
    shutil.copy(free.person(STAR), film / ".actors" / "Barack_Obama.jpg")
    actor = "<actor><name>Barack Obama</name></actor>"
    (film / "film.nfo").write_text(f"<movie><title>A Film</title>{actor}</movie>")


def run(folder: Path, lines: list[str], **env: str) -> str:
    """Run lines of a shell; after one that stays, wait for the service. Return what they print."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    url = f"http://127.0.0.1:{port}"
    command = folder / "bin" / "tvradar"
    command.parent.mkdir()
    command.write_text(COMMAND.format(tvradar=shlex.quote(str(TVRADAR)), port=port, url=url))
    command.chmod(0o755)
    script = ["set -e", "trap 'kill $(jobs -p) 2>/dev/null || true' EXIT"]
    for line in lines:
        script += [line, WAIT.replace("{url}", url)] if line.endswith("&") else [line]
    path = f"{command.parent}:{TVRADAR.parent}:{os.environ['PATH']}"
    done = subprocess.run(
        ["bash", "-c", "\n".join(script)],
        cwd=folder,
        env={**os.environ, "PATH": path, **env},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    assert "Traceback" not in done.stderr
    return done.stdout


def way(heading: str) -> list[str]:
    """Return the commands of one way to begin, those that stay sent to the background."""
    text = (ROOT / "docs" / "start.md").read_text().partition(f"## {heading}\n")[2]
    lines = re.findall(r"(?m)^ {4}(.+)$", text.partition("\n## ")[0])
    assert [line.split()[1] for line in lines[-3:]] == ["library", "run", "press"]
    assert lines[-1] == "tvradar press"
    return [*lines[:-2], lines[-2] + " &"]


PRESSED = "for _ in 1 2 3 4 5 6 7 8; do tvradar press | tee said; grep -q Obama said && break; done"


@contextmanager
def channel(folder: Path, film: Path) -> Iterator[str]:
    """Serve a film as HLS; give its address."""
    folder.mkdir()
    with av.open(str(film)) as source, av.open(str(folder / "channel.m3u8"), "w", "hls") as target:
        stream = target.add_stream_from_template(source.streams.video[0])
        for packet in source.demux(video=0):
            if packet.dts is not None:
                packet.stream = stream
                target.mux(packet)
    handler = functools.partial(http.server.SimpleHTTPRequestHandler, directory=folder)
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}/channel.m3u8"
        server.shutdown()
        thread.join()


def test_a_live_channel(free: Free, tmp_path: Path) -> None:
    shutil.copy(free.clip, tmp_path / "film.mp4")
    write_films(tmp_path, free)
    lines = way("A live channel")
    with channel(tmp_path / "hls", free.clip) as address:
        assert sum("https://example.org/channel.m3u8" in line for line in lines) == 1
        lines = [line.replace("https://example.org/channel.m3u8", address) for line in lines]
        assert "Barack Obama" in run(tmp_path, [*lines, PRESSED])


@pytest.fixture
def display() -> Iterator[str]:
    """Run an X server of the film's size, without a screen; give its name."""
    if shutil.which("Xvfb") is None:
        pytest.skip("no X server to show pictures on: apt-get install xvfb")
    if not list(Path("/usr/lib").glob("*/gstreamer-1.0/libgstximagesink.so")):
        pytest.skip("GStreamer cannot show pictures in X: apt-get install gstreamer1.0-x")
    read, write = os.pipe()
    command = ["Xvfb", "-displayfd", str(write), "-screen", "0", "640x360x24", "-noreset"]
    with subprocess.Popen(command, pass_fds=(write,), stderr=subprocess.DEVNULL) as process:
        os.close(write)
        with os.fdopen(read) as number:
            yield f":{number.readline().strip()}"
        process.terminate()


def test_an_hdmi_grabber(free: Free, tmp_path: Path, display: str) -> None:
    """What a film in the grabber's place shows on the screen; the binding is linked as told."""
    binding = f"_gi{sysconfig.get_config_var('EXT_SUFFIX')}"
    if not Path("/usr/lib/python3/dist-packages/gi", binding).exists():
        pytest.skip("no PyGObject for this Python: apt-get install python3-gi")
    shutil.copy(free.clip, tmp_path / "film.mp4")
    write_films(tmp_path, free)
    packages = tmp_path / ".venv" / "lib" / f"python3.{sys.version_info[1]}" / "site-packages"
    packages.mkdir(parents=True)
    install, *lines = way("An HDMI grabber")
    assert install.startswith("sudo apt-get install python3-gi ")  # by tools/system_packages.sh
    assert sum(GRABBER in line for line in lines) == 1
    lines = [line.replace(GRABBER, "film.mp4") for line in lines]
    env = {"DISPLAY": display, "PYTHONPATH": str(packages), "WAYLAND_DISPLAY": ""}
    seen, over = [0.0], threading.Event()
    looking = threading.Thread(target=look_for_name, args=(display, seen, over))
    looking.start()
    try:
        assert "Barack Obama" in run(tmp_path, [*lines, PRESSED], **env)
    finally:
        over.set()
        looking.join()
    assert max(seen) > 0.8, "no name over the picture on the screen"


def look_for_name(display: str, seen: list[float], over: threading.Event) -> None:
    """Look at a screen until it is over, and keep how much a place is like the name's plate."""
    plate = make_plate("Barack Obama", "named", 1)
    bgr, alpha = (plate[..., :3] * 255).astype(np.uint8), (plate[..., 3] > 0.5).astype(np.uint8)
    with open_source(f"screen:{display}") as source:
        for frame in source:
            found = cv2.matchTemplate(frame.bgr, bgr, cv2.TM_CCORR_NORMED, mask=alpha)
            seen.append(float(found[np.isfinite(found)].max(initial=0)))
            if over.wait(0.1):
                return


def test_a_grabber_that_is_not_there(few: Path) -> None:
    if Path("/dev/video0").exists():
        pytest.skip("there is a device")
    command = [str(TVRADAR), "run", "--source", GRABBER, "--gallery", str(few), "--port", "0"]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr
        said = next(line for line in process.stderr if "/dev/video0" in line)
        process.terminate()
    assert "no such device; plug it in" in said
    devices = {f["subject"]: f for f in tvradar("doctor", "--json").json["findings"]}
    assert "plug in an HDMI grabber" in devices["video devices"]["remedy"]


def test_links_lead_somewhere() -> None:
    for page in [ROOT / "README.md", *(ROOT / "docs").rglob("*.md")]:
        for target in re.findall(r"\]\((?!https?://)([^)#]+)", page.read_text()):
            assert (page.parent / target).exists(), f"{page}: {target}"
