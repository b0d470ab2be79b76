"""Look for rows that contradict each other; every query returns only what is broken.

It looks at all tenants at once, for the operator alone, and names the tenant of each finding.
A rule that the database enforces by a constraint is checked all the same: a restored backup, a
hand-written statement or a damaged page does not ask for permission.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta

import sqlalchemy as sa

from sendopt.records import (
    FINAL_STATES,
    ChargeKind,
    EventType,
    ResponseKind,
    SendState,
)
from sendopt.state import audit_campaigns, audit_decisions, erasures
from sendopt.state.hold import IS_HELD
from sendopt.state.instant import Instant
from sendopt.state.tables import (
    app_user,
    attempt,
    click,
    decision,
    event_outbox,
    link,
    planned_send,
    response,
)
from sendopt.state.tables_billing import charge, ledger_entry, period, rate_card
from sendopt.state.tables_campaigns import campaign
from sendopt.state.transaction import FleetRead, TenantRead, Transaction
from sendopt.state.violation import NOBODY, Violation

#: How long after its time a send may still wait for its dispatcher.
OVERDUE_AFTER = timedelta(minutes=15)


def sends(tx: FleetRead) -> Iterator[Violation]:
    """Check planned sends against their decisions, attempts and limits in time."""
    send = planned_send.c
    accepted = _exists(attempt, planned_send, attempt.c.outcome == "accepted")
    early = _exists(attempt, planned_send, attempt.c.started_at < send.due_at)
    late = _exists(attempt, planned_send, attempt.c.started_at >= send.expires_at)
    opted_out = sa.exists().where(
        app_user.c.tenant_id == send.tenant_id,
        app_user.c.user_id == send.user_id,
        app_user.c.opt_out_known_at < send.handed_over_at,
    )
    rules = (
        (
            "final_send_has_reason",
            send.state.in_([*FINAL_STATES]) & send.reason.is_(None),
            "it ended, and nothing says why",
        ),
        (
            "known_state",
            send.state.not_in([*SendState]),
            "its state is none of the states that a send can be in",
        ),
        (
            "delivered_was_accepted",
            (send.state == SendState.DELIVERED) & ~accepted,
            "it counts as delivered, but no attempt was accepted",
        ),
        (
            "accepted_is_delivered",
            (send.state != SendState.DELIVERED) & accepted,
            "a provider accepted it, but it does not count as delivered",
        ),
        ("not_before_due", early, "it was handed over before its time"),
        ("not_after_expiry", late, "it was handed over after it had expired"),
        ("not_after_opt_out", opted_out, "it was handed over after the user had opted out"),
    )
    for rule, broken, explanation in (
        *rules,
        *audit_campaigns.rules_of_sends(),
        *audit_decisions.rules_of_sends(),
    ):
        yield from _broken(
            tx, planned_send, send.send_id, rule=rule, broken=broken, explanation=explanation
        )
    yield from _broken(
        tx,
        campaign,
        campaign.c.campaign_id,
        rule="campaign_has_revision",
        broken=audit_campaigns.lacks_revision(),
        explanation="the revision that holds for it is not there",
    )
    for rule, broken, explanation in audit_decisions.rules_of_decisions():
        yield from _broken(
            tx, decision, decision.c.send_id, rule=rule, broken=broken, explanation=explanation
        )


def overdue(tx: FleetRead, *, now: datetime) -> Iterator[Violation]:
    """Check that nothing waits that a dispatcher should have handed over or ended by now.

    What is held after a restore waits for a decision, not for a dispatcher; once it has expired it
    will not go out, whenever somebody writes that down. So does what belongs to a paused campaign.
    """
    send = planned_send.c
    late = sa.literal(now - OVERDUE_AFTER, Instant)
    waits = (send.state == SendState.PLANNED) & (send.ready_at < late)
    claimed = (send.state == SendState.CLAIMED) & (send.claim_expires_at < late)
    yield from _broken(
        tx,
        planned_send,
        send.send_id,
        rule="send_is_not_overdue",
        broken=(waits | claimed) & ~IS_HELD & ~audit_campaigns.is_paused(),
        explanation="its time has come, and no dispatcher has handed it over or ended it",
    )


def engagement(tx: FleetRead) -> Iterator[Violation]:
    """Check clicks and responses against their sends."""
    of_send = _exists(planned_send, click, planned_send.c.handed_over_at.is_not(None))
    of_link = sa.exists().where(
        link.c.tenant_id == click.c.tenant_id,
        link.c.link_id == click.c.link_id,
        link.c.send_id == click.c.send_id,
    )
    clicks = (
        ("click_has_link", ~of_link, "its link is unknown or belongs to another send"),
        ("click_has_send", _in_time(click) & ~of_send, "its send was never handed over"),
    )
    for rule, broken, explanation in clicks:
        yield from _broken(
            tx, click, click.c.click_id, rule=rule, broken=broken, explanation=explanation
        )
    twice = (
        sa.select(click.c.tenant_id, click.c.send_id)
        .where(click.c.filtered_reason.is_(None))
        .group_by(click.c.tenant_id, click.c.send_id)
        .having(sa.func.count() > 1)
    )
    for row in tx.execute(twice):
        yield Violation(
            "one_counted_click", row.tenant_id, row.send_id, "more than one of its clicks counts"
        )
    answered = _exists(planned_send, response, planned_send.c.handed_over_at.is_not(None))
    yield from _broken(
        tx,
        response,
        response.c.send_id,
        rule="response_has_send",
        broken=_in_time(response) & ~answered,
        explanation="it answers a send that was never handed over",
    )


def money(tx: FleetRead) -> Iterator[Violation]:
    """Check charges against what was counted, and postings against zero."""
    counted_click = _exists(click, charge, click.c.filtered_reason.is_(None))
    counted_response = _exists(
        response, charge, (response.c.kind == charge.c.kind) & response.c.filtered_reason.is_(None)
    )
    priced = sa.exists().where(
        rate_card.c.tenant_id == charge.c.tenant_id,
        rate_card.c.version == charge.c.rate_card_version,
    )
    rules = (
        (
            "charge_has_click",
            (charge.c.kind == ChargeKind.CLICK) & ~counted_click,
            "a click is charged that was never counted",
        ),
        (
            "charge_has_response",
            (charge.c.kind == ChargeKind.RESPONSE) & ~counted_response,
            "a response is charged that was never counted",
        ),
        ("known_charge", charge.c.kind.not_in([*ChargeKind]), "nobody sells this"),
        ("charge_has_price", ~priced, "its rate card does not exist"),
    )
    for rule, broken, explanation in rules:
        yield from _broken(
            tx, charge, charge.c.send_id, rule=rule, broken=broken, explanation=explanation
        )
    twice = (
        sa.select(charge.c.tenant_id, charge.c.send_id, charge.c.kind)
        .group_by(charge.c.tenant_id, charge.c.send_id, charge.c.kind)
        .having(sa.func.count() > 1)
    )
    for row in tx.execute(twice):
        yield Violation(
            "charged_once", row.tenant_id, row.send_id, f"its {row.kind} is charged twice"
        )
    unbalanced = (
        sa.select(ledger_entry.c.tenant_id, ledger_entry.c.posting)
        .group_by(ledger_entry.c.tenant_id, ledger_entry.c.posting, ledger_entry.c.currency)
        .having(sa.func.sum(ledger_entry.c.amount_minor) != 0)
    )
    for posting in tx.execute(unbalanced):
        yield Violation(
            "posting_sums_to_zero",
            posting.tenant_id,
            posting.posting,
            "its entries do not sum to zero",
        )


def outbox(tx: FleetRead) -> Iterator[Violation]:
    """Check that every effect has its event, and that positions have no gap."""
    delivered = planned_send.c.state == SendState.DELIVERED
    effects = (
        (planned_send, planned_send.c.send_id, planned_send.c.send_id + ":send", delivered),
        (click, click.c.click_id, click.c.click_id, sa.true()),
        (
            response,
            response.c.send_id,
            response.c.send_id + ":" + response.c.kind,
            sa.true(),
        ),
    )
    for table, subject, event_id, happened in effects:
        recorded = sa.exists().where(
            event_outbox.c.tenant_id == table.c.tenant_id, event_outbox.c.event_id == event_id
        )
        yield from _broken(
            tx,
            table,
            subject,
            rule="effect_has_event",
            broken=happened & ~recorded,
            explanation=f"its {table.name} left no event behind",
        )
    yield from _broken(
        tx,
        event_outbox,
        event_outbox.c.event_id,
        rule="recorded_event_is_readable",
        broken=event_outbox.c.refused_reason == "event_damaged",
        explanation="nobody can read it any more, and the log does without it",
    )
    highest, count = tx.execute(
        sa.select(
            sa.func.coalesce(sa.func.max(event_outbox.c.position), 0),
            sa.func.count(event_outbox.c.position),
        )
    ).one()
    if highest != count:
        yield Violation(
            "outbox_has_no_gap",
            NOBODY,
            f"position {highest}",
            f"{highest} positions were given, {count} events hold one",
        )


def reserved_ids(tx: FleetRead) -> Iterator[Violation]:
    """Check that under the ids which the service makes for itself stands what it made."""
    told = event_outbox.c.event
    made = sa.and_(
        event_outbox.c.tenant_id == planned_send.c.tenant_id,
        event_outbox.c.event_id == planned_send.c.send_id + ":send",
    )
    other = sa.or_(
        told["event_type"].as_string() != EventType.SEND,
        told["user_id"].as_string() != planned_send.c.user_id,
        told["send_id"].as_string().is_distinct_from(planned_send.c.send_id),
        told["campaign_id"].as_string().is_distinct_from(planned_send.c.campaign_id),
    )
    query = (
        sa.select(planned_send.c.tenant_id, event_outbox.c.event_id)
        .join_from(planned_send, event_outbox, made)
        .where(sa.or_(other, event_outbox.c.refused_reason.is_not(None)))
    )
    for row in tx.execute(query):
        yield Violation(
            "reserved_id_is_ours",
            row.tenant_id,
            row.event_id,
            "another event stands under the id of the one that tells of this send",
        )


def is_settled(tx: TenantRead, copied_up_to: int) -> bool:
    """Tell whether every event is in the log and every click and response has its period.

    Nor is anybody being erased, of whom state and log may speak in two ways at this moment.
    """
    waiting = sa.exists().where(
        tx.owns(event_outbox),
        event_outbox.c.position.is_(None) | (event_outbox.c.position > copied_up_to),
    )
    unmetered_click = sa.exists().where(tx.owns(click), click.c.period.is_(None))
    unmetered_response = sa.exists().where(
        tx.owns(response),
        response.c.kind == ChargeKind.RESPONSE,
        response.c.period.is_(None),
    )
    unsettled = waiting | unmetered_click | unmetered_response
    return not tx.scalar(sa.select(unsettled)) and not erasures.is_any_under_way(tx)


def billed_periods(tx: TenantRead) -> list[str]:
    """Return every period that counts a fact, charges one, or was closed."""
    found = {each for table in (click, charge, period) for each in _periods(tx, table.c.period)}
    for kind in ResponseKind:
        found |= {*_periods(tx, response.c.period, response.c.kind == kind)}
    return sorted(found)


def _periods(
    tx: TenantRead, column: sa.Column[str], *conditions: sa.ColumnElement[bool]
) -> Iterator[str]:
    """Yield the few periods that a column holds: an index finds each next one without the rows."""
    last = ""
    while True:
        following = tx.scalar(
            sa.select(sa.func.min(column)).where(tx.owns(column.table), column > last, *conditions)
        )
        if following is None:
            return
        yield following
        last = following


def send_count(tx: FleetRead) -> int:
    """Return how many sends there are, of all tenants."""
    return tx.scalar(sa.select(sa.func.count()).select_from(planned_send)) or 0


#: Reasons that can only be said of an answer to a send that was handed over. Any other may be the
#: first that matches before the hand-over is known, or where it never becomes known.
_AFTER_HAND_OVER = ("too_fast", "outside_window", "duplicate")


def _in_time(answer: sa.Table) -> sa.ColumnElement[bool]:
    """Tell whether an answer counts, or was filtered for when or how often it came."""
    reason = answer.c.filtered_reason
    return reason.is_(None) | reason.in_(_AFTER_HAND_OVER)


def _exists(
    there: sa.Table, here: sa.Table, condition: sa.ColumnElement[bool] | None = None
) -> sa.ColumnElement[bool]:
    """A row of `there` for the same tenant and send as the row of `here`."""
    found = sa.exists().where(
        there.c.tenant_id == here.c.tenant_id, there.c.send_id == here.c.send_id
    )
    return found if condition is None else found.where(condition)


def _broken(
    tx: Transaction,
    table: sa.Table,
    subject: sa.ColumnElement[str],
    *,
    rule: str,
    broken: sa.ColumnElement[bool],
    explanation: str,
) -> Iterator[Violation]:
    query = sa.select(table.c.tenant_id, subject.label("subject")).where(broken)
    for row in tx.execute(query.order_by(table.c.tenant_id, subject)):
        yield Violation(rule, row.tenant_id, row.subject, explanation)
