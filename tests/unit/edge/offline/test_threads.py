"""A film keeps two cores busy by itself; pictures have both cores for one model."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from edge.offline.threads import FILM_THREADS, THREADS, threads_of

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize("uri", ["film.mp4", "-", "https://example.org/film.mkv", "file:///a.ts"])
def test_a_film_gets_one_thread_a_model(uri: str) -> None:
    assert threads_of(uri, every_frame=False) == FILM_THREADS
    assert threads_of(uri, every_frame=True) == THREADS


def test_pictures_get_both(tmp_path: Path) -> None:
    for uri in ("face.jpg", str(tmp_path), "https://example.org/face.png"):
        assert threads_of(uri, every_frame=False) == THREADS
