"""Whatever order statements come in, and however often: the same standing, and all of them kept."""

from __future__ import annotations

from dataclasses import asdict
from datetime import datetime, timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sendopt.errors import NotFound
from sendopt.records import Consent, ConsentDoor, KeptConsent, TenantId, UserId
from sendopt.state import State, consents, unchanged, users
from sendopt.state.tables_people import consent

SHOP = TenantId("shop")
ANN = UserId("ann")
HOUR = timedelta(hours=1)

statements = st.lists(
    st.tuples(st.booleans(), st.integers(0, 4), st.sampled_from([None, "a call"])),
    min_size=1,
    max_size=6,
)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(statements, st.randoms(use_true_random=False), st.integers(1, 3))
def test_any_order_of_arrival_leads_to_the_same_standing(state, now, said, random, batches):
    """A statement is its kind, its hour, and where it was made."""

    def standing(name: str, arriving: list[tuple[bool, int, str | None]]) -> bool:
        user_id = UserId(name)
        told = [
            Consent(user_id, kind, now + hour * HOUR, source) for kind, hour, source in arriving
        ]
        with state.write(SHOP) as tx:
            for part in range(batches):
                consents.note(tx, told[part::batches], door=ConsentDoor.API, now=now + 9 * HOUR)
            kept = consents.history(tx, user_id)
            assert len(kept) == len(set(said))
            assert kept == sorted(
                kept, key=lambda each: (-each.at.timestamp(), each.given, each.source)
            )
            return users.get(tx, user_id).opted_out_at is None

    shuffled = random.sample(said, len(said)) + said[:2]
    latest = max(hour for _, hour, _ in said)
    may_be_sent_to = all(kind for kind, hour, _ in said if hour == latest)
    assert standing(f"in order {said}", said) is may_be_sent_to
    assert standing(f"shuffled {said}", shuffled) is may_be_sent_to


def test_a_statement_is_kept_with_where_and_when_it_was_made(state: State, now: datetime) -> None:
    first = Consent(ANN, given=True, at=now, channel="web_push", message_type="news")
    later = Consent(ANN, given=False, at=now + HOUR, source="preference page")
    with state.write(SHOP) as tx:
        consents.note(tx, [first], door=ConsentDoor.DEVICE, now=now)
        consents.note(tx, [later], door=ConsentDoor.API, now=now + 2 * HOUR)
        assert consents.history(tx, ANN) == [
            KeptConsent(**asdict(later), received_at=now + 2 * HOUR),
            KeptConsent(**asdict(first) | {"source": "device"}, received_at=now),
        ]
    with state.read_fleet() as tx:
        assert list(unchanged.changed(tx, consent)) == []


def test_whoever_said_nothing_has_no_history(state: State, now: datetime) -> None:
    with state.write(SHOP) as tx:
        consents.note(tx, [], door=ConsentDoor.API, now=now)
        with pytest.raises(NotFound):
            consents.history(tx, ANN)
        users.ensure(tx, ANN, now=now)
        assert consents.history(tx, ANN) == []
