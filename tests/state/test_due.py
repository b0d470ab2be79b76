"""What looks for claims reads claims, however much is held."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest
import sqlalchemy as sa
from emptied import Emptied

from sendopt.records import SendState
from sendopt.state import FleetRead, State
from sendopt.state.due import claims_beyond
from sendopt.state.hold import HOLDER
from sendopt.state.tables import planned_send

_HELD = 3_000


@pytest.fixture(autouse=True)
def _without_a_past(_emptied_postgres: Emptied) -> None:
    """Have a new database: what tests before have deleted still stands in its indexes.

    PostgreSQL counts the pages of each index, and rather takes a larger one that is less full of
    such rows.
    """
    _emptied_postgres.close()


def _claim(number: int, by: str, until: datetime) -> dict[str, Any]:
    return {
        "tenant_id": "shop",
        "send_id": f"s_{number}",
        "campaign_id": "sale",
        "variant_id": "v",
        "user_id": f"user-{number}",
        "channel": "simulator",
        "state": SendState.CLAIMED,
        "claimed_by": by,
        "ready_at": until,
        "fence": 1,
        "planned_at": until,
    }


def _plan(tx: FleetRead, until: datetime) -> str:
    """Return how the database finds the claims beyond a moment."""
    asked: list[tuple[str, Any]] = []

    def note(_c: Any, _cursor: Any, statement: str, given: Any, *_: Any) -> None:
        asked.append((statement, given))

    sa.event.listen(tx.connection, "before_cursor_execute", note)
    claims_beyond(tx, until)
    sa.event.remove(tx.connection, "before_cursor_execute", note)
    (question,) = [each for each in asked if "planned_send" in each[0]]
    explain = "EXPLAIN QUERY PLAN " if tx.is_sqlite else "EXPLAIN "
    return str(tx.connection.exec_driver_sql(explain + question[0], question[1]).all())


def test_claims_are_found_without_reading_what_is_held(state: State, now: datetime) -> None:
    in_an_hour = now + timedelta(hours=1)
    rows = [_claim(number, HOLDER, in_an_hour) for number in range(_HELD)]
    with state.write_fleet() as tx:
        tx.execute(sa.insert(planned_send), [*rows, _claim(_HELD, "a dispatcher", in_an_hour)])
    # In a transaction of its own: PostgreSQL's own ANALYZE may be under way, which sees no row that
    # is not committed, and would have the last word.
    with state.write_fleet() as tx:
        tx.connection.exec_driver_sql("ANALYZE planned_send")
    with state.read_fleet() as tx:
        assert claims_beyond(tx, now) == [("shop", f"s_{_HELD}", 1)]
        assert "planned_send_claims" in _plan(tx, now)
