"""What a transport stream says beside its pictures: sections of its event information table."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

if TYPE_CHECKING:
    from collections.abc import Iterator

    from av.container import InputContainer
    from av.packet import Packet
    from av.stream import Stream
    from av.video.stream import VideoStream

    from edge.video.sources.sound_tap import SoundTap
    from edge.video.sources.subtitle_tap import SubtitleTap

PRESENT_FOLLOWING = 0x4E
MOST_SERVICES = 64
MOST_BYTES = 4096


class EitTap:
    """Keeps the newest section about what is on, for each service, as FFmpeg hands them over.

    A stream whose table comes later than what is looked at while it is opened has none.

    Args:
        subtitles: takes its packets from the same reading.
        sound: the same.
    """

    def __init__(self, subtitles: SubtitleTap, sound: SoundTap) -> None:
        self._subtitles, self._sound = subtitles, sound
        self._sections: dict[int, bytes] = {}
        self.sections: tuple[bytes, ...] = ()

    def demux(
        self, container: InputContainer, stream: VideoStream
    ) -> Iterator[Packet[VideoStream]]:
        """Yield the packets of the pictures; what else is wanted is kept."""
        told: list[Stream] = []
        if container.format.name == "mpegts":
            told = [s for s in container.streams if s.type == "data"]
        texts = self._subtitles.tracks(container)
        sounds = self._sound.tracks(container, stream)
        if not told and not texts and not sounds:
            return container.demux(stream)
        return self._all(container, stream, told, texts, sounds)

    def _all(
        self,
        container: InputContainer,
        stream: VideoStream,
        told: list[Stream],
        texts: list[Stream],
        sounds: list[Stream],
    ) -> Iterator[Packet[VideoStream]]:
        for packet in container.demux([stream, *told, *texts, *sounds]):
            if packet.stream is stream:
                yield cast("Packet[VideoStream]", packet)
            elif packet.stream in texts:
                self._subtitles.take(packet)
            elif packet.stream in sounds:
                self._sound.take(packet)
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
