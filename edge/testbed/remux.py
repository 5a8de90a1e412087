"""Packets that are written again: Matroska tells not of all when they are decoded."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator


def dated(packets: Iterable[Any]) -> Iterator[Any]:
    """Yield the packets that have content, each with a decoding time.

    Where a track's next one has a time, those before it without come just before that.
    """
    waiting: defaultdict[int, list[Any]] = defaultdict(list)
    for packet in packets:
        if not packet.size:
            continue
        before = waiting[packet.stream.index]
        if packet.dts is None:
            before.append(packet)
            continue
        for place, one in enumerate(before):
            one.dts = packet.dts - len(before) + place
        yield from before
        before.clear()
        yield packet
