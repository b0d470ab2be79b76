"""What cannot be meant is told over HTTP, all at once, and leaves nothing half planned."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import httpx
import pytest
from scheduler import bad_plans

TRIGGER = {**bad_plans.TRIGGER, "campaign_id": "asked-for-badly", "user_id": "ann"}
AS_ONE, AS_LOCAL = (
    (bad_plans.CAMPAIGN, bad_plans.WRONG_IN_CAMPAIGN),
    (bad_plans.LOCAL_CAMPAIGN, bad_plans.WRONG_IN_LOCAL_CAMPAIGN),
)


@pytest.mark.parametrize(
    ("asked", "given"),
    [
        ("POST /v1/campaigns?commit=true", AS_ONE),
        ("POST /v1/campaigns", AS_ONE),
        ("POST /v1/campaigns?commit=true", AS_LOCAL),
        ("POST /v1/campaigns/all-wrong/revise", AS_ONE),
        ("PUT /v1/limits", (bad_plans.LIMITS, bad_plans.WRONG_IN_LIMITS)),
        ("POST /v1/sends", (TRIGGER, bad_plans.WRONG_IN_TRIGGER)),
    ],
)
def test_everything_is_told_at_once_and_nothing_is_stored(
    acme: httpx.Client,
    row_counts: Callable[[], dict[str, int]],
    asked: str,
    given: tuple[dict[str, Any], dict[str, str]],
) -> None:
    body, wrong = given
    before = row_counts()
    answer = acme.request(*asked.split(), json=body)
    assert answer.status_code == 422
    assert {each["field"]: each["code"] for each in answer.json()["errors"]} == wrong
    assert row_counts() == before
