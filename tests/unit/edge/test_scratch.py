"""What is put on the disk comes back, and a full disk is told by its folder."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge.scratch import BLOCK_BYTES, IN_MEMORY_BYTES, Records, Scratch
from gallery.os_errors import reason_of


@settings(max_examples=30)
@given(st.lists(st.binary(max_size=BLOCK_BYTES // 3), max_size=20))
def test_records_come_back_in_order_and_more_than_once(records: list[bytes]) -> None:
    kept = Records()
    for record in records:
        kept.add(record)
    assert list(kept) == records
    kept.add(b"later")
    assert list(kept) == [*records, b"later"]


def test_places_are_had_in_any_order() -> None:
    scratch = Scratch()
    data = [os.urandom(IN_MEMORY_BYTES // 3) for _ in range(5)]
    places = [scratch.put(one) for one in data]
    assert [scratch.get(place) for place in places[::-1]] == data[::-1]


def test_a_full_disk_names_the_folder() -> None:
    if not Path("/dev/full").exists():
        pytest.skip("no /dev/full on this system")
    with Path("/dev/full").open("r+b", buffering=0) as full:
        scratch = Scratch(full)
        with pytest.raises(OSError, match="TMPDIR") as caught:
            scratch.put(b"data")
    assert caught.value.errno == errno.ENOSPC
    assert "make room there" in reason_of(caught.value)
