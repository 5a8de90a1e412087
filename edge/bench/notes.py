"""What a side of a bench writes down while it runs."""

from __future__ import annotations

import time
from collections import defaultdict
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping


@dataclass(slots=True)
class Notes:
    """What a side writes down while it runs: `saw` for each frame, ids in `names` by frame."""

    names: dict[int, set[str]] = field(default_factory=lambda: defaultdict(set))
    faces: int = 0
    frames: int = 0
    last_s: float = 0.0
    first_s: float | None = None
    stage_s: dict[str, list[float]] = field(default_factory=dict)

    def saw(self, pts_s: float) -> None:
        """Count a frame that was shown at `pts_s`, seconds."""
        self.first_s = pts_s if self.first_s is None else self.first_s
        self.frames += 1
        self.last_s = pts_s

    def take(self, stage_s: Mapping[str, float]) -> None:
        """Note the time of each stage of a frame."""
        for stage, seconds in stage_s.items():
            self.stage_s.setdefault(stage, []).append(seconds)

    @contextmanager
    def timed(self, stage: str) -> Iterator[None]:
        """Take the time of what is inside, as one of `stage`."""
        begun = time.perf_counter()
        yield
        self.stage_s.setdefault(stage, []).append(time.perf_counter() - begun)
