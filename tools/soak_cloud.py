"""What a soak's publisher does, with and without attackers."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from gallery.errors import GalleryError
from gallery.store import store, update
from gallery.store.person import Person

if TYPE_CHECKING:
    from pathlib import Path

    from edge.testbed.local_cloud import Channel


def publish_edition(gallery: Path, channel: Channel, name: str = "Edition {}") -> int:
    """Publish a gallery with one more person; return the number of the release."""
    release = store.current_release(gallery)[0]
    vector = np.random.default_rng(release.number).standard_normal((1, 128))
    vector = (vector / np.linalg.norm(vector)).astype(np.float32)
    person = Person("somebody", {"en": name.format(release.number)})
    entries = update.Entries([person], vector, np.zeros(1, np.int32), release.model)
    number = update.apply(gallery, entries, ()).number
    send(gallery, channel)
    return number


def send(gallery: Path, channel: Channel) -> None:
    """Sign the newest release and send it; devices take it for good at once."""
    channel.sign(gallery, probation_s=0)
    channel.send()


def is_sent(channel: Channel) -> bool:
    """Tell a broker that has forgotten what there is; false while the publisher is away."""
    try:
        channel.send()
    except GalleryError:
        return False
    return True
