"""How clicks are counted: one test for each rule, with the name that the rule has."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import crawleruseragents
import pytest

from sendopt.track.rules import RULES, ClickRequest, Hit, filtered_reason

DOCUMENT = Path(__file__).parents[2] / "docs" / "how-we-count.md"

HANDED_OVER = datetime(2026, 10, 1, 9, tzinfo=UTC)
WINDOW = timedelta(hours=24)
MICROSECOND = timedelta(microseconds=1)

PEOPLE = (
    "(Linux; Android 14; Pixel 8) AppleWebKit/537.36 Chrome/126.0.0.0 Mobile Safari/537.36",
    "(iPhone; CPU iPhone OS 17_5 like Mac OS X) AppleWebKit/605.1.15 Version/17.5 Safari/604.1",
    "(X11; Linux x86_64; rv:127.0) Gecko/20100101 Firefox/127.0",
    "(Linux; Android 14; SM-S918B) AppleWebKit/537.36 SamsungBrowser/25.0 Mobile Safari/537.36",
    "(Linux; Android 9; CUBOT_X19) AppleWebKit/537.36 Chrome/94.0.4606.85 Mobile Safari/537.36",
    "(Windows NT 10.0; Win64; x64) AppleWebKit/537.36 Chrome/126.0 Safari/537.36 Edg/126.0",
)
PHONE = f"Mozilla/5.0 {PEOPLE[0]}"


def a_hit(
    *,
    method: str = "GET",
    user_agent: str | None = PHONE,
    headers: dict[str, str] | None = None,
    after: timedelta | None = timedelta(seconds=30),
    counted_before: bool = False,
) -> Hit:
    sent = dict(headers or {})
    if user_agent is not None:
        sent["User-Agent"] = user_agent
    return Hit(
        request=ClickRequest(method, sent),
        occurred_at=HANDED_OVER + (after or timedelta()),
        handed_over_at=None if after is None else HANDED_OVER,
        attribution_window=WINDOW,
        counted_before=counted_before,
    )


@pytest.mark.parametrize("user_agent", PEOPLE)
def test_a_tap_of_a_person_counts(user_agent: str) -> None:
    assert filtered_reason(a_hit(user_agent=f"Mozilla/5.0 {user_agent}")) is None


def test_head_request() -> None:
    assert filtered_reason(a_hit(method="HEAD")) == "head_request"


@pytest.mark.parametrize(
    "headers",
    [
        {"Sec-Purpose": "prefetch"},
        {"Sec-Purpose": "prefetch;prerender"},
        {"sec-purpose": "prefetch;anonymous-client-ip"},
        {"Purpose": "prefetch"},
        {"X-Purpose": "preview"},
        {"X-Moz": "prefetch"},
    ],
)
def test_prefetch(headers: dict[str, str]) -> None:
    assert filtered_reason(a_hit(headers=headers)) == "prefetch"


@pytest.mark.parametrize("user_agent", [None, "", "  "])
def test_no_user_agent(user_agent: str | None) -> None:
    assert filtered_reason(a_hit(user_agent=user_agent)) == "no_user_agent"


def test_bot() -> None:
    listed = [
        user_agent
        for crawler in crawleruseragents.CRAWLER_USER_AGENTS_DATA
        for user_agent in crawler["instances"]
    ]
    assert len(listed) > 2000
    assert {filtered_reason(a_hit(user_agent=user_agent)) for user_agent in listed} == {"bot"}


def test_not_handed_over() -> None:
    assert filtered_reason(a_hit(after=None)) == "not_handed_over"


def test_too_fast() -> None:
    second = timedelta(seconds=1)
    assert filtered_reason(a_hit(after=second - MICROSECOND)) == "too_fast"
    assert filtered_reason(a_hit(after=-second)) == "too_fast"  # clocks of two machines
    assert filtered_reason(a_hit(after=second)) is None


def test_outside_window() -> None:
    assert filtered_reason(a_hit(after=WINDOW - MICROSECOND)) is None
    assert filtered_reason(a_hit(after=WINDOW)) == "outside_window"


def test_duplicate() -> None:
    assert filtered_reason(a_hit(counted_before=True)) == "duplicate"


def test_the_first_rule_that_matches_is_the_reason() -> None:
    everything = a_hit(method="HEAD", user_agent="curl/8.4.0", after=WINDOW, counted_before=True)
    assert filtered_reason(everything) == "head_request"
    assert filtered_reason(a_hit(after=WINDOW, counted_before=True)) == "outside_window"


def test_the_document_lists_the_rules_in_their_order_and_each_has_a_test() -> None:
    names = [name for name, _ in RULES]
    headings = [
        line.split("`")[1] for line in DOCUMENT.read_text().splitlines() if line.startswith("| `")
    ]
    assert headings == names
    assert [name for name in names if f"test_{name}" not in globals()] == []
