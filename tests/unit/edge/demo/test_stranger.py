"""The panel of the demonstration tells what happened in the order in which it did."""

import time
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace

from edge.demo.stranger import STRANGER, StrangerShow
from edge.recognise.scene import Face, Scene
from gallery.channel.status import Status
from tests.polling import until

RELEASE = 2


@dataclass
class Screen:
    """A device that names the stranger from the moment at which it is told to."""

    named: bool = False
    frames: int = field(default=0)

    def latest(self) -> Scene:
        self.frames += 1
        name = STRANGER if self.named else None
        face = Face(1, (0.0, 0.0, 9.0, 9.0), name, 0.4, None if name else "below_threshold", ())
        return Scene(0.5, self.frames, 64, 48, 0, (face,), RELEASE)

    def position_s(self, pts_s: float) -> float:
        return pts_s

    def seek(self, to_s: float) -> None:
        """Every place is the stranger's shot."""


class Publisher:
    def sign(self, _gallery: Path, **_options: float) -> SimpleNamespace:
        return SimpleNamespace(release=RELEASE)

    def send(self) -> int:
        return 1024


def test_a_name_is_told_after_the_release_that_brought_it() -> None:
    screen = Screen()
    show = StrangerShow(
        Publisher(),  # type: ignore[arg-type]
        Path("gallery"),
        lambda: None,
        "Grace Hopper",
        screen,
        (0.0, 1.0),
        "",
    )
    assert show.press()
    until(lambda: any(e.what == "published" for e in show.state.events))
    screen.named = True  # on the screen, and the updater has not said a word yet
    time.sleep(0.1)
    show.hear(Status("tv", wanted=RELEASE, release=RELEASE), time.monotonic())
    until(lambda: show.state.state == "done")
    assert [e.what for e in show.state.events][-2:] == ["installed", "named"]
    installed, named = show.state.events[-2:]
    assert installed.s <= named.s < installed.s + 0.1
