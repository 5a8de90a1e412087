"""The demonstration's button: a release goes from the publisher to a name on the screen."""

from __future__ import annotations

import shutil
import time
from pathlib import Path
from typing import TYPE_CHECKING

import httpx
import numpy as np
import pytest

from edge.demo.stranger import shot_of_stranger
from edge.errors import EdgeError
from edge.testbed.local_cloud import PLACES, Channel, Child, Updater
from gallery.store import store
from gallery.store.person import Person
from tests.integration.demo_process import demo
from tests.polling import until

if TYPE_CHECKING:
    from gallery.channel.status import Status

MAX_NAMED_S = 10.0
"""About a second on a machine of its own; this only proves that nothing is waited for."""


@pytest.mark.skipif(not shutil.which("mosquitto", path=PLACES), reason="needs mosquitto")
def test_a_stranger_gets_a_name_from_a_release_without_a_restart() -> None:
    with demo() as url, httpx.Client(base_url=url) as client:
        state = client.get("/api/demo").json()
        assert state["state"] == "ready"
        assert "mosquitto at 127.0.0.1:" in state["broker"]
        until(lambda: client.get("/readyz").status_code == 200)
        assert client.get("/api/status").json()["release"] == 1
        assert client.get("/api/people/grace_hopper").status_code == 404

        assert client.post("/api/demo/publish").status_code == 200
        assert client.post("/api/demo/publish").status_code == 409  # once
        state = until(
            lambda: (s := client.get("/api/demo").json())["state"] in {"done", "failed"} and s, 60
        )
        assert state["state"] == "done", state
        order = [event["what"] for event in state["events"]]
        expected = "enrolled unnamed signed published verified fetched installed named"
        # The device may be faster than the broker's word that all is kept.
        assert sorted(order) == sorted(expected.split())
        steps = [what for what in order if what != "published"]
        assert steps == [what for what in expected.split() if what != "published"]
        named_s = next(e["s"] for e in state["events"] if e["what"] == "named")
        assert named_s < MAX_NAMED_S
        assert client.get("/api/status").json()["release"] == 2
        assert client.get("/api/people/grace_hopper").json()["names"]["en"] == "Grace Hopper"


def make_gallery(folder: Path, seed: int) -> Path:
    rng = np.random.default_rng(seed)
    vectors = rng.standard_normal((20, 128)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    people = [Person(f"p{seed}-{i}", {"en": f"Person {i}"}) for i in range(20)]
    store.create_gallery(folder, people, vectors, np.arange(20, dtype=np.int32), "sface-2021dec")
    return folder


def test_without_a_broker_the_updater_sees_a_new_release_in_the_folder(tmp_path: Path) -> None:
    told: list[Status] = []
    channel = Channel(tmp_path, None)
    channel.sign(make_gallery(tmp_path / "one", 1), number=1, probation_s=0)
    channel.send()
    updater = Updater(channel, tmp_path / "device", lambda status, _heard_s: told.append(status))
    try:
        updater.await_gallery()
        channel.sign(make_gallery(tmp_path / "two", 2), number=2, probation_s=0)
        began = time.monotonic()
        channel.send()
        until(lambda: store.current_release(updater.gallery)[0].number == 2)
        assert time.monotonic() - began < 10  # and not the hour of a poll
        until(lambda: told and told[-1].release == 2)
        status = Path(f"/proc/{updater.child.process.pid}/stat").read_text()
        assert int(status.rpartition(")")[2].split()[16]) == 10  # it gives way: see proc(5), nice
    finally:
        updater.close()
        channel.close()
    assert {s.phase for s in told} >= {"fetch", "stage"}
    assert not store.verify(updater.gallery)


def test_a_child_that_ends_tells_why() -> None:
    child = Child(["sh", "-c", "echo no such thing >&2; exit 4"])
    child.process.wait(5)
    with pytest.raises(EdgeError, match=r"ended with 4.*no such thing"):
        child.check()
    child.close()


def test_a_film_without_the_stranger_is_refused() -> None:
    truth = (
        b'{"note":"","fps":25,"width":1,"height":1,"frames":1,"people":[],"shots":[],"faces":[]}'
    )
    with pytest.raises(EdgeError, match="no shot of grace_hopper"):
        shot_of_stranger(truth)
