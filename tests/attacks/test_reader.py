"""Every crafted release against the strict reader, in this process: each is refused by name."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING

import numpy as np
import pytest

from gallery.errors import GalleryError
from gallery.search.open import open_gallery
from gallery.store.release import RELEASE_FILE, encode_release
from gallery.store.store import install_release, verify
from tests.attacks.arena import base_gallery
from tests.attacks.cases import CASES
from tests.attacks.forge import SCHEMA, Forgery, forgery_of

if TYPE_CHECKING:
    from pathlib import Path

CONTENT = [name for name in CASES if not name.startswith("manifest") and name != "chance_manifest"]
ABOUT_THE_MANIFEST = {"release_number_of_another", "release_larger_than_any_disk"}
"""Consistent with themselves: the updater refuses them by the manifest, or for want of room."""


@pytest.fixture(scope="module")
def good(tmp_path_factory: pytest.TempPathFactory) -> Forgery:
    return forgery_of(base_gallery(tmp_path_factory.mktemp("good")))


@pytest.mark.parametrize("name", CONTENT)
def test_a_crafted_release_is_refused_or_can_be_served(
    name: str, good: Forgery, tmp_path: Path
) -> None:
    for seed in range(6 if CASES[name].fate == "either" else 1):
        forgery = copy.deepcopy(good)
        CASES[name].change(forgery, np.random.default_rng(seed))
        staging = tmp_path / f"staging-{seed}"
        staging.mkdir()
        raw = forgery.raw if forgery.raw is not None else encode_release(forgery.release)
        (staging / RELEASE_FILE).write_bytes(raw)
        for file, data in forgery.files.items():
            if "/" not in file:
                (staging / file).write_bytes(data)
        device = tmp_path / f"tv-{seed}"
        refusal = ""
        try:
            install_release(device, staging)
        except GalleryError as error:
            refusal = str(error)
        if name in ABOUT_THE_MANIFEST:
            continue
        if CASES[name].fate != "either":
            assert bool(refusal) == (CASES[name].fate == "refused"), refusal
        if refusal:
            assert len(refusal) < 1000
            assert str(staging) in refusal or str(device) in refusal
            continue
        assert verify(device) == []
        gallery = open_gallery(device, "sface-2021dec")
        probes = np.eye(2, 128, dtype=np.float32)
        assert np.isfinite(gallery.search(probes, 1).scores).all() or not gallery.people_count
        assert len([person.name() for person in gallery.people()]) == gallery.people_count


def test_there_are_as_many_as_the_day_of_attacks_had() -> None:
    assert len(CASES) >= 43
    assert len(CONTENT) >= 140


def test_the_schema_here_is_the_readers(good: Forgery) -> None:
    assert SCHEMA.encode() in good.people()
