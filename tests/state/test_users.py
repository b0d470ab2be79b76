from __future__ import annotations

from datetime import datetime, timedelta

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sendopt.records import TenantId, UserId
from sendopt.state import State, users
from sendopt.state.users import User

SHOP = TenantId("shop")
ANN = UserId("ann")


def test_a_profile_is_created_and_updated(state: State, now: datetime) -> None:
    with state.write(SHOP) as tx:
        users.put(tx, ANN, timezone="Asia/Tokyo", now=now)
        users.ensure(tx, ANN, now=now)
        assert users.get(tx, ANN) == User(ANN, "Asia/Tokyo", None)
        users.put(tx, ANN, timezone="Pacific/Apia", now=now)
        assert list(users.everyone(tx)) == [User(ANN, "Pacific/Apia", None)]


def test_an_opt_out_holds_for_a_user_nobody_knew(state: State, now: datetime) -> None:
    with state.write(SHOP) as tx:
        users.opt_out(tx, ANN, at=now, now=now)
        assert users.get(tx, ANN).opted_out_at == now


def test_an_opt_out_outlives_every_update_and_keeps_its_first_time(
    state: State, now: datetime
) -> None:
    later = now + timedelta(days=1)
    with state.write(SHOP) as tx:
        users.put(tx, ANN, timezone="Asia/Tokyo", now=now)
        users.opt_out(tx, ANN, at=now, now=now)
        users.opt_out(tx, ANN, at=later, now=later)
        users.put(tx, ANN, timezone="UTC", now=later)
        users.ensure(tx, ANN, now=later)
    with state.read(SHOP) as tx:
        assert users.get(tx, ANN) == User(ANN, "UTC", now)


DAY = timedelta(days=1)
words = st.lists(st.tuples(st.booleans(), st.integers(0, 6)), min_size=1, max_size=6)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(words=words)
def test_the_later_word_holds_in_whatever_order_they_come(
    state: State, now: datetime, words: list[tuple[bool, int]]
) -> None:
    """A word is an opt-in or an opt-out, and its day; at one time the opt-out holds."""
    user_id = UserId(f"of {words}")
    with state.write_fleet() as tx:
        for at_hand, (is_opt_in, day) in enumerate(words):
            note = users.opt_in if is_opt_in else users.opt_out
            note(tx.of(SHOP), user_id, at=now + day * DAY, now=now + (10 + at_hand) * DAY)
        opted_out_at = users.get(tx.of(SHOP), user_id).opted_out_at
    last_in = max([day for is_opt_in, day in words if is_opt_in], default=-1)
    standing = [now + day * DAY for is_opt_in, day in words if not is_opt_in and day >= last_in]
    assert (opted_out_at is not None) == bool(standing)
    if opted_out_at is not None:
        assert opted_out_at in standing
        if last_in < 0:
            assert opted_out_at == min(standing)


def test_many_profiles_at_once_are_told_apart_by_what_is_news(state: State, now: datetime) -> None:
    said = [(UserId("bob"), "UTC"), (ANN, None), (UserId("bob"), "Asia/Tokyo"), (ANN, None)]
    later = now + timedelta(days=1)
    with state.write(SHOP) as tx:
        assert users.put_all(tx, said, now=now) == [True, True, True, False]
        assert users.put_all(tx, said[1:], now=later) == [False, False, False]
        assert list(users.everyone(tx)) == [
            User(ANN, None, None),
            User(UserId("bob"), "Asia/Tokyo", None),
        ]
        users.opt_out(tx, ANN, at=now, now=now)
        assert users.put_all(tx, [(ANN, "UTC")], now=later) == [True]
        assert users.get(tx, ANN) == User(ANN, "UTC", now)
        users.ensure_all(tx, {ANN, UserId("cat")}, now=now)
        assert [each.user_id for each in users.everyone(tx)] == ["ann", "bob", "cat"]
        assert users.put_all(tx, [], now=now) == []
