"""Print who is in a film or picture: python examples/who_is_in_it.py FILM GALLERY."""

import sys

from edge import identify

source, gallery = sys.argv[1:]
for person in identify(source, gallery).people:
    print(f"{person.name}: {person.seconds:.1f} s, first at {person.first_s:.1f} s")
