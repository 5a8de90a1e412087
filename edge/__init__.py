"""tvradar: who is on screen. `edge.library` has the functions that other programs call.

They are loaded on first use, because the updater, which is in this package too, needs neither
models nor OpenCV.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from edge.library import enrol, identify, open_gallery, open_models, timeline_of
    from edge.offline.summary import Identification
    from edge.timeline.timeline import Timeline
    from edge.video.open import open_source
    from gallery.search.search import Gallery

__all__ = [
    "Gallery",
    "Identification",
    "Timeline",
    "enrol",
    "identify",
    "open_gallery",
    "open_models",
    "open_source",
    "timeline_of",
]


def __getattr__(name: str) -> Any:
    """Return a function of the library, loaded on first use."""
    if name in __all__:
        value = getattr(import_module("edge.library"), name)
        globals()[name] = value
        return value
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
