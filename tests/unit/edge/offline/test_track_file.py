"""What a film keeps of its tracks lies on the disk, and comes back as it was."""

from __future__ import annotations

import gc
import math
import tracemalloc

import numpy as np

from edge.hindsight.join_tracks import FinishedTrack
from edge.offline.track_file import TrackFile
from edge.recognise.cues.cue import Evidence
from edge.recognise.decide import Claim
from edge.recognise.scene import Candidate
from edge.recognise.template import TrackTemplate
from engines.scores.model import score_model

SCORES = score_model("sface-2021dec")


def track(number: int, *beside: int, faces: int = 4) -> FinishedTrack:
    rng, template = np.random.default_rng(number), TrackTemplate(SCORES)
    for at_s in range(faces):
        vector = rng.standard_normal(128).astype(np.float32)
        template.add(vector / np.linalg.norm(vector), 11.0, rng.uniform(0.2, 0.9), at_s)
    candidates = tuple(Candidate(f"p{i}", float(rng.uniform())) for i in range(5))
    evidence = (Evidence("title", {"p1": 2.5, "p7": -math.inf}),) if faces else ()
    cued = (Candidate("p7", 0.1),)
    claim = Claim(number, candidates, 80, 0.2, 0.1, 11.0, "p3", 0.04, evidence, cued)
    return FinishedTrack(claim, template, frozenset(beside))


def same(a: FinishedTrack, b: FinishedTrack) -> bool:
    columns = zip(a.template.columns(), b.template.columns(), strict=True)
    return (
        a.claim == b.claim
        and a.beside == b.beside
        and all(np.array_equal(x, y) for x, y in columns)
    )


def test_tracks_come_back_as_they_were() -> None:
    file, tracks = TrackFile(), [track(3, 4), track(4, 3), track(9, faces=0)]
    file.add(0, tracks[:2])
    file.add(1, tracks[2:])
    assert len(file) == 3
    assert all(map(same, file, tracks))
    assert same(file[-1], tracks[-1])
    assert all(map(same, file[1:], tracks[1:]))


def test_a_later_part_of_a_shot_knows_a_track_whole() -> None:
    file = TrackFile()
    file.add(0, [track(1, 2), track(2, 1)])
    file.add(0, [track(3, 2), track(2, 3, faces=6)])
    assert [one.claim.track for one in file] == [1, 2, 3]
    assert same(file[1], track(2, 1, 3, faces=6))


def test_memory_does_not_grow_with_tracks() -> None:
    file = TrackFile()

    def add(shots: range) -> None:
        for shot in shots:
            file.add(shot, [track(2 * shot, 2 * shot + 1), track(2 * shot + 1, 2 * shot)])

    add(range(400))  # the first megabyte is in memory
    tracemalloc.start()
    add(range(400, 1200))
    gc.collect()
    grown = tracemalloc.get_traced_memory()[0]
    tracemalloc.stop()
    assert len(file) == 2400
    assert grown < 1600 * 100
