"""What tracks say by themselves, from all that was seen of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from edge.recognise.search import search, search_cued

if TYPE_CHECKING:
    from collections.abc import Sequence

    from edge.recognise.decide import Claim
    from edge.recognise.evidence import TrackState
    from gallery.search.search import Gallery


def claims_of(tracks: Sequence[TrackState], gallery: Gallery) -> list[Claim]:
    """Return what tracks say, from all that was seen of them; whom they are like is searched."""
    known = [t for t in tracks if t.template.vectors]
    if known:
        probes = np.stack([t.template.overall() for t in known])
        found = search(gallery, probes)
        cued = search_cued(gallery, probes, [t.evidence for t in known], found)
        for state, candidates, more in zip(known, found, cued, strict=True):
            state.candidates, state.cued = candidates, more
            state.impostor_mean = state.template.impostor_mean()
    for state in tracks:
        state.displayed_id = None
    return [state.claim() for state in tracks]
