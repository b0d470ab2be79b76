"""Takes users out of the rows of the state: what counts stays under a pseudonym, all else goes.

Sends, answers and charges stay, with their counts, arms and times: statements and results are made
of them. They are called by new ids, since a send's id follows from its user's. What was planned for
whom and why, addresses, zones, programs, links and the events of others are gone.
"""

from __future__ import annotations

import base64
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from sendopt.records import Erasure, Event, EventType, SendId, UserId
from sendopt.state import outbox, user_events
from sendopt.state.campaigns import fingerprint
from sendopt.state.chunks import chunks
from sendopt.state.erased_requests import forget_answers
from sendopt.state.named_users import can_name_users, users_named, without_users
from sendopt.state.row_hash import ROW_HASH, hash_of, hashed_columns
from sendopt.state.tables import (
    app_user,
    attempt,
    click,
    decision,
    device,
    event_outbox,
    link,
    planned_send,
    response,
)
from sendopt.state.tables_billing import charge
from sendopt.state.tables_campaigns import campaign_revision, send_request
from sendopt.state.tables_erasure import erased_send
from sendopt.state.tables_moves import send_move
from sendopt.state.tables_people import consent, preference
from sendopt.state.tables_series import series_revision
from sendopt.state.transaction import TenantRead, TenantWrite

_SEND_ID_BYTES, _EVENT_ID_BYTES = 20, 16
#: Of an event that stays: what a bill, a result or an experiment rests on, and nothing of the user.
_KEPT_COLUMNS = (
    "event_type",
    "occurred_at",
    "campaign_id",
    "variant_id",
    "message_type",
    "channel",
    "propensity",
)
_KEPT_ATTRIBUTES = (
    "arm",
    "counting_rules",
    "crawler_list",
    "filtered_reason",
    "reason",
    "variant_propensity",
)

_Change = Callable[[sa.Row[Any]], dict[str, Any]]


@dataclass(frozen=True, slots=True)
class KeptEvent:
    """An event that stays, as what it was stored before and as what it is now."""

    user_id_before: UserId
    event_id_before: str
    now: Event


def pseudonymise(
    tx: TenantWrite, erasures: Sequence[Erasure], *, random_bytes: Callable[[int], bytes]
) -> dict[str, Counter[str]]:
    """Take the users of `erasures` out of every row; return what became of whose, by erasure.

    For users for whom nothing is planned or claimed any more.
    """
    return _Pseudonyms(tx, erasures, random_bytes).apply()


def kept_events(tx: TenantRead, erasures: Sequence[Erasure]) -> list[KeptEvent]:
    """Return the events that stay of users who were taken out of the state."""
    user_of = {each.erasure_id: each.user_id for each in erasures}
    before: dict[str, tuple[UserId, str]] = {}
    for some in chunks(user_of):
        rows = tx.execute(
            sa.select(erased_send).where(tx.owns(erased_send), erased_send.c.erasure_id.in_(some))
        )
        for row in rows:
            before[row.new_send_id] = UserId(user_of[row.erasure_id]), row.send_id
    found = {
        f"{send_id}:{kind}": (user_id, f"{send_id_before}:{kind}")
        for send_id, (user_id, send_id_before) in before.items()
        for kind in EventType
    }
    for row in _rows(tx, click, click.c.send_id, before):
        found[row.click_id] = before[row.send_id][0], row.click_id
    return [
        KeptEvent(*found[event.event_id], event) for event in user_events.stored(tx, sorted(found))
    ]


class _Pseudonyms:
    """One transaction's work, for all users at once."""

    def __init__(
        self,
        tx: TenantWrite,
        erasures: Sequence[Erasure],
        random_bytes: Callable[[int], bytes],
    ) -> None:
        self._tx = tx
        self._erasures = {each.user_id: each for each in erasures}
        self._random = random_bytes
        self._counts = {each.erasure_id: Counter[str]() for each in erasures}
        self._send_ids: dict[str, str] = {}
        self._link_ids: dict[str, str] = {}
        self._user_of: dict[str, UserId] = {}  # by send
        self._event_ids = set[str]()  # as they were before

    def apply(self) -> dict[str, Counter[str]]:
        self._sends()
        self._answers()
        self._events()
        self._people()
        self._campaigns()
        forget_answers(self._tx, self._erasures, {*self._send_ids, *self._event_ids})
        return self._counts

    def _sends(self) -> None:
        rows = list(_rows(self._tx, planned_send, planned_send.c.user_id, self._erasures))
        for row in rows:
            self._send_ids[row.send_id] = self._new_send_id()
            self._user_of[row.send_id] = row.user_id
            self._count(row.user_id, "sends_kept")
        if rows:
            self._tx.execute(
                sa.insert(erased_send),
                [
                    {
                        "tenant_id": self._tx.tenant_id,
                        "send_id": row.send_id,
                        "erasure_id": self._erasures[row.user_id].erasure_id,
                        "new_send_id": self._send_ids[row.send_id],
                    }
                    for row in rows
                ],
            )
        asked = {row.send_id for row in self._of_sends(send_request)}
        self._change(
            planned_send,
            rows,
            lambda row: {
                "send_id": self._send_ids[row.send_id],
                "user_id": self._erasures[row.user_id].pseudonym,
                "device_id": None,
                "handed_over_to": None,
                "scores": None,
                "quiet_offsets": None,
                # A key may be made of whom it is about.
                **({"send_key": self._send_ids[row.send_id]} if row.send_id in asked else {}),
            },
        )
        for some in chunks(self._send_ids):
            its_request = sa.and_(self._tx.owns(send_request), send_request.c.send_id.in_(some))
            self._tx.execute(sa.delete(send_request).where(its_request))
        self._change(
            decision,
            self._of_sends(decision),
            lambda row: {
                "send_id": self._send_ids[row.send_id],
                "slots": [],
                "quiet_offsets": None,
            },
        )
        self._change(
            attempt,
            self._of_sends(attempt),
            lambda row: self._renamed(row) | {"device_id": None},
        )
        self._change(send_move, self._of_sends(send_move), self._renamed)

    def _answers(self) -> None:
        links = list(self._of_sends(link))
        self._link_ids = {row.link_id: self._new_link_id() for row in links}
        self._change(
            link, links, lambda row: self._renamed(row) | {"link_id": self._link_ids[row.link_id]}
        )
        for table, name in ((click, "clicks_kept"), (response, "responses_kept")):
            rows = list(self._of_sends(table))
            for row in rows:
                self._count(self._user_of[row.send_id], name)
            self._change(table, rows, self._answer)
        charges = list(self._of_sends(charge))
        for row in charges:
            self._count(self._user_of[row.send_id], "charges_kept")
        self._change(charge, charges, self._renamed)

    def _answer(self, row: sa.Row[Any]) -> dict[str, Any]:
        if "link_id" not in row._mapping:  # noqa: SLF001 - SQLAlchemy's public name for it
            return self._renamed(row)
        link_id = self._link_ids.get(row.link_id, row.link_id)
        return self._renamed(row) | {"link_id": link_id, "user_agent": ""}

    def _renamed(self, row: sa.Row[Any]) -> dict[str, Any]:
        return {"send_id": self._send_ids[row.send_id]}

    def _events(self) -> None:
        """Rewrite or empty each event of theirs; an emptied one keeps its place in the order."""
        rows = list(user_events.of_users(self._tx, [*self._erasures]))
        self._event_ids.update(row.event_id for row in rows)
        self._change(event_outbox, rows, self._event)

    def _event(self, row: sa.Row[Any]) -> dict[str, Any]:
        told = row.event if isinstance(row.event, dict) else {}
        user_id = UserId(str(told.get("user_id", "")))
        send_id, event_id = str(told.get("send_id", "")), row.event_id
        new_send_id = self._send_ids.get(send_id)
        is_click = told.get("event_type") == EventType.CLICK and event_id.startswith("click-")
        if new_send_id is None or not (event_id.startswith(f"{send_id}:") or is_click):
            self._count(user_id, "events_deleted")
            empty = f"erased-event-{self._random(_EVENT_ID_BYTES).hex()}"
            return {"event_id": empty, "event": {}, "refused_reason": outbox.ERASED}
        self._count(user_id, "events_kept")
        if not is_click:
            event_id = new_send_id + event_id.removeprefix(send_id)
        kept = {
            "event_id": event_id,
            "user_id": self._erasures[user_id].pseudonym,
            "send_id": new_send_id,
            **{name: told[name] for name in _KEPT_COLUMNS if name in told},
        }
        attributes = told.get("attributes", {})
        counted = {name: attributes[name] for name in _KEPT_ATTRIBUTES if name in attributes}
        return {"event_id": event_id, "event": kept | ({"attributes": counted} if counted else {})}

    def _people(self) -> None:
        """Forget profiles, devices and words; when an opt-out began stays, for experiments."""
        for table, name in (
            (device, "devices_deleted"),
            (consent, "consents_deleted"),
            (preference, "preferences_deleted"),
        ):
            for row in _rows(self._tx, table, table.c.user_id, self._erasures):
                self._count(row.user_id, name)
            self._delete(table)
        for row in list(_rows(self._tx, app_user, app_user.c.user_id, self._erasures)):
            self._count(row.user_id, "profiles_deleted")
            if row.opted_out_at is not None:
                pseudonym = self._erasures[row.user_id].pseudonym
                kept = row._asdict() | {"user_id": pseudonym, "timezone": None}
                self._tx.execute(sa.insert(app_user).values(**kept))
        self._delete(app_user)

    def _delete(self, table: sa.Table) -> None:
        for some in chunks(self._erasures):
            self._tx.execute(
                sa.delete(table).where(self._tx.owns(table), table.c.user_id.in_(some))
            )

    def _campaigns(self) -> None:
        """Take them out of definitions; an audience of nobody else keeps a pseudonym."""
        for table in (campaign_revision, series_revision):
            rows = self._tx.execute(
                sa.select(*_needed(table)).where(
                    self._tx.owns(table), can_name_users(table.c.definition)
                )
            ).all()
            named = [row for row in rows if self._named(row.definition)]
            for row in named:
                for user_id in self._named(row.definition):
                    self._count(user_id, "audiences_left")
            self._change(table, named, self._without)

    def _named(self, definition: Any) -> list[UserId]:
        return sorted(users_named(definition) & self._erasures.keys())

    def _without(self, row: sa.Row[Any]) -> dict[str, Any]:
        theirs = self._named(row.definition)
        instead = UserId(self._erasures[theirs[0]].pseudonym)
        definition = without_users(row.definition, set(theirs), instead=instead)
        return {"definition": definition, "definition_hash": fingerprint(definition)}

    def _of_sends(self, table: sa.Table) -> Iterator[sa.Row[Any]]:
        return _rows(self._tx, table, table.c.send_id, self._send_ids)

    def _change(self, table: sa.Table, rows: Iterable[sa.Row[Any]], change: _Change) -> None:
        """Write the changes of rows, with a hash of each as it is then."""
        keys = [column.name for column in table.primary_key.columns]
        if table is event_outbox:
            keys = ["tenant_id", "event_id"]  # as good as its number
        json = [c.name for c in hashed_columns(table) if isinstance(c.type, sa.JSON)]
        for row in rows:
            before = row._asdict()
            # JSON is written again, so that its text is the one that is hashed.
            values = {name: before[name] for name in json} | change(row)
            values[ROW_HASH] = hash_of(table, before | values)
            of_row = [table.c[name] == before[name] for name in keys]
            self._tx.execute(sa.update(table).where(*of_row).values(values))

    def _count(self, user_id: UserId, name: str) -> None:
        self._counts[self._erasures[user_id].erasure_id][name] += 1

    def _new_send_id(self) -> SendId:
        """Return an id of the form that sends have, from which nobody comes back to the user."""
        return SendId("s_" + base64.b32encode(self._random(_SEND_ID_BYTES)).decode().lower())

    def _new_link_id(self) -> str:
        return base64.urlsafe_b64encode(self._random(_EVENT_ID_BYTES)).decode().rstrip("=")


def _rows(
    tx: TenantRead, table: sa.Table, column: sa.ColumnElement[str], values: Collection[str]
) -> Iterator[sa.Row[Any]]:
    """Yield rows in the order of their keys, so that the same random numbers make the same."""
    for some in chunks(sorted(values)):
        rows = sa.select(*_needed(table)).where(tx.owns(table), column.in_(some))
        yield from tx.execute(rows.order_by(*table.primary_key)).all()


def _needed(table: sa.Table) -> list[sa.Column[Any]]:
    """Return the columns that a change asks for; what else a row holds may be damaged."""
    hashed = {*hashed_columns(table)} or {*table.c}
    return [column for column in table.c if column in hashed or column.primary_key]
