"""Kodi runs this when the key is pressed: `RunScript(script.tvradar)`."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent / "resources" / "lib"))

from tvradar_window import main

main()
