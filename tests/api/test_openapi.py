"""The description of the API: complete, valid, and what the code does."""

from __future__ import annotations

import json
import re
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

import sendopt
from sendopt import schedule
from sendopt.api import create_api, write_openapi
from sendopt.app import App
from sendopt.ingest import AcceptedEvent, accept_events, read_device

REFERENCE = Path(__file__).parents[2] / "docs" / "reference" / "openapi.json"


@pytest.fixture
def document(stranger: httpx.Client) -> dict[str, Any]:
    found: dict[str, Any] = stranger.get("/openapi.json").json()
    return found


def operations(document: dict[str, Any]) -> list[tuple[str, str, dict[str, Any]]]:
    return [
        (method, path, operation)
        for path, methods in document["paths"].items()
        for method, operation in methods.items()
    ]


def test_the_reference_in_the_documentation_is_the_one_that_is_served(
    app: App, document: dict[str, Any], tmp_path: Path
) -> None:
    write_openapi(create_api(app), tmp_path / "openapi.json")
    assert json.loads((tmp_path / "openapi.json").read_text()) == document
    assert REFERENCE.read_text() == (tmp_path / "openapi.json").read_text(), "run `make docs`"


def test_every_reference_leads_somewhere(document: dict[str, Any]) -> None:
    text = json.dumps(document)
    named = {part.split('"')[0] for part in text.split("#/components/schemas/")[1:]}
    assert named == set(document["components"]["schemas"])


def test_every_failure_is_described_as_a_problem(document: dict[str, Any]) -> None:
    for method, path, operation in operations(document):
        failures = {
            status: answer
            for status, answer in operation["responses"].items()
            if (status >= "400" or status == "default") and path != "/readyz"
        }
        for answer in failures.values():
            assert list(answer["content"]) == ["application/problem+json"], (method, path)
        if path.startswith("/v1/"):
            assert {"401", "503"} <= set(failures)
            assert operation["security"] == [{"api_key": []}]
        if "requestBody" in operation:
            assert {"400", "408", "413", "415", "422"} <= set(failures)


def test_every_operation_explains_itself(document: dict[str, Any]) -> None:
    for method, path, operation in operations(document):
        assert len(operation["description"]) > 20, (method, path)
    ids = [operation["operationId"] for _, _, operation in operations(document)]
    assert len(set(ids)) == len(ids)


def test_every_request_and_every_answer_has_an_example(document: dict[str, Any]) -> None:
    for method, path, operation in operations(document):
        assert operation["summary"], (method, path)
        bodies = {"request": operation["requestBody"]} if "requestBody" in operation else {}
        for status, described in {**bodies, **operation["responses"]}.items():
            for content in described.get("content", {}).values():
                assert "example" in content, (method, path, status)


def test_every_code_that_is_told_of_is_one(document: dict[str, Any]) -> None:
    files = [*Path(sendopt.__file__).parent.rglob("*.py")]
    elsewhere = "".join(file.read_text() for file in files if file.parent.name != "routes")
    raised = re.findall(r'code="(\w+)"', "".join(file.read_text() for file in files))
    told = {
        each
        for _, _, operation in operations(document)
        for answer in operation["responses"].values()
        for each in answer.get("x-codes", ())
    }
    assert {each for each in told - {*raised} if f'"{each}"' not in elsewhere} == set()


def test_the_examples_are_accepted(app: App, document: dict[str, Any]) -> None:
    def example(path: str) -> Any:
        return document["paths"][path]["post"]["requestBody"]["content"]["application/json"][
            "example"
        ]

    now = app.clock.now() + timedelta(days=1)
    schedule.parse_campaign(example("/v1/campaigns"), now=now)
    read_device(example("/v1/devices"), now=now).required()
    assert all(
        isinstance(item, AcceptedEvent) for item in accept_events(example("/v1/events"), now=now)
    )


def test_a_body_whose_fields_all_have_defaults_may_be_left_out(
    app: App, document: dict[str, Any], url: str, acme_key: str
) -> None:
    keys = {True: app.operator.keys.issue("no body").key, False: acme_key}
    free = {
        (method, path)
        for method, path, operation in operations(document)
        if not operation.get("requestBody", {"required": True})["required"]
    }
    assert ("post", "/v1/users/{user_id}/device-token") in free
    for method, path in free:
        key = keys[path.startswith("/v1/operator/")]
        with httpx.Client(base_url=url, headers={"Authorization": f"Bearer {key}"}) as client:
            asked = path.replace("{user_id}", "ann")
            without = client.request(method, asked)
            assert without.status_code == client.request(method, asked, json={}).status_code
            assert without.is_success, (path, without.text)
            assert client.request(method, asked, content=b"{}").status_code == 415, path


def test_a_body_that_is_missing_is_told_of(acme: httpx.Client) -> None:
    answer = acme.put("/v1/users/ann")
    assert (answer.status_code, answer.json()["code"]) == (415, "unsupported_media_type")
    assert answer.json()["detail"].startswith("there is no body")
    of_a_form = acme.put("/v1/users/ann", data={"timezone": "UTC"})
    assert of_a_form.json()["detail"] == "this media type is not read here"
