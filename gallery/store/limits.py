"""What a gallery may hold: the writer keeps to it, and the reader refuses what is beyond.

Each bound is far above what an enrolment makes, and low enough that a file of somebody who errs or
cheats costs a device seconds and megabytes.
"""

from __future__ import annotations

MAX_RELEASE = 2**53 - 1
"""The largest whole number that every reader of JSON keeps exactly."""
MAX_DIM = 4096
MAX_ROWS = 2**31 - 1
MAX_SEGMENTS = 256
"""An open segment holds one descriptor, and two galleries are open in a swap."""
MAX_TEMPLATES_PER_PERSON = 255
MAX_WITHDRAWN_BYTES = 64 << 20
MAX_RECORD_BYTES = 256 << 10
MAX_PHOTO_BYTES = 65_536
MAX_LANGUAGES = 64
MAX_LANGUAGE_BYTES = 35
"""As long as a language tag of RFC 5646 can need to be."""
MAX_NAME_BYTES = 512
MAX_TEXT_BYTES = 16 << 10
MAX_WORKS = 500
MAX_PICTURES = 1000
MAX_HEADER_BYTES = 4096
PAGE_BYTES = 4096
QUERY_S = 2.0
"""Of the thread's own time, for one look-up in a table of people, which takes microseconds: a busy
machine makes no gallery bad."""


def check_s(size: int) -> float:
    """Return how much of its own time a thread may take to read a whole table of this many bytes.

    A core of a Xeon takes a second for 100 MB; the slowest board must not refuse a good gallery.
    """
    return 4.0 + size / (1 << 20)


def most_people_bytes(people: int) -> int:
    """Return what a table of this many people takes at most."""
    return 16 * PAGE_BYTES + people * (MAX_RECORD_BYTES + MAX_PHOTO_BYTES + 2 * PAGE_BYTES)
