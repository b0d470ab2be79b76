"""Whole lists and reports as tables, read a page at a time: what a spreadsheet or a notebook takes.

A page is read in a transaction of its own: what changes meanwhile may stand in the table as it was
or as it is. A row that cannot be read stands in it with its id alone.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import fields
from typing import Any

import pyarrow as pa

from sendopt.app.table_files import INSTANT, TEXT, WHOLE, Table
from sendopt.app.work import Work
from sendopt.evaluate.campaign_results import Counts
from sendopt.records import CampaignId, SendState
from sendopt.state.pages import Page
from sendopt.state.send_list import ListedSend, SendFilter, SendKey
from sendopt.state.user_list import ListedDevice
from sendopt.state.users import User

_ON_A_PAGE = 1_000

_SENDS = [
    *((name, TEXT) for name in ("send_id", "campaign_id", "variant_id", "user_id", "device_id")),
    *((name, TEXT) for name in ("channel", "state", "reason", "arm")),
    *((name, INSTANT) for name in ("due_at", "expires_at", "planned_at")),
    ("attempt_count", WHOLE),
    *((name, INSTANT) for name in ("next_attempt_at", "handed_over_at")),
    ("handed_over_to", TEXT),
]
_USERS = [("user_id", TEXT), ("timezone", TEXT), ("opted_out_at", INSTANT)]
_DEVICES = [
    *((name, TEXT) for name in ("device_id", "user_id", "channel", "platform", "timezone")),
    *(("registered_at", INSTANT), ("dead_at", INSTANT), ("dead_reason", TEXT)),
]
_COUNTED = ("sends", "delivered", "opened", "clicked", "responded", "dismissed", "opted_out")
_RESULTS = [
    *(("by", TEXT), ("value", TEXT)),
    *((name, WHOLE) for name in _COUNTED),
    *((f"state_{state}", WHOLE) for state in SendState),
    ("reasons", TEXT),
]
_LINES = [
    *((name, TEXT) for name in ("period", "kind", "occurred_in")),
    *(("rate_card_version", WHOLE), ("unit_price_minor", TEXT)),
    *(("gross", WHOLE), ("filtered", TEXT), ("net", WHOLE)),
    *(("amount_minor", WHOLE), ("currency", TEXT), ("note", TEXT)),
]


def sends(work: Work, chosen: SendFilter) -> Table:
    """Return the chosen sends by campaign and user."""

    def page(behind: tuple[Any, ...] | None) -> Page[ListedSend]:
        place = None if behind is None else SendKey(*behind)
        return work.sends.page(chosen, behind=place, limit=_ON_A_PAGE)

    return _listed("sends", _SENDS, page, _send)


def users(work: Work) -> Table:
    """Return the users by id."""

    def page(behind: tuple[Any, ...] | None) -> Page[User]:
        return work.users.page(behind=behind[0] if behind else None, limit=_ON_A_PAGE)

    return _listed(
        "users", _USERS, page, lambda user: (user.user_id, user.timezone, user.opted_out_at)
    )


def devices(work: Work) -> Table:
    """Return the devices by id, without their addresses."""

    def page(behind: tuple[Any, ...] | None) -> Page[ListedDevice]:
        return work.devices.page(behind=behind[0] if behind else None, limit=_ON_A_PAGE)

    return _listed(
        "devices", _DEVICES, page, lambda each: [getattr(each, name) for name, _ in _DEVICES]
    )


def results(work: Work, campaign_id: CampaignId) -> Table:
    """Return what came of a campaign: in total, and by each value of each division.

    Raises:
        NotFound: `campaign_unknown`.
    """
    found = work.results.of_campaign(campaign_id)
    divisions = [each.name for each in fields(found) if each.name.startswith("by_")]
    divided: list[tuple[str, Mapping[str, Counts]]] = [
        ("total", {"": found.total}),
        *((name.removeprefix("by_"), getattr(found, name)) for name in divisions),
    ]
    rows = [
        _counts(by, value or None, counts)
        for by, division in divided
        for value, counts in division.items()
    ]
    return Table("results", _RESULTS, iter([rows]))


def lines(work: Work, period: str) -> Table:
    """Return the lines of a period's statement.

    Raises:
        InvalidInput: `period_invalid`.
    """
    found = work.statements.get(period).statement
    rows = [
        (
            *(found.period, line.kind, line.occurred_in),
            *(line.rate_card_version, line.unit_price_minor),
            *(line.gross, _as_json(line.filtered), line.net),
            *(line.amount_minor, found.currency, line.note),
        )
        for line in found.lines
    ]
    return Table("statement", _LINES, iter([rows]))


def _listed(
    name: str,
    columns: Sequence[tuple[str, pa.DataType]],
    page: Callable[[tuple[Any, ...] | None], Page[Any]],
    row: Callable[[Any], Sequence[Any]],
) -> Table:
    blank = [None] * (len(columns) - 1)

    def batches() -> Iterator[list[Sequence[Any]]]:
        behind: tuple[Any, ...] | None = None
        while True:
            found = page(behind)
            yield [*map(row, found.items), *([each, *blank] for each in found.damaged)]
            behind = found.behind
            if behind is None:
                return

    return Table(name, columns, batches())


def _send(listed: ListedSend) -> Sequence[Any]:
    send = listed.send
    return (
        *(send.send_id, send.campaign_id, send.variant_id, send.user_id, send.device_id),
        *(send.channel, send.state, send.reason, send.arm),
        *(send.due_at, send.expires_at, listed.planned_at, listed.attempt_count),
        *(listed.next_attempt_at, listed.handed_over_at, listed.handed_over_to),
    )


def _counts(by: str, value: str | None, counts: Counts) -> Sequence[Any]:
    return (
        *(by, value),
        *(getattr(counts, name) for name in _COUNTED),
        *(counts.states[state] for state in SendState),
        _as_json(counts.reasons),
    )


def _as_json(counts: Mapping[str, int]) -> str:
    return json.dumps(dict(sorted(counts.items())))
