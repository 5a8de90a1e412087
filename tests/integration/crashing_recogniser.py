"""`tvradar run` with a fault put in, for one test: opening release TVRADAR_TEST_FAULT aborts.

The process really dies, by SIGABRT, as it would of a fault in a native library. All else is the
real command.
"""

import os
import sys

from edge.cli.main import main
from gallery.store import release

FATAL = int(os.environ["TVRADAR_TEST_FAULT"])
_decode = release.decode_release


def decode_release(data, path):
    found = _decode(data, path)
    if found.number == FATAL:
        os.write(2, b"fault put in by the test: abort\n")
        os.abort()
    return found


for module in [m for n, m in sys.modules.items() if n.startswith("gallery.")]:
    if getattr(module, "decode_release", None) is _decode:
        module.decode_release = decode_release
main()
