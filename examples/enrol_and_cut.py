"""Enrol a folder of people, then print when each is in a film.

python examples/enrol_and_cut.py PEOPLE FILM GALLERY
"""

import sys

from edge import enrol, identify, timeline_of

people, film, gallery = sys.argv[1:]
print(f"release {enrol(people, gallery).number}")
for person in timeline_of(identify(film, gallery)).people:
    times = ", ".join(f"{i.start_s:.1f} to {i.end_s:.1f}" for i in person.intervals)
    print(f"{person.name}: {times} s")
