"""The join of what belongs to a send with the send."""

from __future__ import annotations

import sqlalchemy as sa

from sendopt.state.tables import planned_send


def same_send(table: sa.FromClause) -> sa.ColumnElement[bool]:
    """Return the condition that a row of `table` belongs to the planned send beside it."""
    return sa.and_(
        table.c.tenant_id == planned_send.c.tenant_id, table.c.send_id == planned_send.c.send_id
    )
