"""What the server needs from the rest of the device, as small protocols."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from concurrent.futures import Future

    from edge.recognise.answer import Answer
    from edge.recognise.commands import FaceCopy, WhyNot
    from edge.titles.messages import Playing, TitleRequest
    from gallery.store.person import Person
    from gallery.titles.title import TitleSource


class PressHistoryPort(Protocol):
    """Answers presses."""

    def press(self, at_s: float | None = None) -> Answer:
        """Return the best known answer for a moment; now, when none is given."""

    def refine(self, first: Answer) -> Answer:
        """Return an earlier answer again, with what was learned since."""

    def remembered_s(self) -> tuple[float, float] | None:
        """Return the first and the last moment that can be asked about, None where none can."""

    def moment_s(self, back_s: float) -> float | None:
        """Return the programme's time that many seconds ago, None where no picture is known."""


class PeoplePort(Protocol):
    """Knows who is in the gallery."""

    def person(self, person_id: str) -> Person | None:
        """Return a person, or None."""

    def release(self) -> int:
        """Return the number of the gallery's release, 0 while there is none."""


class FeedbackPort(Protocol):
    """Takes "not this person"."""

    def refuse(self, track: int, person_id: str) -> bool:
        """Take a name from a track for the rest of the title; false when it had none such."""

    def allow(self, track: int, person_id: str) -> bool:
        """Take a refusal back; false when there was none such."""


class FacesPort(Protocol):
    """Copies a face out of a track, so that it can be named."""

    def ask_face(self, track: int) -> Future[FaceCopy | WhyNot]:
        """Return what will be a copy, with the next frame."""


class TitlePort(Protocol):
    """Takes the title that is playing."""

    @property
    def now(self) -> Playing:
        """The title, and who of its cast is enrolled."""

    def request(self, request: TitleRequest, source: TitleSource = "request") -> Playing:
        """Take what somebody says that plays; it may take a second in a large gallery."""


class PlayerPort(Protocol):
    """Plays the source and, where that is possible, goes to another place in it."""

    @property
    def duration_s(self) -> float | None:
        """Length of the source, None where it has none."""

    @property
    def why_not(self) -> str:
        """Why one cannot seek: `live`, `fixed` or `ended`; empty where one can."""

    def position_s(self, pts_s: float) -> float | None:
        """Return the place in the source that the reader's clock calls `pts_s`."""

    @property
    def can_restart(self) -> bool:
        """Whether it waits at its end to be started again."""

    def restart(self) -> None:
        """Start a source that has ended again; `SourceError` when it cannot."""

    def seek(self, to_s: float) -> None:
        """Go to a place in the source; `SourceError` when it cannot after all."""
