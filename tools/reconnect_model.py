"""What a back-off does to a fleet after an outage: a model, no network.

    python tools/reconnect_model.py [--devices 200000] [--per-s 500] [--outage-s 1 60 900]

All devices lose the broker at once; it comes back after the outage and then admits so many connects
a second, refusing the rest. Compared are the device's own `gallery.channel.backoff.Backoff` and
delays up to base x 2^tries. One JSON object a line: seconds from the return of the broker until
half and all of the fleet are back, and tries per device.
"""

from __future__ import annotations

import argparse
import heapq
import json
import random
from typing import TYPE_CHECKING

from gallery.channel.backoff import BASE_S, CAP_S, Backoff

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

Policy = "Callable[[random.Random], Callable[[float], float]]"


def doubling(base_s: float) -> Callable[[random.Random], Callable[[float], float]]:
    """Delays of 0 to base x 2^tries."""

    def make(rng: random.Random) -> Callable[[float], float]:
        tops = iter_doubled(base_s)
        return lambda _now_s: rng.uniform(0, next(tops))

    return make


def iter_doubled(top_s: float) -> Iterator[float]:
    """Yield base, twice that, and so on up to the cap."""
    while True:
        yield min(top_s, CAP_S)
        top_s *= 2


def elapsed(base_s: float) -> Callable[[random.Random], Callable[[float], float]]:
    """The device's own."""

    def make(rng: random.Random) -> Callable[[float], float]:
        backoff = Backoff(base_s, rng=rng)
        backoff.up(-1e9)
        return backoff.next_s

    return make


def outage(
    make: Callable[[random.Random], Callable[[float], float]],
    devices: int,
    per_s: float,
    outage_s: float,
) -> dict[str, float]:
    """Let all lose the broker at 0 s and play until all are back."""
    rng = random.Random(6)
    delays = [make(rng) for _ in range(devices)]
    due = [(delay(0.0), number) for number, delay in enumerate(delays)]
    heapq.heapify(due)
    tries, admitted, filled_s, tokens = 0, [], outage_s, 1.0
    while due:
        now_s, number = heapq.heappop(due)
        tries += 1
        if now_s >= outage_s:
            tokens = min(per_s, tokens + (now_s - filled_s) * per_s)
            filled_s = now_s
            if tokens >= 1:
                tokens -= 1
                admitted.append(now_s - outage_s)
                continue
        heapq.heappush(due, (now_s + delays[number](now_s), number))
    return {
        "half_s": round(admitted[devices // 2], 1),
        "all_s": round(admitted[-1], 1),
        "tries": round(tries / devices, 1),
    }


def main() -> None:
    """Print the comparison."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--devices", type=int, default=200_000)
    parser.add_argument("--per-s", type=float, default=500.0)
    parser.add_argument("--outage-s", type=float, nargs="+", default=[1.0, 60.0, 900.0])
    options = parser.parse_args()
    for outage_s in options.outage_s:
        for base_s in sorted({BASE_S, 5.0}):
            for name, policy in (("elapsed", elapsed), ("doubling", doubling)):
                found = outage(policy(base_s), options.devices, options.per_s, outage_s)
                ideal_s = options.devices / options.per_s
                row = {"outage_s": outage_s, "policy": name, "base_s": base_s, "ideal_s": ideal_s}
                print(json.dumps(row | found), flush=True)


if __name__ == "__main__":
    main()
