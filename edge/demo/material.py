"""What the demo and the benchmarks show: a programme, and a gallery of its people."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    from gallery.store.release import Release


def demo_material() -> tuple[Path, Path]:
    """Return the folder of people and the film of the composed programme, made when not there."""
    from edge.demo.compose import prepare  # noqa: PLC0415
    from engines.files import cache_dir  # noqa: PLC0415

    material = prepare(cache_dir())
    return material.people_dir, material.video_path


def gallery_of(people_dir: Path, gallery_dir: Path) -> Release:
    """Enrol a folder of people into a new gallery."""
    from gallery.enrol.folder import enrol_folder  # noqa: PLC0415

    return enrol_folder(people_dir, gallery_dir)
