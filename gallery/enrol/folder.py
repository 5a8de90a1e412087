"""A folder of people made a gallery in one call, for the library, the demo and benchmarks."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from gallery.enrol.enrolment import enrol_catalogue, write_release
from gallery.enrol.shards import ShardStore
from gallery.enrol.source import read_catalogue

if TYPE_CHECKING:
    from pathlib import Path

    from gallery.store.release import Release

log = logging.getLogger(__name__)


def enrol_folder(people: Path, folder: Path) -> Release:
    """Enrol a folder of people into a new gallery, or its next release.

    Raises:
        GalleryInputError: the folder holds nobody, or nobody with a usable picture.
    """
    store = ShardStore.beside(folder)
    catalogue = read_catalogue(str(people))
    for text in catalogue.left_out:
        log.warning("%s", text)
    release = write_release(folder, enrol_catalogue(catalogue.entries, store))
    store.remove()
    return release
