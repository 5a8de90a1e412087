import httpx
import pytest

from tests.serving import serving


def test_a_token_is_needed_where_one_is_set() -> None:
    with (
        serving(token="secret", hosts=frozenset({"tv.local"})) as device,
        httpx.Client(base_url=device.url) as client,
    ):
        assert client.get("/").status_code == 401
        assert client.get("/healthz").status_code == 200
        assert client.get("/?token=wrong").status_code == 401
        assert client.get("/", headers={"authorization": "Bearer secret"}).status_code == 200
        assert client.get("/?token=secret").status_code == 200
        # the page's own requests carry the cookie from here on
        assert client.post("/api/press", json={}).status_code == 200
        assert client.get("/healthz", headers={"host": "tv.local"}).status_code == 200


def test_any_token_travels_in_a_cookie() -> None:
    with (
        serving(token="秘密; a=b") as device,
        httpx.Client(base_url=device.url) as client,
    ):
        assert client.get("/", params={"token": "秘密; a=b"}).status_code == 200
        assert client.post("/api/press", json={}).status_code == 200


@pytest.mark.parametrize("foreign", ["a[b]=1", "x y=2", "=", "ünï=1", '"q=1', "a=b=c"])
def test_a_foreign_cookie_with_an_odd_name_does_not_hide_ours(foreign: str) -> None:
    with serving(token="秘密; a=b") as device:
        opened = httpx.get(device.url, params={"token": "秘密; a=b"})
        ours = opened.headers["set-cookie"].partition(";")[0]
        for cookie in (f"{foreign}; {ours}", f"{ours}; {foreign}"):
            raw = [(b"cookie", cookie.encode("latin-1"))]
            assert httpx.get(device.url + "api/status", headers=raw).status_code == 200
        raw = [(b"cookie", f"{foreign}; tvradar_token=wrong".encode("latin-1"))]
        assert httpx.get(device.url + "api/status", headers=raw).status_code == 401


def test_a_dashboard_may_show_the_page_where_it_is_named() -> None:
    with serving(token="s", frame_ancestors=("http://home.local:8123",)) as device:
        page = httpx.get(device.url + "?token=s")
        policy = page.headers["content-security-policy"]
        assert "frame-ancestors 'self' http://home.local:8123" in policy
        assert httpx.get(device.url + "overlay.js").status_code == 200  # no cookie comes there
        for hidden in ("", "api/status", "api/people/ada.js", "api/people/ada.js/photo"):
            assert httpx.get(device.url + hidden).status_code == 401
    with serving() as device:
        policy = httpx.get(device.url).headers["content-security-policy"]
        assert policy.endswith("frame-ancestors 'self'")
