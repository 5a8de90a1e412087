"""iQIYI-VID's measure: for each person, clips ranked by how surely they show them; mAP@100.

For each person there is a list of at most 100 clips without repeats. Its average precision is the
sum of (hits so far / rank) over the ranks of its hits, divided by the number of all clips that show
the person; without a list it is 0. The mean is over all people of whom the list has a clip. Clips
of nobody who is asked for stand in the list too (Liu et al., "iQIYI-VID: a large dataset for
multi-modal person identification", 2018).
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from edge.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from pathlib import Path

    from edge.recognise.scene import Candidate

MOST_RANKED = 100
NOBODY = "-"


@dataclass(frozen=True, slots=True)
class Clip:
    """A film of one person, or of nobody who is asked for (`person` is then None)."""

    path: Path
    person: str | None


def read_clips(path: Path) -> tuple[Clip, ...]:
    """Return the clips of a list: a path, a tab, a person's id or `-` on each line.

    Paths are relative to the list; empty lines and those that begin with `#` are left out.

    Raises:
        UsageError: it cannot be read, a line is none of these, or a clip stands there twice.
    """
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        why = getattr(error, "strerror", None) or "no UTF-8"
        raise UsageError(f"{path}: {why}, expected lines of CLIP, tab, PERSON or -") from error
    found: dict[Path, Clip] = {}
    for number, line in enumerate(lines, 1):
        if not line.strip() or line.startswith("#"):
            continue
        name, tab, person = line.partition("\t")
        if not tab or not name.strip() or not person.strip():
            raise UsageError(f"{path}: line {number}: expected CLIP, a tab, PERSON or -")
        clip = path.parent / name.strip()
        if clip in found:
            raise UsageError(f"{path}: line {number}: {name.strip()} stands there twice")
        found[clip] = Clip(clip, None if person.strip() == NOBODY else person.strip())
    if not any(clip.person for clip in found.values()):
        raise UsageError(f"{path}: no clip of anybody, expected lines of CLIP, tab, PERSON")
    return tuple(found.values())


class ScoredFace(Protocol):
    """A face as `identify` tells it."""

    @property
    def id(self) -> str | None:
        """Who is named."""

    @property
    def probability(self) -> float:
        """Of the name."""

    @property
    def candidates(self) -> tuple[Candidate, ...]:
        """Whom it may show."""


def scores_of(faces: Iterable[ScoredFace]) -> dict[str, float]:
    """Return how surely a clip shows each person: the best of all faces; who is named comes first.

    A face tells the cosine of each of its candidates; with a name, the name's probability too.
    """
    best: dict[str, float] = defaultdict(lambda: -1.0)
    for face in faces:
        for candidate in face.candidates:
            sure = 1 + face.probability if candidate.id == face.id else 0.0
            best[candidate.id] = max(best[candidate.id], candidate.score + sure)
    return dict(best)


def mean_average_precision(
    scores: Mapping[Path, Mapping[str, float]], clips: Sequence[Clip]
) -> float:
    """Return mAP@100 of clips, from how surely each shows each person."""
    shown: dict[str, set[Path]] = defaultdict(set)
    for clip in clips:
        if clip.person is not None:
            shown[clip.person].add(clip.path)
    precisions = []
    for person, theirs in shown.items():
        ranked = sorted(
            (path for path in scores if person in scores[path]),
            key=lambda path, who=person: (-scores[path][who], str(path)),  # type: ignore[misc]
        )[:MOST_RANKED]
        precisions.append(average_precision([path in theirs for path in ranked], len(theirs)))
    return sum(precisions) / len(precisions)


def average_precision(hits: Sequence[bool], every: int) -> float:
    """Return the average precision of a ranked list, of so many that it could have had."""
    so_far, total = 0, 0.0
    for rank, hit in enumerate(hits, 1):
        if hit:
            so_far += 1
            total += so_far / rank
    return total / every
