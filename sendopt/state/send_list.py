"""A tenant's sends in the order of campaign and user, a page at a time.

The order is that of the index which keeps one send a user, campaign and key. Where what is asked
for may be rare, a page ends after so many rows were looked at, and may hold few sends, or none: the
next one goes on behind them. So a page takes about as long in a list of a million as of a hundred.
"""

from __future__ import annotations

import operator
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, NamedTuple

import sqlalchemy as sa

from sendopt.records import CampaignId, DeviceId, PlannedSend, SendState, UserId
from sendopt.state import plan_rows
from sendopt.state.instant import Instant
from sendopt.state.pages import Page, read_page
from sendopt.state.tables import ENDED_BADLY, IS_ENDED_BADLY, planned_send
from sendopt.state.transaction import TenantRead

_PLACE = (planned_send.c.campaign_id, planned_send.c.user_id, planned_send.c.send_key)
#: Rows that a page looks at where it finds few: some ten milliseconds.
_LOOKED_AT = 20_000


class SendKey(NamedTuple):
    """The place of a send in the list."""

    campaign_id: str
    user_id: str
    send_key: str


@dataclass(frozen=True, slots=True)
class SendFilter:
    """Which sends; whatever is left out lets every one through."""

    campaign_id: CampaignId | None = None
    user_id: UserId | None = None
    states: frozenset[SendState] = field(default_factory=frozenset)
    reason: str | None = None
    due_from: datetime | None = None  # due_from <= due_at < due_until; suppressed ones have none
    due_until: datetime | None = None


@dataclass(frozen=True, slots=True)
class ListedSend:
    """A send without its decision record, and how far it came."""

    send: PlannedSend
    revision: int  # of the campaign, by which it was planned
    planned_at: datetime
    attempt_count: int
    next_attempt_at: datetime | None  # None = none, or once its campaign is resumed
    handed_over_at: datetime | None
    handed_over_to: DeviceId | None


def page(
    tx: TenantRead, chosen: SendFilter, *, behind: SendKey | None, limit: int
) -> Page[ListedSend]:
    """Return up to `limit` of the chosen sends behind a place; None = from the beginning."""
    if chosen.user_id is not None:
        query, end = _of_user(tx, chosen, behind), None
    else:
        places = _places(tx, chosen, behind)
        end = None if _is_indexed(chosen) else _end_of_look(tx, places)
        up_to = [] if end is None else [_compared(chosen, end, operator.le)]
        query = (
            sa.select(planned_send).where(places, *up_to, *_conditions(chosen)).order_by(*_PLACE)
        )
    found = read_page(
        tx,
        query,
        _listed,
        place=_PLACE,
        named_by=planned_send.c.send_id,
        limit=limit,
    )
    return found if found.behind is not None else replace(found, behind=end)


def next_attempt_at(row: Any) -> datetime | None:
    """Return when a send is tried next, as far as anybody knows: once it is due, or again.

    Nobody knows where its time has come and its campaign is paused: it is put off to its expiry.
    """
    at: datetime | None = row.ready_at if row.state == SendState.PLANNED else None
    is_put_off = at is not None and row.expires_at is not None and at >= row.expires_at
    return None if is_put_off else at


def _places(tx: TenantRead, chosen: SendFilter, behind: SendKey | None) -> sa.ColumnElement[bool]:
    """Return the part of the list that is looked through."""
    found = [tx.owns(planned_send)]
    if chosen.campaign_id is not None:
        found.append(planned_send.c.campaign_id == chosen.campaign_id)
    if behind is not None:
        found.append(_compared(chosen, behind, operator.gt))
    return sa.and_(*found)


def _compared(
    chosen: SendFilter, place: SendKey, compare: Callable[[Any, Any], sa.ColumnElement[bool]]
) -> sa.ColumnElement[bool]:
    """Compare places; within one campaign by the rest alone, or no index would be used for it."""
    given = 1 if chosen.campaign_id is not None else 0
    return compare(sa.tuple_(*_PLACE[given:]), tuple(place)[given:])


def _of_user(tx: TenantRead, chosen: SendFilter, behind: SendKey | None) -> sa.Select[Any]:
    """Ask for the user's few sends of all campaigns, which an index finds."""
    send = planned_send.c
    found = [tx.owns(planned_send), send.user_id == chosen.user_id]
    if chosen.campaign_id is not None:
        found.append(send.campaign_id == chosen.campaign_id)
    if behind is not None:
        found.append(
            sa.tuple_(send.campaign_id, send.send_key) > (behind.campaign_id, behind.send_key)
        )
    return (
        sa.select(planned_send)
        .where(*found, *_conditions(chosen))
        # By no column of an index: SQLite would rather read all sends in their order than sort few.
        .order_by(send.campaign_id.concat(""), send.send_key)
    )


def _is_indexed(chosen: SendFilter) -> bool:
    """Tell whether an index finds the chosen sends alone, or all are chosen."""
    if chosen.reason is not None or chosen.due_from is not None or chosen.due_until is not None:
        return False
    return not chosen.states or _is_bad_end(chosen)


def _is_bad_end(chosen: SendFilter) -> bool:
    return len(chosen.states) == 1 and chosen.states <= {*ENDED_BADLY}


def _end_of_look(tx: TenantRead, places: sa.ColumnElement[bool]) -> SendKey | None:
    """Return the last place that a page looks at; None = the end of the list is nearer."""
    row = tx.execute(
        sa.select(*_PLACE).where(places).order_by(*_PLACE).offset(_LOOKED_AT - 1).limit(1)
    ).one_or_none()
    return None if row is None else SendKey(*row)


def _conditions(chosen: SendFilter) -> list[sa.ColumnElement[bool]]:
    send = planned_send.c
    found: list[sa.ColumnElement[bool]] = []
    if chosen.states:
        found.append(send.state.in_(sorted(chosen.states)))
    if _is_bad_end(chosen):
        found.append(IS_ENDED_BADLY)  # so that the index over these is seen to hold them
    if chosen.reason is not None:
        found.append(send.reason == chosen.reason)
    if chosen.due_from is not None:
        found.append(send.due_at >= sa.literal(chosen.due_from, Instant))
    if chosen.due_until is not None:
        found.append(send.due_at < sa.literal(chosen.due_until, Instant))
    return found


def _listed(row: Any) -> ListedSend:
    return ListedSend(
        send=plan_rows.send(row),
        revision=row.revision,
        planned_at=row.planned_at,
        attempt_count=row.attempt_count,
        next_attempt_at=next_attempt_at(row),
        handed_over_at=row.handed_over_at,
        handed_over_to=row.handed_over_to,
    )
