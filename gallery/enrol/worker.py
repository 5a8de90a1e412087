"""What embeds parts of a catalogue: in this process, in one of a pool, or in one of Ray's."""

from __future__ import annotations

import ctypes
import signal
import sys
from typing import TYPE_CHECKING

import msgspec

from gallery.enrol.embed import embed_entry, enrolment_pipeline
from gallery.enrol.shards import Shard, ShardStore, encode

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from engines.pipeline import FacePipeline

_PR_SET_PDEATHSIG = 1
_worker: Embedder | None = None


class Embedder:
    """The models, loaded when a part first needs them.

    Args:
        threads: for one run of a model.
    """

    def __init__(self, threads: int = 1) -> None:
        self._threads = threads
        self._pipelines: dict[str, FacePipeline] = {}

    def embed(
        self,
        shard: Shard,
        on_person: Callable[[int], None] = lambda _: None,
        on_picture: Callable[[str], None] = lambda _: None,
        deadly: frozenset[str] = frozenset(),
    ) -> bytes:
        """Return a part as `encode` writes it.

        Args:
            shard: the part.
            on_person: called after each person with how many pictures they had.
            on_picture: called with the address of each picture before it is opened.
            deadly: addresses of pictures that are not to be opened.

        Raises:
            CatalogueReadError: a picture's store cannot be reached.
        """
        if shard.embedder not in self._pipelines:
            self._pipelines[shard.embedder] = enrolment_pipeline(self._threads, shard.embedder)
        pipeline = self._pipelines[shard.embedder]
        part = []
        for entry in shard.entries:
            part.append(embed_entry(pipeline, entry, on_picture, deadly))
            on_person(len(entry.pictures))
        return encode(tuple(part))

    def __call__(self, row: dict[str, bytes]) -> dict[str, bytes]:
        """Do a part as a row of Ray Data: `shard` in MessagePack; `key` and `part` come back."""
        shard = msgspec.msgpack.decode(row["shard"], type=Shard)
        return {"key": shard.key.encode(), "part": self.embed(shard)}


def start() -> None:
    """Make this process of a pool ready; it ends when the one that started it does."""
    global _worker  # noqa: PLW0603  (one process, one set of models)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C goes to the whole group
    if sys.platform == "linux":
        # A pool's processes wait for work on pipes that their siblings hold open, too: a driver
        # that is killed would leave them all behind.
        ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    _worker = Embedder()


def work(shard: Shard, folder: Path, deadly: frozenset[str] = frozenset()) -> str:
    """Do a part in a process of a pool; return its key.

    If the process dies, `ShardStore.in_work` tells at which picture.
    """
    assert _worker is not None
    store = ShardStore(folder)
    store.in_work(shard.key)  # forgets what an earlier run left
    encoded = _worker.embed(
        shard, on_picture=lambda uri: store.begin(shard.key, uri), deadly=deadly
    )
    store.put(shard.key, encoded)
    return shard.key
