"""Pages of named origins speak for their users from a browser; other pages cannot."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from datetime import timedelta
from pathlib import Path

import httpx
import pytest
from api.serving import serving

from sendopt.app import open_app
from sendopt.app.stores import DEFAULT_TENANT
from sendopt.errors import InvalidInput
from sendopt.records import UserId
from sendopt.settings import HttpSettings, Settings, load_settings

SHOP, STRANGER = "https://www.shop.example", "https://evil.example"
SERVICES = Path(__file__).parent.parent / "services"
ALLOWED = "access-control-allow-origin"
#: What a browser sends before `fetch(..., {method, headers: {Authorization, Content-Type}})`.
PREFLIGHT = {
    "Origin": SHOP,
    "Access-Control-Request-Method": "POST",
    "Access-Control-Request-Headers": "authorization,content-type",
}


@pytest.fixture(scope="module")
def service(
    empty_home: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[httpx.Client, str]]:
    """A client without any header of its own, and a user's token."""
    home = tmp_path_factory.mktemp("browsers") / "home"
    http = HttpSettings(browser_origins=(SHOP,))
    with closing(open_app(Settings(home=home, http=http))) as app:
        tokens = app.as_owner_of(DEFAULT_TENANT).device_tokens
        token = tokens.issue(UserId("ann"), lifetime=timedelta(hours=1)).token
        with serving(app) as url, httpx.Client(base_url=url, timeout=60) as client:
            yield client, token


@pytest.mark.parametrize(
    ("path", "method"),
    [
        ("/v1/me/devices", "POST"),
        ("/v1/me/devices/mine", "DELETE"),
        ("/v1/me/sends/s1/responses", "POST"),
    ],
)
def test_a_preflight_is_answered_without_a_token(
    service: tuple[httpx.Client, str], path: str, method: str
) -> None:
    asked = PREFLIGHT | {"Access-Control-Request-Method": method}
    answer = service[0].options(path, headers=asked)
    assert answer.status_code == 200
    assert answer.headers[ALLOWED] == SHOP
    assert method in answer.headers["access-control-allow-methods"].split(", ")
    allowed = answer.headers["access-control-allow-headers"].lower().split(", ")
    assert {"authorization", "content-type"} <= {*allowed}
    assert "origin" in answer.headers["vary"].lower().split(", ")
    assert "access-control-allow-credentials" not in answer.headers
    assert int(answer.headers["access-control-max-age"]) > 0


def test_a_page_reads_what_it_is_answered_refusals_too(service: tuple[httpx.Client, str]) -> None:
    client, token = service
    for bearer, status in ((token, 404), ("so_dev_none", 401)):
        headers = {"Origin": SHOP, "Authorization": f"Bearer {bearer}"}
        answer = client.delete("/v1/me/devices/none", headers=headers)
        assert (answer.status_code, answer.headers[ALLOWED]) == (status, SHOP)
        assert "origin" in answer.headers["vary"].lower()
        assert "x-request-id" in answer.headers["access-control-expose-headers"].lower()


@pytest.mark.parametrize(
    "origin", [STRANGER, "null", f"{SHOP}.evil.example", f"{SHOP}:8443", SHOP.upper()]
)
def test_no_other_page_is_allowed_anything(service: tuple[httpx.Client, str], origin: str) -> None:
    client, token = service
    before = client.options("/v1/me/devices", headers=PREFLIGHT | {"Origin": origin})
    assert ALLOWED not in before.headers
    headers = {"Origin": origin, "Authorization": f"Bearer {token}"}
    assert ALLOWED not in client.delete("/v1/me/devices/none", headers=headers).headers


def test_no_page_is_allowed_what_is_a_servers(service: tuple[httpx.Client, str]) -> None:
    client, _ = service
    for path in ("/v1/devices", "/v1/keys", "/v1/operator/keys", "/v1/users/ann/device-token"):
        answer = client.options(path, headers=PREFLIGHT)
        assert ALLOWED not in answer.headers
        assert answer.status_code == 405


def test_where_no_origin_is_named_no_page_is_allowed_anything(url: str) -> None:
    answer = httpx.options(f"{url}/v1/me/devices", headers=PREFLIGHT, timeout=60)
    assert (answer.status_code, ALLOWED in answer.headers) == (405, False)


@pytest.mark.parametrize(
    "origin",
    [
        *("*", "https://*.shop.example", "null", "shop.example", f"{SHOP}/", f"{SHOP}/page"),
        *(f"{SHOP}:443", "https://Shop.example", "ftp://shop.example", "https://", ""),
    ],
)
def test_what_no_browser_would_say_is_refused_as_an_origin(
    monkeypatch: pytest.MonkeyPatch, origin: str
) -> None:
    monkeypatch.setenv("SENDOPT_HTTP__BROWSER_ORIGINS", json.dumps([origin]))
    with pytest.raises(InvalidInput) as refused:
        load_settings()
    assert refused.value.code == "setting_invalid"


def test_origins_are_read_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    named = [SHOP, "http://localhost:3000", "http://[::1]:8080"]
    monkeypatch.setenv("SENDOPT_HTTP__BROWSER_ORIGINS", json.dumps(named))
    assert load_settings().http.browser_origins == tuple(named)


@pytest.mark.slow
def test_the_script_of_a_page_reaches_the_service(service: tuple[httpx.Client, str]) -> None:
    client, token = service

    def speak(origin: str) -> dict[str, object]:
        address = f"{client.base_url}/v1/me/devices/none".replace("//v1", "/v1")
        node = Path(sys.executable).with_name("node")
        script = [node, SERVICES / "shop.cjs", origin, address, token]
        ran = subprocess.run(script, capture_output=True, text=True, timeout=60, check=True)
        return json.loads(ran.stdout.splitlines()[-1])

    heard = speak(SHOP)
    assert (heard["status"], json.loads(str(heard["read"]))["code"]) == (404, "device_unknown")
    assert speak(STRANGER) == {"status": 0, "read": ""}
