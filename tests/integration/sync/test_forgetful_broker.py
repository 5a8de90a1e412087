"""A broker without persistence is restarted: the next publish gives it everything again."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

import numpy as np
import pytest

from edge.testbed.local_cloud import PLACES, Channel, LocalBroker, Updater
from gallery.errors import GalleryError
from gallery.store.person import Person
from gallery.store.store import create_gallery
from tests.polling import until

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.skipif(not shutil.which("mosquitto", path=PLACES), reason="needs mosquitto")
def test_publishing_again_mends_what_the_broker_forgot(tmp_path: Path) -> None:
    people = [Person("x", {"en": "X"})]
    create_gallery(tmp_path / "g", people, np.eye(1, 128, dtype=np.float32), np.zeros(1, int), "m")
    broker = LocalBroker(tmp_path / "broker")
    channel = Channel(tmp_path / "cloud", broker)
    channel.sign(tmp_path / "g", probation_s=0)
    channel.send()
    broker.restart()

    def sent() -> bool:
        try:
            return channel.send() > 0
        except GalleryError:  # the publisher's own connection is not back yet
            return False

    until(sent)
    updater = Updater(channel, tmp_path / "device", lambda *_: None)
    try:
        updater.await_gallery()
    finally:
        updater.close()
        channel.close()
        broker.close()
