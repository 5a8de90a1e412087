"""Write the given names by which a caption that names nobody enrolled is known to be a name.

    pip install faker==40.63.0
    python tools/given_names.py edge/captions/given_names.txt

They are those of all locales of Faker (MIT), folded as names are compared, in Latin letters.
"""

from __future__ import annotations

import importlib
import pkgutil
import re
import sys
import textwrap
from pathlib import Path
from typing import TYPE_CHECKING

from gallery.titles.match import fold

if TYPE_CHECKING:
    from collections.abc import Iterator

LEAST_LETTERS = 3


def told_by(provider: type) -> Iterator[str]:
    """Yield the given names of one locale."""
    for field in dir(provider):
        names = getattr(provider, field)
        if not field.startswith("first_name") or callable(names) or isinstance(names, property):
            continue
        for name in names:  # texts; pairs of a text and its frequency are of mappings' items
            if isinstance(name, str):
                yield name


def main() -> int:
    """Write them."""
    import faker.providers.person as people

    found = set()
    for module in pkgutil.iter_modules(people.__path__):
        provider = importlib.import_module(f"{people.__name__}.{module.name}").Provider
        for name in told_by(provider):
            found |= {fold(part) for part in re.split(r"[ \-]", name)}
    kept = sorted(n for n in found if len(n) >= LEAST_LETTERS and n.isascii() and n.isalpha())
    Path(sys.argv[1]).write_text(textwrap.fill(" ".join(kept), 100) + "\n")
    print(f"{len(kept)} names")
    return 0


if __name__ == "__main__":
    sys.exit(main())
