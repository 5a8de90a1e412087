"""A folder of people made a gallery in one call, for the library, the demo and benchmarks."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from gallery.enrol.enrolment import enrol_catalogue, write_release
from gallery.enrol.shards import ShardStore
from gallery.enrol.source import read_catalogue
from gallery.errors import GalleryInputError

if TYPE_CHECKING:
    from pathlib import Path

    from gallery.store.release import Release

log = logging.getLogger(__name__)


def enrol_folder(people: Path, folder: Path) -> Release:
    """Enrol a folder of people into a new gallery, or its next release.

    Raises:
        GalleryInputError: the folder holds nobody, or nobody with a usable picture.
    """
    catalogue = read_catalogue(str(people))
    for text in catalogue.left_out:
        log.warning("%s", text)
    store = ShardStore.beside(folder)
    try:
        release = write_release(folder, enrol_catalogue(catalogue.entries, store))
    except GalleryInputError:
        store.remove()
        raise
    except BaseException:
        store.remove_unless_useful()
        raise
    store.remove()
    return release
