"""Whoever keeps to the law is told when what is known of it has become old."""

from __future__ import annotations

from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

from sendopt.app import open_app
from sendopt.app.stores import DEFAULT_TENANT
from sendopt.clock import VirtualClock
from sendopt.rules.legal import legal_rules
from sendopt.settings import Settings


def test_laws_that_are_past_their_review_are_told_to_who_keeps_to_them(home: Path) -> None:
    clock = VirtualClock(datetime(2026, 12, 1, tzinfo=UTC))
    last = max(rule.review_by for rule in legal_rules())
    with closing(open_app(Settings(home=home), clock=clock)) as app:
        work = app.as_owner_of(DEFAULT_TENANT)
        said = {"no_send_share": 0, "legal_hours": True}
        assert work.limits.put(said).past_review == ()
        clock.advance_to(datetime(last.year, last.month, last.day, tzinfo=UTC) + timedelta(days=1))
        late = work.limits.get().past_review
        assert {each.source for each in late} == {rule.source for rule in legal_rules()}
        assert work.limits.put(said | {"legal_hours": False}).past_review == ()
        assert work.limits.get().past_review == ()
