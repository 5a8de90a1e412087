"""A release of a disk as a `Gallery` to search in."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from gallery.errors import GalleryMissingError, ModelMismatchError
from gallery.search.local import with_local
from gallery.search.search import Gallery
from gallery.store.check import open_checked
from gallery.store.layout import current_folder, current_release
from gallery.store.withdrawn import read_withdrawn

if TYPE_CHECKING:
    from pathlib import Path

Index = Literal["exact", "hnsw"]


def open_gallery(
    folder: Path,
    model: str | None = None,
    index: Index = "exact",
    before: Gallery | None = None,
    local: Path | None = None,
) -> Gallery:
    """Open the current release, after a check of all that is in it.

    Args:
        folder: the gallery.
        model: identity of the embedder that the probes will come from; None if there are none.
        index: `exact`, with sketches in front past 200,000 templates; or `hnsw`, see
            `gallery.search.hnsw`.
        before: the one that is open now; what both have is checked and opened once.
        local: people named on this device, searched with the others; see `gallery.store.local`.

    Raises:
        GalleryMissingError: there is no gallery in the folder.
        GalleryCorruptError: a file is damaged; the message names it.
        ModelMismatchError: the gallery was made for another embedder.
    """
    for attempt in range(3):
        current = current_folder(folder)
        try:
            return open_release(folder, model, index, before, local)
        except GalleryMissingError:
            # Two releases may have come since the link was read, and the first one gone.
            if attempt == 2 or current is None or current_folder(folder) == current:
                raise
    raise AssertionError


def open_release(
    folder: Path,
    model: str | None,
    index: Index,
    before: Gallery | None = None,
    local: Path | None = None,
) -> Gallery:
    """Open the current release, once; see `open_gallery`."""
    release, path = current_release(folder)
    if model is not None and model != release.model:
        raise ModelMismatchError(
            f"{folder}: made for the embedder {release.model!r}, this one is {model!r}, and their "
            'templates cannot be compared; enrol again with "tvradar gallery enrol", or choose '
            f"the embedder {release.model!r}"
        )
    known = before.segments if before else ()
    segments = open_checked(path, release, known)
    if local is not None:
        release, segments = with_local(release, segments, local, known)
    withdrawn = read_withdrawn(folder).below(release.number)
    if index == "hnsw":
        # Not at the top: it is an option that few take, and it brings a library of its own.
        from gallery.search.hnsw import GraphGallery  # noqa: PLC0415

        return GraphGallery(release, segments, withdrawn)
    return Gallery(release, segments, withdrawn)
