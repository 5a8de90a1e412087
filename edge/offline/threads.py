"""How many threads one run of a model gets, by what is read."""

from __future__ import annotations

from edge.video.uri import path_of
from engines.pictures.formats import is_picture_name

FILM_THREADS = 1
"""Of a film two models run at once, beside decoding."""
THREADS = 2
"""Where no other work is done beside a model."""


def film_threads(*, every_frame: bool) -> int:
    """Return the threads for one run of a model on a film, which keeps two cores busy by itself.

    Args:
        every_frame: see `identify`; then nothing is done beside the search.
    """
    return THREADS if every_frame else FILM_THREADS


def threads_of(uri: str, *, every_frame: bool) -> int:
    """Return the threads for one run of a model on a film or on pictures.

    Args:
        uri: what is read, as `open_source` takes it.
        every_frame: see `identify`.
    """
    path = path_of(uri)
    pictures = is_picture_name(uri) or (path is not None and path.is_dir())
    return THREADS if pictures else film_threads(every_frame=every_frame)
