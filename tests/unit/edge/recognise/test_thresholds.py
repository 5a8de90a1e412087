"""The policy of a release is there before the release is."""

import shutil
import threading
from pathlib import Path

import numpy as np
import pytest

from edge.bench.synthetic import SyntheticFaces
from edge.recognise.thresholds import Thresholds, policy_for
from gallery.search.open import open_gallery
from gallery.search.search import Gallery
from gallery.search.watch import GalleryWatcher
from gallery.store.person import Person
from gallery.store.store import create_gallery


def written(folder: Path, count: int) -> None:
    faces = SyntheticFaces(64)
    people = [Person(f"p{n}", {"en": f"p{n}"}) for n in range(count)]
    templates = faces.pictures(faces.identities(count), 0)
    create_gallery(folder, people, templates, np.arange(count, dtype=np.int32), "sface-2021dec")


def test_a_release_is_prepared_in_the_watchers_thread_before_it_is_used(tmp_path: Path) -> None:
    written(tmp_path, 40)
    thresholds = Thresholds(0.01)
    prepared: list[tuple[int, int, str]] = []

    def prepare(gallery: Gallery) -> None:
        thresholds.prepare(gallery)
        current = watcher.gallery.release
        prepared.append((gallery.release, current, threading.current_thread().name))

    watcher = GalleryWatcher(tmp_path, "sface-2021dec", poll_s=0.01, prepare=prepare)
    first = thresholds.prepare(watcher.gallery)
    try:
        written(tmp_path, 80)
        done = threading.Event()
        for _ in range(1000):
            if watcher.gallery.release == 2 or done.wait(0.01):
                break
    finally:
        watcher.close()
    assert prepared == [(2, 1, "gallery-watcher")]
    second = thresholds.prepare(watcher.gallery)
    assert second is thresholds.prepare(watcher.gallery)
    assert second.threshold > first.threshold  # more people, more chances for a stranger
    assert second.threshold == policy_for(open_gallery(tmp_path), 0.01, stills=False).threshold


def test_who_is_near_an_enrolled_person_is_searched_without_them_and_their_nearest(
    tmp_path: Path,
) -> None:
    written(tmp_path, 40)
    gallery = open_gallery(tmp_path)
    policy = policy_for(gallery, 0.01)
    template = gallery.templates_of("p7")
    ranked = gallery.search(template, k=40)
    assert ranked.ids[0][0] == "p7"
    expected = ranked.scores[0][2:10].tolist()
    assert policy.around("p7") == pytest.approx(expected)
    assert policy.around("nobody") == ()


def test_only_the_newest_are_kept(tmp_path: Path) -> None:
    thresholds = Thresholds(0.01)
    for _ in range(5):
        written(tmp_path, 10)
        thresholds.prepare(open_gallery(tmp_path))
    newest = open_gallery(tmp_path)
    assert len(thresholds._known) == 2
    assert newest.identity in thresholds._known


def test_a_gallery_made_anew_has_a_policy_of_its_own(tmp_path: Path) -> None:
    """The same folder and number, but other people."""
    thresholds = Thresholds(0.01)
    written(tmp_path, 40)
    first = thresholds.prepare(open_gallery(tmp_path))
    shutil.rmtree(tmp_path)
    written(tmp_path, 80)
    gallery = open_gallery(tmp_path)
    assert gallery.release == 1
    second = thresholds.prepare(gallery)
    assert second.people == 80
    assert second.threshold > first.threshold
    # Whoever was in the old one only is nobody's look-alike, and no error.
    assert second.alike("p1", "nobody") == 0.0
