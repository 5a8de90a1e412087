"""What a transport stream says beside its pictures: sections of its event information table."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

if TYPE_CHECKING:
    from collections.abc import Iterator

    from av.container import InputContainer
    from av.packet import Packet
    from av.stream import Stream
    from av.video.stream import VideoStream

PRESENT_FOLLOWING = 0x4E
MOST_SERVICES = 64
MOST_BYTES = 4096


class EitTap:
    """Keeps the newest section about what is on, for each service, as FFmpeg hands them over.

    A stream whose table comes later than what is looked at while it is opened has none.
    """

    def __init__(self) -> None:
        self._sections: dict[int, bytes] = {}
        self.sections: tuple[bytes, ...] = ()

    def demux(
        self, container: InputContainer, stream: VideoStream
    ) -> Iterator[Packet[VideoStream]]:
        """Yield the packets of the pictures; what else is wanted is kept."""
        told = [s for s in container.streams if s.type == "data"]
        if container.format.name != "mpegts" or not told:
            return container.demux(stream)
        return self._both(container, stream, told)

    def _both(
        self, container: InputContainer, stream: VideoStream, told: list[Stream]
    ) -> Iterator[Packet[VideoStream]]:
        for packet in container.demux([stream, *told]):
            if packet.stream is stream:
                yield cast("Packet[VideoStream]", packet)
            elif packet.size:
                self._take(bytes(packet))

    def _take(self, section: bytes) -> None:
        present = len(section) > 7 and section[0] == PRESENT_FOLLOWING and section[6] == 0
        if not present or len(section) > MOST_BYTES:
            return
        service = int.from_bytes(section[3:5], "big")
        if self._sections.get(service) != section and (
            service in self._sections or len(self._sections) < MOST_SERVICES
        ):
            self._sections[service] = section
            self.sections = tuple(self._sections.values())
