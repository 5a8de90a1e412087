"""Say who is in each photograph of a folder: python examples/sort_photographs.py FOLDER GALLERY.

The models are loaded once for all of them, and a damaged file does not end the rest.
"""

import sys
from contextlib import closing
from pathlib import Path

from edge import identify, open_gallery, open_models
from edge.errors import EdgeError

folder, gallery = Path(sys.argv[1]), open_gallery(sys.argv[2])
with closing(open_models()) as models:
    for path in sorted(p for p in folder.iterdir() if p.is_file()):
        try:
            found = identify(path, gallery, models=models)
        except EdgeError as error:
            print(f"{path.name}: {error}", file=sys.stderr)
            continue
        print(f"{path.name}: {', '.join(p.name for p in found.people) or 'nobody known'}")
