"""The command `press`: ask the running service, as the button does."""

from __future__ import annotations

import json as jsonlib
import time
import urllib.error
import urllib.request
from typing import Any

from rich.table import Table

from edge.cli.console import err, out
from edge.errors import NotReachableError, UsageError
from edge.video.age import FRESH_S

START_S = 10.0
"""A service that was just started loads its models, and waits for a picture."""
TELL_S = 1.0


def press_button(url: str, *, at: float | None, token: str, json: bool) -> None:
    """Ask the running service who is on screen, as the button does."""
    url = url.rstrip("/")
    _await_start(url)
    answer = _post(url + "/api/press", {"at": at}, token)
    if json:
        out.print(jsonlib.dumps(answer, ensure_ascii=False), markup=False, soft_wrap=True)
        return
    table = Table("person", "role", "", "score")
    for person in answer["people"]:
        here = "on screen" if person["present"] == "now" else f"gone {person['seen_s']:.1f} s ago"
        role = person["role"].get("en", "")
        name = person["names"].get("en") or next(iter(person["names"].values()))
        table.add_row(name, role, here, f"{person['score']:.2f}")
    if answer["people"]:
        out.print(table)
    else:
        out.print(_nobody(answer.get("picture_age_s")))
    for text in answer.get("texts", ()):
        out.print(f"as the caption says: {text}", markup=False)
    for face in answer["unnamed"]:
        out.print(f"a face without a name: {face['why'].replace('_', ' ')}")


def _nobody(picture_age_s: float | None) -> str:
    if picture_age_s is None:
        return "no picture has come yet"
    if picture_age_s > FRESH_S:
        return f"no picture for {picture_age_s:.0f} s"
    return "nobody known is on screen"


def _await_start(url: str) -> None:
    """Wait for a service that is starting, until its first picture has come."""
    if not url.startswith(("http://", "https://")):
        raise UsageError(f"--url: {url}, expected http://HOST:PORT")
    until_s, told = time.monotonic() + START_S, False
    while time.monotonic() < until_s:
        try:
            with urllib.request.urlopen(f"{url}/readyz", timeout=5):  # noqa: S310
                return
        except urllib.error.HTTPError as error:
            if error.code != 503:  # it is there, and says more to the press itself
                return
        except (urllib.error.URLError, OSError, ValueError):
            pass
        if not told and until_s - time.monotonic() < START_S - TELL_S:
            err.print(f"waiting for the service at {url} to start …", markup=False)
            told = True
        time.sleep(0.2)


def _post(url: str, body: dict[str, Any], token: str) -> dict[str, Any]:
    request = urllib.request.Request(url, jsonlib.dumps(body).encode(), method="POST")  # noqa: S310
    if token:
        request.add_header("Authorization", f"Bearer {token}")
    try:
        with urllib.request.urlopen(request, timeout=5) as response:  # noqa: S310
            found: dict[str, Any] = jsonlib.load(response)
            return found
    except urllib.error.HTTPError as error:
        raise UsageError(f"{url}: {error.code}, {error.read(200).decode().strip()}") from error
    except (urllib.error.URLError, OSError, ValueError) as error:
        reason = getattr(error, "reason", error)
        raise NotReachableError(
            f'{url}: no answer ({reason}), expected a running service; start "tvradar run"'
        ) from error
