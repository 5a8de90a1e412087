"""A telephone in the home network: what it may before and after it was let in."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import httpx
import pytest
from websockets.sync.client import connect

from edge.serve.pairing import GUESSES
from tests.serving import Device4Tests, face, serving

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

TOKEN = "the-owner"
OWN = {"Authorization": f"Bearer {TOKEN}"}
FORBIDDEN = (
    *("", "metrics", "api/scene", "api/status", "api/people/ada", "api/people/ada/photo"),
    *("api/people/ada/scenes", "api/title", "api/stills/1.0"),
)


@pytest.fixture
def device(tmp_path: Path) -> Iterator[Device4Tests]:
    with serving(token=TOKEN, naming=tmp_path / "local", phone=True, playing=True) as made:
        made.show(face(1, 60, None, "profile"))
        yield made


@pytest.fixture
def phone(device: Device4Tests) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=device.url) as client:
        yield client


def code_on_the_screen(device: Device4Tests, phone: httpx.Client) -> str:
    """Ask for a code, and read it where the owner's page does."""
    with connect(device.url.replace("http", "ws") + f"api/live?token={TOKEN}") as screen:
        assert phone.post("api/phone/ask").status_code == 200
        while True:
            message = json.loads(screen.recv(5))
            if message["type"] == "pairing":
                return str(message["code"])


def pair(device: Device4Tests, phone: httpx.Client) -> None:
    code = code_on_the_screen(device, phone)
    assert phone.post("api/phone/pair", json={"code": code}).status_code == 200
    assert phone.get("api/phone").json() == {"paired": True}


def is_shut(device: Device4Tests, phone: httpx.Client) -> bool:
    found = {path: phone.get(path).status_code for path in FORBIDDEN}
    found |= {
        path: phone.post(path, json=body).status_code
        for path, body in (
            ("api/press", {}),
            ("api/feedback", {"track": 1, "id": "ada"}),
            ("api/seek", {"to_s": 1.0}),
            ("api/restart", {}),
        )
    }
    assert set(found.values()) == {401}, found
    cookies = "; ".join(f"{k}={v}" for k, v in phone.cookies.items())
    address = device.url.replace("http", "ws") + "api/live"
    with (
        pytest.raises(Exception, match=r"403|1008"),
        connect(address, additional_headers={"Cookie": cookies}) as socket,
    ):
        socket.recv(5)
    return True


def test_a_telephone_that_was_not_let_in_may_ask_and_nothing_else(
    device: Device4Tests, phone: httpx.Client
) -> None:
    assert phone.get("phone").status_code == 200
    assert phone.get("phone.js").status_code == 200
    assert phone.get("api/phone").json() == {"paired": False}
    assert is_shut(device, phone)
    for path in ("api/naming", "api/naming/photo"):
        assert phone.get(path).status_code == 401
    for path in ("api/naming/save", "api/naming/undo", "api/phone/key", "api/phone/forget"):
        assert phone.post(path, json={}).status_code == 401


def test_a_code_is_not_guessed(device: Device4Tests, phone: httpx.Client) -> None:
    code = code_on_the_screen(device, phone)
    for n in range(1, GUESSES + 1):
        wrong = f"{(int(code) + n) % 10**6:06d}"
        assert phone.post("api/phone/pair", json={"code": wrong}).status_code == 403
    assert phone.post("api/phone/pair", json={"code": code}).status_code == 403
    assert phone.post("api/phone/ask").status_code == 429  # no new one so soon
    assert not phone.cookies


def test_a_telephone_that_was_let_in_has_its_own_paths_only(
    device: Device4Tests, phone: httpx.Client
) -> None:
    pair(device, phone)
    assert is_shut(device, phone)
    assert phone.post("api/phone/key", json={"key": "radar"}).status_code == 200
    assert phone.post("api/phone/key", json={"key": "power"}).status_code == 400
    assert phone.get("api/naming").json() == {"waiting": False, "photo": False}
    stolen = {"Origin": "https://evil.example"}
    assert phone.post("api/phone/key", json={"key": "ok"}, headers=stolen).status_code == 403
    host = {"Host": "evil.example"}
    assert phone.post("api/phone/key", json={"key": "ok"}, headers=host).status_code == 421
    assert phone.post("api/phone/forget").status_code == 200
    assert phone.post("api/phone/key", json={"key": "ok"}).status_code == 401


def test_a_face_is_kept_after_a_yes_and_erased_after_an_undo(
    device: Device4Tests, phone: httpx.Client, tmp_path: Path
) -> None:
    pair(device, phone)
    begun = httpx.post(device.url + "api/naming", json={"track": 1}, headers=OWN)
    assert begun.json() == {"track": 1, "photo": True}
    assert phone.get("api/naming/photo").content.startswith(b"\xff\xd8")
    for refused in ({"name": "Mum"}, {"name": "Mum", "yes": False}):
        assert phone.post("api/naming/save", json=refused).status_code == 409
    assert phone.post("api/naming/save", json={"name": " ", "yes": True}).status_code == 400
    assert not (tmp_path / "local").exists()
    kept = phone.post("api/naming/save", json={"name": "Mum", "yes": True})
    assert kept.json()["name"] == "Mum"
    assert phone.post("api/naming/save", json={"name": "Mum", "yes": True}).status_code == 404
    undone = phone.post("api/naming/undo", json={"id": kept.json()["id"]})
    assert undone.json()["undone"] is True
    files = [p for p in (tmp_path / "local").rglob("*") if p.is_file()]
    assert not any(b"Mum" in p.read_bytes() for p in files)
    assert phone.post("api/naming/undo", json={"id": "ada"}).status_code == 404
    for track, status in ((91, 409), (92, 404)):
        answer = httpx.post(device.url + "api/naming", json={"track": track}, headers=OWN)
        assert answer.status_code == status


def test_devices_as_shipped_have_none_of_it() -> None:
    with serving() as device:
        for path in ("phone", "api/phone", "api/naming"):
            assert httpx.get(device.url + path).status_code == 404
        for path in ("api/naming", "api/naming/save", "api/phone/pair"):
            assert httpx.post(device.url + path, json={}).status_code in {404, 405}
