"""Search against float brute force; what a gallery says of its people."""

from __future__ import annotations

import threading
import time
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from safetensors.numpy import load_file

from edge.bench.synthetic import (
    GENUINE_MEAN,
    GENUINE_SD,
    IMPOSTOR_MEAN,
    IMPOSTOR_SD,
    SyntheticFaces,
)
from gallery.errors import (
    GalleryCorruptError,
    GalleryError,
    GalleryInputError,
    GalleryMissingError,
    ModelMismatchError,
)
from gallery.search import scan
from gallery.search.open import open_gallery
from gallery.search.search import Gallery
from gallery.store.person import Person
from gallery.store.quantise import quantise
from gallery.store.segment import SKETCH_FROM_ROWS
from gallery.store.store import create_gallery, current_release

if TYPE_CHECKING:
    from pathlib import Path


MODEL = "test-1"
COUNTS = [1, 2, 3, 7, 1]


def _varied(population: Any, people: int) -> tuple[list[Person], Any, Any]:
    counts = [COUNTS[n % len(COUNTS)] for n in range(people)]
    templates = np.concatenate([population.templates(n, 0, c) for n, c in enumerate(counts)])
    owners = np.repeat(np.arange(people, dtype=np.int32), counts)
    return [population.person(n) for n in range(people)], templates, owners


@pytest.fixture(scope="module")
def people(population: Any) -> tuple[list[Person], Any, Any]:
    return _varied(population, 300)


@pytest.fixture(scope="module")
def gallery(tmp_path_factory: pytest.TempPathFactory, people: Any) -> Gallery:
    folder = tmp_path_factory.mktemp("gallery")
    create_gallery(folder, *people, MODEL)
    return open_gallery(folder, MODEL)


@pytest.mark.parametrize("k", [1, 5, 400])
@pytest.mark.parametrize("only", [None, [3, 9, 250]])
def test_same_people_as_float_brute_force(
    gallery: Gallery, people: Any, population: Any, k: int, only: list[int] | None
) -> None:
    everybody, templates, owners = people
    probes = np.concatenate([population.templates(n, 9) for n in range(0, 340, 20)])
    scores = np.full((len(probes), len(everybody)), -np.inf, np.float32)
    for n, row in enumerate(templates):
        scores[:, owners[n]] = np.maximum(scores[:, owners[n]], probes @ row)
    names = [p.id for p in everybody]
    if only is not None:
        left = [n for n in range(len(names)) if n not in only]
        scores[:, left] = -np.inf
    found = gallery.search(
        probes, k, None if only is None else [*(names[n] for n in only), "nobody"]
    )
    expected = min(k, 300 if only is None else 3)
    for n, ids in enumerate(found.ids):
        assert len(ids) == len(set(ids)) == expected
        theirs = np.array([scores[n, names.index(name)] for name in ids])
        np.testing.assert_allclose(found.scores[n, :expected], theirs, atol=0.006)
        np.testing.assert_allclose(theirs, np.sort(scores[n])[::-1][:expected], atol=0.012)
        assert np.all(np.isneginf(found.scores[n, expected:]))


def test_people_and_templates_come_back(gallery: Gallery, people: Any) -> None:
    everybody, templates, owners = people
    assert (gallery.people_count, gallery.template_count) == (300, len(templates))
    assert gallery.dim == templates.shape[1]
    assert sorted(gallery.ids()) == sorted(p.id for p in everybody)
    assert list(gallery.people()) == sorted(everybody, key=lambda p: p.id)
    for n in (0, 3, 299):
        assert gallery.person(everybody[n].id) == everybody[n]
        mine = gallery.templates_of(everybody[n].id)
        np.testing.assert_allclose(mine, templates[owners == n], atol=0.005)
    sample = gallery.sample_templates(50, seed=1)
    assert sample.shape == (50, gallery.dim)
    assert len(np.unique(sample, axis=0)) == 50
    assert len(gallery.sample_templates(10_000, seed=1)) == len(templates)


def test_refuses_probes_that_are_none(gallery: Gallery) -> None:
    unit = np.eye(gallery.dim, dtype=np.float32)
    for wrong in (unit[0], unit[:, :5], unit.astype(np.float64), 2 * unit, unit * np.nan):
        with pytest.raises(GalleryInputError, match="expected"):
            gallery.search(wrong)
    with pytest.raises(GalleryInputError, match="k is 0"):
        gallery.search(unit, 0)
    assert gallery.search(unit[:0]).ids == []
    with pytest.raises(GalleryInputError, match="nobody"):
        gallery.person("nobody")


def test_wrong_model_and_missing_gallery(tmp_path: Path, population: Any) -> None:
    with pytest.raises(GalleryMissingError, match="tvradar gallery enrol"):
        open_gallery(tmp_path)
    create_gallery(tmp_path, *_varied(population, 3), "arcface-1")
    with pytest.raises(ModelMismatchError, match=r"arcface-1.*test-1"):
        open_gallery(tmp_path, MODEL)
    open_gallery(tmp_path).close()


def test_closed_gallery_says_so(tmp_path: Path, population: Any) -> None:
    create_gallery(tmp_path, *_varied(population, 3), MODEL)
    gallery = open_gallery(tmp_path)
    gallery.close()
    with pytest.raises(GalleryError, match="closed"):
        gallery.search(population.templates(1))


def test_same_people_same_bytes_in_any_order(tmp_path: Path, population: Any) -> None:
    everybody, templates, owners = _varied(population, 40)
    create_gallery(tmp_path / "a", everybody, templates, owners, MODEL)
    order = np.random.default_rng(0).permutation(40)
    rows = np.concatenate([np.flatnonzero(owners == n) for n in order])
    place = np.argsort(order)
    shuffled = [everybody[n] for n in order], templates[rows], place[owners[rows]].astype(np.int32)
    create_gallery(tmp_path / "b", *shuffled, MODEL)
    a, b = (current_release(tmp_path / name)[0].segments for name in "ab")
    assert a == b


def test_templates_file_is_plain_safetensors(tmp_path: Path, population: Any) -> None:
    create_gallery(tmp_path, *_varied(population, 40), MODEL)
    release, folder = current_release(tmp_path)
    (segment,) = release.segments
    loaded = load_file(folder / segment.templates_file.name)
    assert loaded["rows"].shape == (segment.rows, release.dim)
    assert loaded["counts"].sum() == segment.rows
    # Per template: a byte a value, a scale; per person: a count.
    expected = segment.rows * (release.dim + 4) + segment.people
    assert 0 < segment.templates_file.size - expected < 512


@pytest.mark.parametrize(
    "change",
    [
        lambda p, t, o: (p[:0], t[:0], o[:0]),
        lambda p, t, o: ([*p, p[0]], t, o),
        lambda p, t, o: (p, t, o + 1),
        lambda p, t, o: (p, t[1:], o[1:]),
        lambda p, t, o: (p, 2 * t, o),
        lambda p, t, o: (p, t[:, :0], o),
        lambda p, t, o: (p, t, o[1:]),
        lambda p, t, o: ([Person("../x", {"en": "X"}), *p[1:]], t, o),
        lambda p, t, o: ([Person("x", {}), *p[1:]], t, o),
        lambda p, t, o: ([Person("x", {"en": "X"}, photo=b"GIF89a"), *p[1:]], t, o),
    ],
)
def test_refuses_people_that_cannot_be_stored(tmp_path: Path, population: Any, change: Any) -> None:
    with pytest.raises(GalleryInputError):
        create_gallery(tmp_path, *change(*_varied(population, 5)), MODEL)
    assert list((tmp_path / "releases").iterdir()) == []


def test_numpy_gives_the_same_sums_as_numkong() -> None:
    rng = np.random.default_rng(0)
    for dim, probes in ((128, 1), (128, 11), (37, 3)):
        rows = rng.integers(-127, 128, (5000, dim)).astype(np.int8)
        some = rng.integers(-127, 128, (probes, dim)).astype(np.int8)
        expected = rows.astype(np.int64) @ some.T.astype(np.int64)
        np.testing.assert_array_equal(scan.dots_numpy(rows, some), expected)
        np.testing.assert_array_equal(scan.dots(rows, some), expected)


@pytest.fixture(scope="module")
def large(tmp_path_factory: pytest.TempPathFactory) -> tuple[Gallery, Any, Any, Path]:
    """Return a gallery that has sketches, its people's identities, and the templates."""
    folder = tmp_path_factory.mktemp("large")
    faces = SyntheticFaces(128, seed=3)
    identities = faces.identities(SKETCH_FROM_ROWS)
    templates = faces.pictures(identities, 0)
    everybody = [Person(f"p{n:06d}", {"en": "A"}) for n in range(len(templates))]
    create_gallery(folder, everybody, templates, np.arange(len(templates), dtype=np.int32), MODEL)
    return open_gallery(folder), identities, templates, folder


def test_sketches_find_whom_float_search_finds(large: Any) -> None:
    gallery, identities, templates, folder = large
    assert gallery.index == "sketch"
    chosen = np.random.default_rng(0).integers(0, len(templates), 200)
    probes = SyntheticFaces(128, seed=3).pictures(identities[chosen], 1)
    scores = np.concatenate([probes[n : n + 20] @ templates.T for n in range(0, 200, 20)])
    best_scores = scores.max(axis=1)
    found = gallery.search(probes, 3)
    strong = best_scores > 0.6
    assert strong.sum() > 50
    theirs = [scores[n, int(ids[0][1:])] for n, ids in enumerate(found.ids)]
    # Two that are nearly alike may change places: int8 keeps a score to 0.006.
    assert (best_scores - theirs)[strong].max() < 0.012
    (segment,) = current_release(folder)[0].segments
    assert segment.templates_file.size < segment.rows * (128 + 16 + 4 + 1) + 2048


def test_several_threads_get_the_same_answers(large: Any) -> None:
    gallery, _, templates, _ = large
    expected = gallery.search(templates[:8], 3)
    wrong: list[object] = []

    def search() -> None:
        for _ in range(5):
            found = gallery.search(templates[:8], 3)
            if found.ids != expected.ids or not np.array_equal(found.scores, expected.scores):
                wrong.append(found)

    threads = [threading.Thread(target=search) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []


@pytest.mark.parametrize("dim", [64, 128, 512])
def test_synthetic_faces_have_the_scores_of_real_ones(dim: int) -> None:
    faces = SyntheticFaces(dim, seed=1)
    identities = faces.identities(2000)
    first, second = faces.pictures(identities, 0), faces.pictures(identities, 1)
    genuine = np.einsum("nd,nd->n", first, second)
    impostor = (first[:1000] @ second[1000:].T).ravel()
    assert genuine.mean() == pytest.approx(GENUINE_MEAN, abs=0.03)
    assert genuine.std() == pytest.approx(GENUINE_SD, abs=0.03)
    assert impostor.mean() == pytest.approx(IMPOSTOR_MEAN, abs=0.02)
    # Below 1 / IMPOSTOR_SD**2 dimensions, vectors cannot be as unlike as SFace's.
    assert impostor.std() == pytest.approx(max(IMPOSTOR_SD, 0.87 * dim**-0.5), abs=0.015)


def test_quantisation_keeps_scores() -> None:
    faces = SyntheticFaces(128)
    identities = faces.identities(2000)
    a, b = faces.pictures(identities, 0), faces.pictures(identities, 1)
    rows, scales = quantise(a)
    found = np.einsum("nd,nd->n", rows * scales[:, None], b)
    assert np.abs(found - np.einsum("nd,nd->n", a, b)).max() < 0.006


def test_nearest_sketches_are_the_nearest() -> None:
    rng = np.random.default_rng(0)
    planes = rng.integers(0, 2**63, (2, 70_001), dtype=np.uint64)
    # Clusters, so that the sample's guess is far off and has to be corrected both ways.
    planes[:, 1000:1400] = planes[:, :1]
    planes[:, ::31] = planes[:, 62:63]
    for probe, count in ((planes[:, 5], 4096), (planes[:, 0], 300), (planes[:, 62], 3000)):
        distances = np.bitwise_count(planes ^ probe[:, None]).sum(axis=0)
        found = scan.nearest_sketches(planes, probe, count)
        limit = np.sort(distances)[count - 1]
        np.testing.assert_array_equal(found, np.flatnonzero(distances <= limit))


def test_highest_holds_the_highest() -> None:
    rng = np.random.default_rng(0)
    for size, count in ((10, 20), (100, 20), (5000, 20), (70_000, 13), (64 * 30, 30)):
        scores = rng.standard_normal(size).astype(np.float32)
        expected = set(np.argsort(-scores)[:count].tolist())
        found = scan.highest(scores, count)
        assert expected <= set(found.tolist())
        assert len(found) <= 20 * count
    tied = np.zeros(5000, np.float32)
    assert len(scan.highest(tied, 3)) >= 3


def test_search_stays_on_the_callers_thread(large: Any) -> None:
    gallery, _, templates, _ = large
    gallery.search(templates[:8])
    process, thread = time.process_time(), time.thread_time()
    for n in range(0, 160, 8):
        gallery.search(templates[n : n + 8])
    others = (time.process_time() - process) - (time.thread_time() - thread)
    assert others < 0.2 * (time.thread_time() - thread) + 0.02


@pytest.mark.parametrize("scale", [1e38, np.nan, np.inf, 1.0])
def test_bytes_that_changed_under_an_open_gallery_make_no_score(
    gallery: Gallery, people: Any, scale: float
) -> None:
    segment = gallery.segments[0]
    scales = np.full_like(segment.templates.scales, scale)
    rotten = replace(segment, templates=replace(segment.templates, scales=scales))
    release = current_release(segment.path.parents[2])[0]
    broken = Gallery(release, (rotten,))
    with np.errstate(all="ignore"):
        if np.isnan(scale):  # below everybody, already in the scan
            assert broken.search(people[1][:1], 3).ids == [[]]
            return
        with pytest.raises(GalleryCorruptError, match=segment.path.name):
            broken.search(people[1][:1], 3)


def test_who_is_withdrawn_is_in_no_answer(gallery: Gallery, people: Any) -> None:
    release = current_release(gallery.segments[0].path.parents[2])[0]
    less = Gallery(release, gallery.segments, frozenset({"person-3", "nobody-of-that-name"}))
    assert less.people_count == gallery.people_count - 1
    assert less.identity != gallery.identity
    probe = people[1][people[2] == 3][:1]
    assert gallery.search(probe, 1).ids == [["person-3"]]
    assert "person-3" not in less.search(probe, 300).ids[0]
    assert "person-3" not in less
