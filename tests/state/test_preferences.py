"""What users want is kept as they said it last, and who wants nothing special costs no row."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, time, timedelta

import pytest
import sqlalchemy as sa

from sendopt.errors import InvariantBroken, NotFound
from sendopt.records import NO_PREFERENCES, Preferences, QuietHours, TenantId, UserId
from sendopt.state import State, preferences, unchanged, users
from sendopt.state.tables_people import preference

SHOP = TenantId("shop")
ANN, BOB = UserId("ann"), UserId("bob")


def test_preferences_are_kept_as_they_were_put_last(state: State, now: datetime) -> None:
    wanted = Preferences(
        {"promotion": False, "news": True},
        QuietHours(time(21, 30), time(9, 0, 1)),
        now + timedelta(hours=3),
    )
    with state.write(SHOP) as tx:
        with pytest.raises(NotFound):
            preferences.get(tx, ANN)
        users.ensure(tx, ANN, now=now)
        assert preferences.get(tx, ANN) == NO_PREFERENCES
        for each in (wanted, replace(wanted, quiet_hours=None), wanted):
            preferences.put(tx, ANN, each, now=now)
            assert preferences.get(tx, ANN) == each
        preferences.put(tx, BOB, Preferences({"news": False}), now=now)
        assert preferences.said_by(tx, None) == {ANN: wanted, BOB: Preferences({"news": False})}
        assert preferences.said_by(tx, [UserId("nobody"), ANN]) == {ANN: wanted}
    with state.read_fleet() as tx:
        assert list(unchanged.changed(tx, preference)) == []


def test_who_takes_everything_back_leaves_no_row(state: State, now: datetime) -> None:
    with state.write(SHOP) as tx:
        preferences.put(tx, ANN, Preferences({"promotion": False}), now=now)
        preferences.put(tx, ANN, NO_PREFERENCES, now=now)
        assert preferences.get(tx, ANN) == NO_PREFERENCES
        assert tx.scalar(sa.select(sa.func.count()).select_from(preference)) == 0


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("topics", '{"promotion": 1}'),
        ("topics", "[]"),
        ("quiet_start", "25:00"),
        ("quiet_end", "10:00:00"),  # as it starts
        ("quiet_end", None),
    ],
)
def test_damaged_preferences_are_named_as_such(
    state: State, now: datetime, column: str, value: str | None
) -> None:
    quiet = QuietHours(time(10), time(11))
    with state.write(SHOP) as tx:
        preferences.put(tx, ANN, Preferences({}, quiet), now=now)
        tx.execute(sa.text(f"update preference set {column} = :value"), {"value": value})
        with pytest.raises(InvariantBroken) as told:
            preferences.said_by(tx, None)
    assert told.value.code == "preference_damaged"
