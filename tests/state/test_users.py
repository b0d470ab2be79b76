from __future__ import annotations

from datetime import datetime, timedelta

from sendopt.records import TenantId, UserId
from sendopt.state import State, users
from sendopt.state.users import User

SHOP = TenantId("shop")
ANN = UserId("ann")


def test_a_profile_is_created_and_updated(state: State, now: datetime) -> None:
    with state.write() as tx:
        users.put(tx, SHOP, ANN, timezone="Asia/Tokyo", now=now)
        users.ensure(tx, SHOP, ANN, now=now)
        assert users.get(tx, SHOP, ANN) == User(ANN, "Asia/Tokyo", None)
        users.put(tx, SHOP, ANN, timezone="Pacific/Apia", now=now)
        assert list(users.everyone(tx, SHOP)) == [User(ANN, "Pacific/Apia", None)]


def test_an_opt_out_holds_for_a_user_nobody_knew(state: State, now: datetime) -> None:
    with state.write() as tx:
        users.opt_out(tx, SHOP, ANN, now=now)
        assert users.get(tx, SHOP, ANN).opted_out_at == now


def test_an_opt_out_outlives_every_update_and_keeps_its_first_time(
    state: State, now: datetime
) -> None:
    later = now + timedelta(days=1)
    with state.write() as tx:
        users.put(tx, SHOP, ANN, timezone="Asia/Tokyo", now=now)
        users.opt_out(tx, SHOP, ANN, now=now)
        users.opt_out(tx, SHOP, ANN, now=later)
        users.put(tx, SHOP, ANN, timezone="UTC", now=later)
        users.ensure(tx, SHOP, ANN, now=later)
    with state.read() as tx:
        assert users.get(tx, SHOP, ANN) == User(ANN, "UTC", now)
