"""Every row of the state that is about one user, by table, as it would be told to that user."""

from __future__ import annotations

from dataclasses import fields
from typing import Any

import sqlalchemy as sa

from sendopt.records import UserId
from sendopt.state import decision_rows, user_events
from sendopt.state.chunks import chunks
from sendopt.state.named_users import can_name_users, users_named
from sendopt.state.tables import (
    app_user,
    attempt,
    click,
    device,
    link,
    planned_send,
    response,
)
from sendopt.state.tables_billing import charge
from sendopt.state.tables_campaigns import campaign_revision, send_request
from sendopt.state.tables_moves import send_move
from sendopt.state.tables_people import consent, preference
from sendopt.state.tables_series import series_revision
from sendopt.state.transaction import TenantRead

#: Not about the user: whose row it is, what guards it, and who is at work on it.
_LEFT_OUT = frozenset(
    {"tenant_id", "row_hash", "address_hash", "claimed_by", "claim_expires_at", "fence"}
)
#: What stands beside a send and is told as its decision.
_DECIDED = frozenset(
    {
        "basis",
        "scores",
        "propensity",
        "gain_probability",
        "explored",
        "variant_propensity",
        "timezone_confidence",
        "quiet_offsets",
    }
)
_OF_A_SEND = (send_request, send_move, attempt, link, click, response, charge)


def rows_of(tx: TenantRead, user_id: UserId) -> dict[str, list[dict[str, Any]]]:
    """Return all rows about a user; of events those that the log may not have yet too."""
    found = {
        name: _rows(tx, table, table.c.user_id == user_id)
        for name, table in (
            ("profile", app_user),
            ("consents", consent),
            ("preferences", preference),
            ("devices", device),
            ("sends", planned_send),
        )
    }
    sends = [row["send_id"] for row in found["sends"]]
    found["decisions"] = _decisions(tx, user_id)
    found["sends"] = [
        {name: value for name, value in row.items() if name not in _DECIDED}
        for row in found["sends"]
    ]
    for table in _OF_A_SEND:
        found[f"{table.name}s"] = [
            row for some in chunks(sends) for row in _rows(tx, table, table.c.send_id.in_(some))
        ]
    found["recorded_events"] = [dict(row.event) for row in user_events.of_users(tx, [user_id])]
    found["campaigns_that_name_the_user"] = _campaigns(tx, user_id)
    found["series_that_name_the_user"] = _series(tx, user_id)
    return found


def _decisions(tx: TenantRead, user_id: UserId) -> list[dict[str, Any]]:
    """Return why each send has its time; slots as an array of each one's facts."""
    rows = sa.select(planned_send).where(tx.owns(planned_send), planned_send.c.user_id == user_id)
    found = []
    for row in tx.execute(rows.order_by(planned_send.c.send_id)).all():
        reason = decision_rows.decision_of(tx, row)
        if reason is not None:
            told = {each.name: getattr(reason, each.name) for each in fields(reason)}
            slots = [
                [slot.starts_at, slot.open_probability, slot.excluded_by, slot.logit_sd]
                for slot in reason.slots
            ]
            found.append(told | {"slots": slots})
    return found


def _campaigns(tx: TenantRead, user_id: UserId) -> list[dict[str, Any]]:
    """Return which revisions name the user, and the times that they have for the user alone."""
    rows = tx.execute(
        sa.select(
            campaign_revision.c.campaign_id,
            campaign_revision.c.revision,
            campaign_revision.c.definition,
        )
        .where(tx.owns(campaign_revision), can_name_users(campaign_revision.c.definition))
        .order_by(campaign_revision.c.campaign_id, campaign_revision.c.revision)
    )
    return [
        {
            "campaign_id": row.campaign_id,
            "revision": row.revision,
            "candidate_times": (row.definition.get("candidate_times") or {}).get(user_id),
        }
        for row in rows
        if user_id in users_named(row.definition)
    ]


def _series(tx: TenantRead, user_id: UserId) -> list[dict[str, Any]]:
    """Return which revisions of series name the user."""
    named = series_revision.c
    rows = tx.execute(
        sa.select(named.series_id, named.revision, named.definition)
        .where(tx.owns(series_revision), can_name_users(named.definition))
        .order_by(named.series_id, named.revision)
    )
    return [
        {"series_id": row.series_id, "revision": row.revision}
        for row in rows
        if user_id in users_named(row.definition)
    ]


def _rows(tx: TenantRead, table: sa.Table, which: sa.ColumnElement[bool]) -> list[dict[str, Any]]:
    columns = [column for column in table.c if column.name not in _LEFT_OUT]
    key = list(table.primary_key.columns)
    rows = tx.execute(sa.select(*columns).where(tx.owns(table), which).order_by(*key))
    return [row._asdict() for row in rows]
