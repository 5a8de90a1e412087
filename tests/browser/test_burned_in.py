"""The burned-in file plays in Chromium, and its names are seen there, Latin and Chinese."""

import re
import shutil
from pathlib import Path

import av
import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from playwright.sync_api import Browser

from edge.output.annotate import blend, make_plate
from edge.output.file import VideoWriter
from tests.integration.conftest import tvradar
from tests.integration.demo_process import material

pytestmark = pytest.mark.browser
LATIN, CHINESE = "Barack Obama", "乔·拜登"
OTHERS = ("Eileen Collins", "Grace Hopper", "爱·因斯", "Barbara Oates")
FIRST_S, SECONDS = 28.0, 3.0
"""A part of the demonstration in which both are seen."""

Picture = NDArray[np.uint8]


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return three seconds of the demonstration's programme."""
    path = tmp_path_factory.mktemp("clip") / "clip.mp4"
    with av.open(str(material().video_path)) as film, VideoWriter(path) as writer:
        for frame in film.decode(video=0):
            assert frame.time is not None
            if frame.time >= FIRST_S + SECONDS:
                break
            if frame.time >= FIRST_S:
                writer.write(frame.to_ndarray(format="bgr24"), frame.time - FIRST_S)
    return path


@pytest.fixture(scope="module")
def burned_in(clip: Path) -> Path:
    """Return what `tvradar run --output` makes of it, where one person has a Chinese name only."""
    folder = clip.parent
    people = folder / "people"
    shutil.copytree(material().people_dir, people)
    biden = next(p for p in people.iterdir() if "biden" in p.name.lower()) / "person.toml"
    text = re.sub(r'(?m)^en = "Joe Biden"\n', "", biden.read_text(encoding="utf-8"))
    text = re.sub(r'en = "Joe Biden", ', "", text)
    assert "Joe Biden" not in text
    biden.write_text(text, encoding="utf-8")
    gallery, made = folder / "gallery", folder / "names.mp4"
    assert tvradar("gallery", "enrol", people, "-o", gallery).code == 0
    ran = tvradar(
        *("run", "--source", clip, "--gallery", gallery, "--output", made, "--port", 0),
        *("--precision", "fp32"),
    )
    assert ran.code == 0, ran.err
    return made


def played(browser: Browser, path: Path, at_s: float) -> Picture:
    """Play a file and return what the browser shows then, uint8 (height, width, 3) BGR."""
    page = browser.new_page(viewport={"width": 1280, "height": 720})
    html = path.with_suffix(".html")
    html.write_text(f'<style>*{{margin:0}}</style><video src="{path.name}" muted></video>')
    page.goto(html.as_uri())
    kind = "video/mp4; codecs=avc1.640028"
    if not page.evaluate("k => document.createElement('video').canPlayType(k)", kind):
        pytest.skip("this Chromium was built without H.264")
    page.evaluate(
        """at => new Promise((done, fail) => {
          const video = document.querySelector("video");
          video.onerror = () => fail(video.error.message);
          video.ontimeupdate = () => {
            if (video.currentTime < at) { return; }
            video.pause();
            setTimeout(done, 200);
          };
          video.play().catch(fail);
        })""",
        at_s,
    )
    size = page.evaluate("(v => [v.videoWidth, v.videoHeight])(document.querySelector('video'))")
    shot = page.locator("video").screenshot()
    page.close()
    picture = cv2.imdecode(np.frombuffer(shot, np.uint8), cv2.IMREAD_COLOR)
    assert picture is not None
    assert [picture.shape[1], picture.shape[0]] == size
    return np.asarray(picture, np.uint8)


def likeness(picture: Picture, name: str) -> float:
    """Return how much the most similar place is like this name's plate: 1 is the same."""
    plate = make_plate(name, "named", max(1, round(picture.shape[0] / 360)))
    drawn = np.full((*plate.shape[:2], 3), 128, np.uint8)
    blend(drawn, plate, 0, 0)
    return float(cv2.matchTemplate(picture, drawn, cv2.TM_CCOEFF_NORMED).max())


def test_names_are_seen_in_the_browser(browser: Browser, clip: Path, burned_in: Path) -> None:
    shown = played(browser, burned_in, 1.5)
    plain = played(browser, clip, 1.5)
    for name in (LATIN, CHINESE):
        here = likeness(shown, name)
        assert here > 0.85, name
        assert likeness(plain, name) < 0.6, "found where nothing was drawn"
        others = [likeness(shown, other) for other in OTHERS]
        assert max(others) < here - 0.1, "other names are as like what is drawn"
