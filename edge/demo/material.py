"""What the demo and the benchmarks show: a programme, and a gallery of its people."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    from gallery.store.release import Release

log = logging.getLogger(__name__)


def demo_material() -> tuple[Path, Path]:
    """Return the folder of people and the film of the composed programme, made when not there."""
    from edge.demo.compose import prepare  # noqa: PLC0415
    from engines.files import cache_dir  # noqa: PLC0415

    material = prepare(cache_dir())
    return material.people_dir, material.video_path


def gallery_of(people_dir: Path, gallery_dir: Path) -> Release:
    """Enrol a folder of people into a new gallery."""
    from gallery.enrol.enrolment import enrol_catalogue, write_release  # noqa: PLC0415
    from gallery.enrol.shards import ShardStore  # noqa: PLC0415
    from gallery.enrol.source import read_catalogue  # noqa: PLC0415

    store = ShardStore.beside(gallery_dir)
    catalogue = read_catalogue(str(people_dir))
    for text in catalogue.left_out:
        log.warning("%s", text)
    enrolled = enrol_catalogue(catalogue.entries, store)
    release = write_release(gallery_dir, enrolled)
    store.remove()
    return release
