"""Split folders of labelled pictures into people to enrol and pictures to search with.

    python tools/split_people.py DATASET OUT --enrolled 12 --pictures 3

OUT/enrol has some people with some pictures each, OUT/probes the other pictures of these people and
all pictures of the rest, who are the strangers. Pictures are linked, not copied. The same seed
gives the same split.
"""

from __future__ import annotations

import argparse
import random
import sys
from pathlib import Path


def main() -> int:
    """Return 0, or 2 when the dataset has too few people or pictures."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("dataset", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--enrolled", type=int, default=12, help="people to enrol")
    parser.add_argument("--pictures", type=int, default=3, help="pictures of each to enrol")
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    people = sorted(p for p in given.dataset.iterdir() if p.is_dir())
    if len(people) <= given.enrolled:
        print(f"{given.dataset}: {len(people)} people, expected more than {given.enrolled}")
        return 2
    rng = random.Random(given.seed)
    enrolled = set(rng.sample(people, given.enrolled))
    for person in people:
        pictures = sorted(p for p in person.iterdir() if p.is_file())
        chosen = set(rng.sample(pictures, given.pictures)) if person in enrolled else set()
        for picture in pictures:
            part = "enrol" if picture in chosen else "probes"
            link = given.out / part / person.name / picture.name
            link.parent.mkdir(parents=True, exist_ok=True)
            link.symlink_to(picture.resolve())
    return 0


if __name__ == "__main__":
    sys.exit(main())
