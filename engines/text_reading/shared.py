"""The models of text, loaded once for all who read in a process."""

from __future__ import annotations

import threading
import weakref
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from engines.text_reading.lines import TextModels, TextReader


class SharedText:
    """Gives readers over one pair of models: loaded with the first, freed with the last of them.

    Any thread may ask for a reader; each reader is of the thread that asked.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._models: weakref.ref[TextModels] | None = None

    def reader(self) -> TextReader:
        """Return a reader with a memory of its own.

        Raises:
            ModelMissingError: the files are not in the cache and cannot be fetched.
        """
        from engines.text_reading.lines import TextModels, TextReader  # noqa: PLC0415 - heavy

        with self._lock:
            models = self._models() if self._models is not None else None
            if models is None:
                models = TextModels()
                self._models = weakref.ref(models)
            return TextReader(models)
