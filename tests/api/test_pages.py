"""What people see in a browser: complete, from here alone."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import httpx
import pytest

import sendopt

RENDER = Path(__file__).parents[1] / "services" / "render.cjs"
BROWSER = {"Accept": "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"}


def parts(page: str) -> list[str]:
    return re.findall(r'(?:src|href)="([^"]+)"', page)


@pytest.mark.parametrize("path", ["/", "/docs"])
def test_a_page_has_all_its_parts_from_here(stranger: httpx.Client, path: str) -> None:
    page = stranger.get(path, headers=BROWSER)
    assert page.headers["content-type"] == "text/html; charset=utf-8"
    assert page.headers["x-request-id"]
    assert len(parts(page.text)) > 3
    for part in parts(page.text):
        assert not part.startswith(("http:", "https:", "//", "data:")), part
        assert stranger.get(f"/{part}").status_code == 200, part


def test_a_page_may_ask_nobody_else_and_run_nothing_that_stands_in_it(
    stranger: httpx.Client,
) -> None:
    policy = stranger.get("/docs").headers["content-security-policy"]
    allowed = {name: sources for name, *sources in (each.split() for each in policy.split(";"))}
    assert allowed["default-src"] == ["'none'"]
    assert allowed["script-src"] == allowed["connect-src"] == ["'self'"]
    assert {source for sources in allowed.values() for source in sources} <= {
        *("'self'", "'none'", "'unsafe-inline'", "data:")
    }
    page = stranger.get("/docs").text
    assert re.findall(r"<script(?![^>]*\ssrc=)", page) == []
    assert re.findall(r"\son\w+=", page) == []


def test_the_reference_keeps_no_key_and_asks_no_validator(stranger: httpx.Client) -> None:
    script = stranger.get("/docs/reference.js").text
    assert "persistAuthorization: false" in script
    assert "validatorUrl: null" in script
    assert "SwaggerUIBundle" in stranger.get("/docs/swagger-ui-bundle.js").text


def test_the_reference_shows_every_operation_and_asks_this_service_alone(
    url: str, stranger: httpx.Client
) -> None:
    paths = stranger.get("/openapi.json").json()["paths"]
    operations = sum(map(len, paths.values()))
    node = Path(sys.executable).with_name("node")
    command = [node, RENDER, f"{url}/docs", ".opblock", str(operations)]
    shown = json.loads(subprocess.run(command, capture_output=True, check=True).stdout)
    assert (shown["shown"], shown["failures"]) == (operations, [])
    assert {*shown["asked"]} >= {f"{url}/docs", f"{url}/openapi.json"}
    assert all(each.startswith(f"{url}/") for each in shown["asked"])


def test_a_program_is_told_where_the_description_is(stranger: httpx.Client) -> None:
    answer = stranger.get("/").json()
    assert (answer["name"], answer["version"]) == ("sendopt", sendopt.__version__)
    assert stranger.get(answer["openapi"]).json()["openapi"].startswith("3.1")
    assert stranger.get(answer["docs"]).status_code == 200


def test_no_other_file_is_served(stranger: httpx.Client) -> None:
    for name in ("redoc.standalone.js", "..%2freference.py", "%2Fetc%2Fpasswd", "nothing"):
        assert stranger.get(f"/docs/{name}").status_code == 404


def test_a_parameter_is_unheard_on_a_page_as_elsewhere(stranger: httpx.Client) -> None:
    assert stranger.get("/docs?page=2").json()["code"] == "unknown_parameter"
