"""A stranger of a film is named on a running device, recognised again, and erased."""

from __future__ import annotations

import re
import subprocess
import time
from typing import TYPE_CHECKING, Any

import httpx

from tests.free import FRAMES, RATE, STRANGER_FROM
from tests.integration.conftest import TVRADAR

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.free import Free


HERS_S = STRANGER_FROM / RATE
"""From here on only Grace Hopper is seen, who is not enrolled."""


def within(seconds: float, look: Callable[[], Any]) -> Any:
    """Return what `look` gives as soon as it gives something."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        if found := look():
            return found
        time.sleep(0.05)
    raise AssertionError("it never came")


def test_who_was_named_is_recognised_until_they_are_erased(
    free: Free, few: Path, tmp_path: Path
) -> None:
    config = tmp_path / "tvradar.toml"
    config.write_text(
        f'source = "{free.clip}"\ngallery = "{few}"\nloop = true\n[serve]\nport = 0\n'
        f'[naming]\nfolder = "{tmp_path / "local"}"\n'
    )
    log = tmp_path / "log"
    with log.open("w") as file:
        process = subprocess.Popen([str(TVRADAR), "run", "--config", str(config)], stderr=file)
    try:
        address = within(60, lambda: re.search(r"http://\S+/", log.read_text()))
        with httpx.Client(base_url=address[0]) as client:

            def named() -> list[str]:
                return [face.get("id", "") for face in client.get("api/scene").json()["faces"]]

            def waits() -> bool:
                """Go to her shot, and let her face wait for its name."""
                scene = client.get("api/scene").json()
                if not HERS_S <= scene.get("position_s", 0.0) < FRAMES / RATE:
                    client.post("api/seek", json={"to_s": HERS_S})
                    time.sleep(0.5)
                    return False
                told = client.post("api/press", json={}).json()
                for face in told["unnamed"]:
                    begun = client.post("api/naming", json={"track": face["track"]})
                    if begun.status_code == 200 and begun.json()["photo"]:
                        return True
                return False

            within(120, waits)
            kept = client.post("api/naming/save", json={"name": "Grace", "yes": True}).json()
            within(120, lambda: kept["id"] in named())
            person = client.get(f"api/people/{kept['id']}").json()
            assert person["names"] == {"en": "Grace"}
            assert client.get(person["photo"][1:]).content.startswith(b"\xff\xd8")
            assert client.post("api/naming/undo", json={"id": kept["id"]}).status_code == 200
            address_of = f"api/people/{kept['id']}"
            within(30, lambda: client.get(address_of).status_code == 404)
            assert kept["id"] not in named()
    finally:
        process.terminate()
        process.wait(30)
