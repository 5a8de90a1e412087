"""A caption or a DVB subtitle in a live stream is in the answer to a press: by face and caption."""

from __future__ import annotations

import json
import urllib.request
from typing import TYPE_CHECKING, Any

import pytest

from edge.bench.live import Sender
from edge.bench.live_film import StreamForm, compose
from edge.config import CuesConfig, RecogniseConfig, RunConfig, ServeConfig
from edge.device.app import App
from edge.recognise.load_shedding import LoadShedder
from tests.free import STAR
from tests.polling import until
from tests.unit.edge.captions import dvb

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.free import Free

pytestmark = pytest.mark.alone

STRANGER = "Sylvia Quandt"


def press(url: str) -> dict[str, Any]:
    request = urllib.request.Request(url + "api/press", b"{}", method="POST")
    with urllib.request.urlopen(request, timeout=10) as answer:
        return dict(json.load(answer))


def lower_third(free: Free, film: Path) -> None:
    compose(
        str(free.clip), film, StreamForm(640, 360, 10, "libx264", 0.6), ["Barack Obama", STRANGER]
    )


def dvb_subtitle(free: Free, film: Path) -> None:
    """The picture has no text: all that is read comes of the track of subtitles."""
    plain = film.with_suffix(".plain.mp4")
    compose(str(free.clip), plain, StreamForm(640, 360, 10, "libx264", 0.6))
    spoken = dvb.display_set(dvb.text_picture("OBAMA: Good evening"))
    dvb.over(plain, film, (1.0, spoken), (3.0, dvb.display_set(version=1)))


@pytest.mark.parametrize("told_by", [lower_third, dvb_subtitle])
def test_a_press_is_answered_by_face_and_caption(
    told_by: Callable[[Free, Path], None], free: Free, few: Path, tmp_path: Path
) -> None:
    film = tmp_path / "film.ts"
    told_by(free, film)
    sender = Sender(film)
    config = RunConfig(
        source=f"udp://127.0.0.1:{sender.port}",
        serve=ServeConfig(port=0),
        cues=CuesConfig(("text",)),
        recognise=RecogniseConfig(detect_every=2, long_side_px=320),
    )
    # text yields to faces, and this machine may be busy with other tests: its clock stands still
    app = App(config, few, shedder=LoadShedder(clock=lambda: 0.0))
    spoke: set[tuple[str, ...]] = set()
    told: set[str] = set()

    def both() -> bool:
        answer = press(app.server.url)
        people = {p["id"]: p for p in answer["people"]}
        told.update(answer["texts"])
        if STAR in people:
            spoke.add(tuple(cue["kind"] for cue in people[STAR].get("cues", ())))
        alone = ("face",) in spoke or () in spoke  # while no caption is there, by face alone
        said = told or told_by is dvb_subtitle  # a caption that names nobody is in the answer
        return bool(alone and ("face", "text") in spoke and said)

    try:
        app.start()
        until(both, 120, step_s=0.5)  # nobody presses faster
    finally:
        app.close()
        sender.close()
    assert told == ({STRANGER} if told_by is lower_third else set())
    assert app.captions is not None
    assert app.captions.readings >= 1
    said = app.reader.status.stats
    assert bool(said.subtitle_pictures) == (told_by is dvb_subtitle)
