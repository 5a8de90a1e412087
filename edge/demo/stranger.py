"""The stranger of the programme: somebody on screen without a name, until a release brings it.

What the button does is what the cloud does: enrol a person into the publisher's gallery, sign the
next release, send it to the broker. The device's updater fetches and verifies it, and the running
recogniser takes it up. `StrangerShow` only notes when each of these was seen to happen.
"""

from __future__ import annotations

import logging
import math
import shutil
import threading
import time
from typing import TYPE_CHECKING, Protocol

import msgspec

from edge.demo.film import Truth
from edge.demo.portraits import fetch_portraits
from edge.demo.programme import STRANGER, STRANGER_PORTRAIT
from edge.errors import EdgeError, SourceError
from gallery.errors import GalleryError
from gallery.threads import Worker

if TYPE_CHECKING:
    from collections.abc import Callable
    from importlib.resources.abc import Traversable
    from pathlib import Path

    from edge.recognise.scene import Scene
    from edge.testbed.local_cloud import Channel
    from gallery.channel.status import Status

log = logging.getLogger(__name__)

ON_SCREEN_S = 20.0
NAMED_S = 30.0
WORD_S = 5.0
"""So long the updater's word may take after the picture shows the name."""
LOOK_S = 0.01
PROBATION_S = 10


class Stage(Protocol):
    """The running device, as far as the show looks at it."""

    def latest(self) -> Scene | None:
        """Return the newest scene."""

    def position_s(self, pts_s: float) -> float | None:
        """Return the place in the film."""

    def seek(self, to_s: float) -> None:
        """Go to a place in the film; `SourceError` when it cannot."""


class Event(msgspec.Struct, frozen=True):
    """Something that happened, `s` seconds after the publisher began to sign; before it: negative.

    Attributes:
        what: enrolled, unnamed, signed, published, verified, fetched, installed, named.
        detail: for the reader.
    """

    what: str
    s: float
    detail: str = ""


class ShowState(msgspec.Struct, frozen=True):
    """What the panel shows.

    Attributes:
        name: of the stranger.
        broker: how releases come to this device.
        state: ready, busy, done or failed.
        error: why it failed.
    """

    name: str
    broker: str
    state: str = "ready"
    error: str = ""
    events: tuple[Event, ...] = ()


def write_stranger(folder: Path, photographs: Path, text: Traversable) -> None:
    """Make a PEOPLE_DIR of the stranger alone.

    Raises:
        DemoError: the photograph is not here and cannot be downloaded.
    """
    portrait = fetch_portraits(photographs)[STRANGER_PORTRAIT]
    place = folder / STRANGER
    place.mkdir(parents=True)
    shutil.copyfile(portrait, place / f"portrait{portrait.suffix}")
    (place / "person.toml").write_bytes(text.read_bytes())


def shot_of_stranger(truth: bytes) -> tuple[float, float]:
    """Return begin and end in seconds of the shot in which the stranger is alone."""
    for shot in msgspec.json.decode(truth, type=Truth).shots:
        if shot.strangers == (STRANGER,) and not shot.people:
            return shot.start_s, shot.end_s
    raise EdgeError(f"the programme has no shot of {STRANGER} alone")


class StrangerShow:
    """Publishes the stranger once, on a press, and notes what happened when.

    Args:
        channel: the publisher's.
        gallery: the publisher's gallery.
        enrol: adds the stranger to it.
        name: of the stranger, for the page.
        stage: the running device.
        shot: from `shot_of_stranger`.
        broker: see `ShowState`.
    """

    def __init__(
        self,
        channel: Channel,
        gallery: Path,
        enrol: Callable[[], None],
        name: str,
        stage: Stage,
        shot: tuple[float, float],
        broker: str,
    ) -> None:
        self._channel, self._gallery, self._enrol = channel, gallery, enrol
        self._stage, self._shot = stage, shot
        self._lock = threading.RLock()
        self.state = ShowState(name, broker)
        self._begun_s, self._named_s = 0.0, math.inf
        self._release = 0

    def press(self) -> bool:
        """Start the show, in a thread of its own; false if it has been started."""
        with self._lock:
            if self.state.state != "ready":
                return False
            self._change(state="busy")
        Worker("stranger", self._run, restarts=0, give_up=lambda _: None).start()
        return True

    def hear(self, status: Status, heard_s: float) -> None:
        """Take a status of the updater; any thread may call it."""
        if not self._release or status.wanted != self._release:
            return
        if status.error:
            self._note("refused", heard_s, status.error)
        elif status.phase == "fetch":
            self._note("verified", heard_s, "signatures and versions, by python-tuf")
        elif status.phase == "stage":
            self._note("fetched", heard_s, "every chunk has the hash that was signed")
        elif status.release == self._release:
            # The picture may show the name before the updater's word comes.
            at_s = min(heard_s, self._named_s)
            self._note("installed", at_s, f"release {status.release} is in use")

    def _run(self) -> None:
        try:
            self._show()
        except (EdgeError, GalleryError) as error:
            log.warning("the stranger was not published: %s", error)
            self._change(state="failed", error=str(error))
        except Exception as error:  # the top of a thread: the page tells it
            log.exception("the stranger was not published")
            self._change(state="failed", error=repr(error))

    def _show(self) -> None:
        began_s = time.monotonic()
        self._enrol()
        enrolled_s = time.monotonic()
        self._await_unnamed()
        unnamed_s = time.monotonic()
        self._begun_s = time.monotonic()
        self._note("enrolled", enrolled_s, f"in {enrolled_s - began_s:.1f} s, at the publisher")
        self._note("unnamed", unnamed_s, "on screen, and the device does not know who it is")
        manifest = self._channel.sign(self._gallery, probation_s=PROBATION_S)
        self._release = manifest.release
        self._note("signed", time.monotonic(), f"release {manifest.release}")
        sent = self._channel.send()
        self._note("published", time.monotonic(), f"{sent / 1024:.1f} KiB sent")
        scene = self._await(lambda scene: any(f.id == STRANGER for f in scene.faces), NAMED_S)
        if scene is None:
            raise EdgeError(f"nobody was named within {NAMED_S:.0f} s")
        self._named_s = time.monotonic()
        self._await_word("installed")
        self._note("named", self._named_s, "by the running recogniser")
        self._change(state="done")

    def _await_word(self, what: str) -> None:
        deadline_s = time.monotonic() + WORD_S
        while time.monotonic() < deadline_s and all(e.what != what for e in self.state.events):
            time.sleep(LOOK_S)

    def _await_unnamed(self) -> None:
        """Bring the stranger on screen: an unnamed face in the shot that shows nobody else."""
        try:
            self._stage.seek(self._shot[0] + 0.2)
        except SourceError as error:
            log.info("the film cannot be moved (%s); waiting for the shot", error)
        newest = self._stage.latest()
        before = newest.index if newest else -1

        def alone(scene: Scene) -> bool:
            if scene.index == before or len(scene.faces) != 1:
                return False
            at_s = self._stage.position_s(scene.pts_s)
            (face,) = scene.faces
            within = at_s is not None and self._shot[0] <= at_s < self._shot[1]
            return within and face.id is None and face.score != 0  # it has been compared

        if self._await(alone, ON_SCREEN_S) is None:
            raise EdgeError(f"the stranger was not on screen within {ON_SCREEN_S:.0f} s")

    def _await(self, wanted: Callable[[Scene], bool], seconds: float) -> Scene | None:
        deadline_s = time.monotonic() + seconds
        while time.monotonic() < deadline_s:
            scene = self._stage.latest()
            if scene is not None and wanted(scene):
                return scene
            time.sleep(LOOK_S)
        return None

    def _note(self, what: str, at_s: float, detail: str) -> None:
        with self._lock:
            if any(event.what == what for event in self.state.events):
                return
            event = Event(what, round(at_s - self._begun_s, 3) + 0.0, detail)  # no -0.0
            events = tuple(sorted((*self.state.events, event), key=lambda e: e.s))
            self._change(events=events)

    def _change(self, **changes: object) -> None:
        with self._lock:
            self.state = msgspec.structs.replace(self.state, **changes)
