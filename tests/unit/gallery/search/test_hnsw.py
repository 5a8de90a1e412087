"""The graph is taken only where it finds what exact search finds."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from edge.bench.synthetic import SyntheticFaces
from gallery.errors import GalleryError
from gallery.search.hnsw import GraphGallery
from gallery.search.open import open_gallery
from gallery.search.search import Gallery
from gallery.store.person import Person
from gallery.store.store import create_gallery, current_release
from gallery.store.update import remove

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    pytest.importorskip("hnswlib", reason="hnswlib, an option, is not installed")
    folder = tmp_path_factory.mktemp("graph")
    faces = SyntheticFaces(128)
    templates = faces.pictures(faces.identities(4000), 0)
    people = [Person(f"p{n:04d}", {"en": "A"}) for n in range(2000)]
    owners = np.repeat(np.arange(2000, dtype=np.int32), 2)
    create_gallery(folder, people, templates, owners, "test-1")
    remove(folder, ["p0005"])
    return folder


def test_graph_gives_the_answers_of_exact_search(folder: Path) -> None:
    exact, graph = open_gallery(folder), open_gallery(folder, "test-1", "hnsw")
    assert isinstance(graph, GraphGallery)
    assert graph.index == "hnsw"
    assert graph.recall >= 0.99
    faces = SyntheticFaces(128)
    probes = faces.pictures(faces.identities(4000)[::40], 1)
    ours, theirs = graph.search(probes, 3), exact.search(probes, 3)
    same = [a[0] == b[0] for a, b in zip(ours.ids, theirs.ids, strict=True)]
    assert np.mean(same) >= 0.98
    own = exact.templates_of("p0007")[:1]
    own /= np.linalg.norm(own)
    assert graph.search(own, 1).ids == [["p0007"]]
    assert graph.search(own, 2, only=["p0009", "p0005"]).ids == [["p0009"]]
    assert all("p0005" not in ids for ids in ours.ids)


def test_graph_that_finds_too_few_is_refused(folder: Path) -> None:
    release, _ = current_release(folder)
    segments = open_gallery(folder)._segments
    assert segments is not None
    assert isinstance(Gallery(release, segments), Gallery)
    with pytest.raises(GalleryError, match="expected at least 99%"):
        GraphGallery(release, segments, ef=8)
