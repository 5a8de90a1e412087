"""`search.index = "hnsw"`: hnswlib's graph in front of exact scores, where it is good enough.

Malkov and Yashunin, "Efficient and robust approximate nearest neighbor search using Hierarchical
Navigable Small World graphs", 2018. Faces of different people are nearly uncorrelated, and a graph
loses some of them (`docs/search.md`): its recall is measured on the gallery's own templates each
time it is built, and under a bar it is refused.
"""

from __future__ import annotations

import importlib
import logging
import sys
from typing import TYPE_CHECKING, Any

import numpy as np

from gallery.errors import GalleryError, GalleryMissingError
from gallery.search.search import Gallery
from gallery.store.quantise import check_vectors, restore

if TYPE_CHECKING:
    from collections.abc import Collection

    from numpy.typing import NDArray

    from gallery.search.search import Matches
    from gallery.store.release import Release
    from gallery.store.segment import Segment

log = logging.getLogger(__name__)

MIN_RECALL = 0.99
_SAMPLE = 500
_PROBE_COSINE = 0.6
"""How alike a probe of the sample is to its template; pictures of one person have 0.58."""
_NEIGHBOURS, _EF_BUILD = 16, 200


class GraphGallery(Gallery):
    """A gallery whose candidates come from a graph, held in memory.

    A search for a cast (`only`) goes past the graph. The graph is built when it is opened, never
    read from a file: hnswlib's reader crashes on damaged files.

    Args:
        release: what is in it.
        segments: its open segments.
        withdrawn: see `Gallery`.
        ef: candidates that the graph follows; more find more and take longer.
        min_recall: share of a sample whose best person the graph has to find.
        threads: to build with.

    Raises:
        GalleryMissingError: hnswlib is not installed.
        GalleryError: the graph finds too few.
    """

    def __init__(
        self,
        release: Release,
        segments: tuple[Segment, ...],
        withdrawn: frozenset[str] = frozenset(),
        *,
        ef: int = 512,
        min_recall: float = MIN_RECALL,
        threads: int = 1,
    ) -> None:
        super().__init__(release, segments, withdrawn)
        self.index = "hnsw"
        self._ef = ef
        self._places = self._living_rows()
        self._graph = _build(self._vectors(), ef, threads)
        self.recall = self._measure_recall()
        log.info("gallery release %d: the graph's recall is %.4f", self.release, self.recall)
        if self.recall < min_recall:
            raise GalleryError(
                f"gallery release {self.release}: the graph finds {self.recall:.1%} of the people "
                f"that exact search finds, expected at least {min_recall:.0%}; "
                'set search.index to "exact", or raise ef'
            )

    def search(
        self, probes: NDArray[np.float32], k: int = 5, only: Collection[str] | None = None
    ) -> Matches:
        """Return the k best people for each probe; see `Gallery.search`."""
        living = self._places.shape[1]
        if only is not None or not len(probes) or not living or k > self._ef // 4:
            return super().search(probes, k, only)
        check_vectors(probes, "probes", self.dim)
        wanted = min(living, self._ef // 2)
        labels, _ = self._graph.knn_query(probes, k=wanted, num_threads=1)
        return self._matches(
            [
                self._best_at(self._places[:, row.astype(np.intp)], probe, k)
                for row, probe in zip(labels, probes, strict=True)
            ],
            k,
        )

    def _vectors(self) -> NDArray[np.float32]:
        vectors = np.empty((self._places.shape[1], self.dim), np.float32)
        for index, segment in enumerate(self._open()):
            mine = self._places[0] == index
            rows = self._places[1, mine]
            vectors[mine] = restore(segment.templates.rows[rows], segment.templates.scales[rows])
        return vectors

    def _measure_recall(self) -> float:
        """Return the share of noisy templates whose best person both searches agree on."""
        sample = self.sample_templates(_SAMPLE, seed=0)
        if not len(sample):
            return 1.0
        noise = np.random.default_rng(0).standard_normal(sample.shape).astype(np.float32)
        noise -= np.einsum("nd,nd->n", noise, sample)[:, None] * sample
        noise /= np.linalg.norm(noise, axis=1, keepdims=True)
        probes = _PROBE_COSINE * sample + np.sqrt(1 - _PROBE_COSINE**2) * noise
        probes = (probes / np.linalg.norm(probes, axis=1, keepdims=True)).astype(np.float32)
        same = 0
        for start in range(0, len(probes), 8):
            part = probes[start : start + 8]
            exact, ours = super().search(part, 1).ids, self.search(part, 1).ids
            same += sum(a == b for a, b in zip(exact, ours, strict=True))
        return same / len(probes)


def _build(rows: NDArray[np.float32], ef: int, threads: int) -> Any:
    try:
        hnswlib = importlib.import_module("hnswlib")
    except ImportError as error:
        raise GalleryMissingError(
            f'search.index is "hnsw", which needs hnswlib: run "{sys.executable} -m pip install '
            'hnswlib" (it compiles for a minute), or set search.index to "exact"'
        ) from error
    graph = hnswlib.Index("ip", rows.shape[1])
    graph.init_index(max(1, len(rows)), M=_NEIGHBOURS, ef_construction=_EF_BUILD, random_seed=1)
    if len(rows):
        graph.add_items(rows, num_threads=threads)
    graph.set_ef(ef)
    return graph
