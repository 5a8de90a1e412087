"""Decoding in hardware is tried, and software takes over where it is not there."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

import numpy as np
import pytest

from edge.doctor.checks import examine
from edge.video.hardware import AUTO, choose, devices
from edge.video.open import open_source
from edge.video.source import SourceOptions

if TYPE_CHECKING:
    from tests.free import Free


def nothing_here(name: str) -> None:
    raise PermissionError(1, f"no {name} here")


@pytest.mark.parametrize("wanted", [AUTO, "cuda", "made-up"])
def test_without_a_device_one_line_says_why(wanted: str, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO):
        assert choose(wanted, nothing_here) is None
    (record,) = caplog.records
    assert "decoding in software" in record.getMessage()
    assert wanted in record.getMessage()
    if wanted == "made-up":
        assert "PyAV's FFmpeg knows" in record.getMessage()


def test_nobody_who_asks_for_nothing_is_told_anything(caplog: pytest.LogCaptureFixture) -> None:
    assert choose(None, nothing_here) is None
    assert not caplog.records


def test_the_first_that_opens_is_taken(caplog: pytest.LogCaptureFixture) -> None:
    known = [device.name for device in devices(opener=nothing_here)]

    def only_the_last(name: str) -> None:
        if name != known[-1]:
            nothing_here(name)

    with caplog.at_level(logging.INFO):
        assert choose(AUTO, only_the_last) is not None
    assert f"decoding with {known[-1]}" in caplog.text


@pytest.mark.parametrize("wanted", ["auto", "cuda"])
def test_the_pictures_are_those_of_software(free: Free, wanted: str) -> None:
    options = SourceOptions(hwaccel=wanted)
    with open_source(str(free.clip)) as plain, open_source(str(free.clip), options=options) as hard:
        pairs = [pair for pair, _ in zip(zip(plain, hard, strict=True), range(12), strict=False)]
    for ours, theirs in pairs:
        assert ours.pts_s == theirs.pts_s
        off = np.abs(ours.bgr.astype(np.int16) - theirs.bgr)
        assert off.mean() < 1  # a decoder of hardware may round otherwise


def test_doctor_says_what_could_decode() -> None:
    (found,) = [finding for finding in examine() if finding.subject == "decoding"]
    assert found.state == "ok"
    assert "software" in found.found or "not run on hardware" in found.found
