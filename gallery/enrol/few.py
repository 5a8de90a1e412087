"""Who has fewer pictures than help, and what that costs, in numbers."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from gallery.enrol.labels import NEARLY_THE_SAME

if TYPE_CHECKING:
    from collections.abc import Iterable

    from gallery.enrol.people import PersonReport

ENOUGH = 3
NAMED_OF_100 = {1: 75, 2: 90, 3: 92, 5: 95}
"""Of 100 other pictures of people enrolled with so many, among 1,000 people at a promised 1 %, so
many are named; `tools/evaluate_enrolment.py`, docs/accuracy.md."""


class FewPictures(msgspec.Struct, frozen=True):
    """Somebody who is enrolled with fewer than `ENOUGH` different pictures."""

    id: str
    pictures: int


def few_pictures(reports: Iterable[PersonReport]) -> list[FewPictures]:
    """Return who should get more pictures; nearly the same ones count once."""
    counts = (FewPictures(r.id, _different(r)) for r in reports if r.enrolled)
    return [one for one in counts if one.pictures < ENOUGH]


def what_few_cost(few: list[FewPictures]) -> str:
    """Return a sentence for the user, or nothing where everybody has enough."""
    if not few:
        return ""
    one = sum(person.pictures == 1 for person in few)
    people = "1 person has" if len(few) == 1 else f"{len(few)} people have"
    costs = ", ".join(f"{named} with {count}" for count, named in NAMED_OF_100.items())
    return (
        f"{people} fewer than {ENOUGH} pictures, {one} of them a single one; of 100 other pictures "
        f"of a person among 1,000 this many are named: {costs}; add pictures of other days"
    )


def _different(report: PersonReport) -> int:
    kept = [picture for picture in report.pictures if picture.status != "rejected"]
    return max(1, sum(not picture.reason.startswith(NEARLY_THE_SAME) for picture in kept))
