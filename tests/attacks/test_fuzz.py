"""Every reader of foreign bytes, for seconds; `tools/fuzz.py` does the same for an hour."""

from __future__ import annotations

from contextlib import ExitStack
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tools.fuzz import TOKENS, Target, mutate, targets

if TYPE_CHECKING:
    from collections.abc import Iterator

TEXTS = (
    *("configuration", "mqtt press", "status", "manifest", "release", "heartbeat", "person.toml"),
    *("timeline", "labels", "broker address", "cec-ctl", "NFO", "EIT", "sidecar"),
)
COSTLY = ("gallery", "HTTP", "HTTP body", "WebSocket frames", "WebSocket message")

EDIT = st.tuples(
    st.sampled_from(("insert", "overwrite", "cut", "repeat", "flip")),
    st.integers(0, 1 << 16),
    st.sampled_from(TOKENS) | st.binary(max_size=40),
)


@pytest.fixture(scope="module")
def every() -> Iterator[dict[str, Target]]:
    with ExitStack() as stack:
        yield targets(stack)


def test_every_reader_is_fuzzed(every: dict[str, Target]) -> None:
    assert set(every) == {*TEXTS, *COSTLY}


@pytest.mark.parametrize("name", [*TEXTS, *COSTLY])
def test_what_is_not_damaged_is_no_finding(every: dict[str, Target], name: str) -> None:
    for seed in every[name].seeds:
        every[name].feed(seed)


@pytest.mark.parametrize("name", TEXTS)
@given(edits=st.lists(EDIT, min_size=1, max_size=6), which=st.integers(0, 9))
@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_damaged_text_is_taken_or_refused(
    every: dict[str, Target], name: str, edits: list, which: int
) -> None:
    seeds = every[name].seeds
    every[name].feed(mutate(seeds[which % len(seeds)], edits))


@pytest.mark.parametrize("name", COSTLY)
@given(edits=st.lists(EDIT, min_size=1, max_size=6), which=st.integers(0, 9))
@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_damage_leaves_a_gallery_and_a_server_as_they_should_be(
    every: dict[str, Target], name: str, edits: list, which: int
) -> None:
    seeds = every[name].seeds
    every[name].feed(mutate(seeds[which % len(seeds)], edits))
