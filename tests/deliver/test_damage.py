"""One row that nobody can read, one message that nobody can make: the others go out."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
import sqlalchemy as sa
import structlog

from sendopt.deliver import DispatchReport
from sendopt.deliver.providers import SimulatorProvider
from sendopt.errors import InvalidInput
from sendopt.records import Accepted, Permanent
from sendopt.state.tables import (
    app_user,
    attempt,
    decision,
    device,
    link,
    planned_send,
)
from sendopt.state.tables_campaigns import campaign, campaign_revision, variant

NOON = datetime(2026, 10, 1, 12, tzinfo=UTC)
POISONED = "s-spring-0"
FINAL = {"delivered", "failed", "expired", "cancelled", "suppressed"}

#: What dispatching reads of each table, beside the keys by which it finds the rows.
READ = {
    planned_send: [
        "campaign_id", "variant_id", "user_id", "device_id", "channel", "due_at", "expires_at",
        "attempt_count", "fence", "arm", "revision",
    ],
    variant: ["title", "body", "url"],
    device: ["address", "platform", "timezone", "dead_at"],
    app_user: ["opted_out_at"],
    decision: ["timezone", "propensity", "variant_propensity", "quiet_offsets"],
    campaign: ["paused_at", "cancelled_at"],
    campaign_revision: ["definition"],
}  # fmt: skip
COLUMNS = [(table, column) for table, columns in READ.items() for column in columns]

#: As SQL, past every type that a client would check. SQLite keeps them all.
DAMAGE = [
    "'Mars/Phobos'", "''", "'{\"a\": '", "'{\"quiet_hours\": {\"start\": \"22:00\"}}'", "'[]'",
    "'null'", "'[90]'", "'[1e400]'", "'\"x\"'", "CAST(x'ff80' AS TEXT)", "x'00ff'", "char(0)", "-1",
    "0", "1.5", "9e999", "-9e999", "9223372036854775807", "-9223372036854775808",
    "253402300800000000",
]  # fmt: skip


def plant(tx, number, table, column, sql):
    """Damage a column of one send; say whether the store let it be done."""
    of_send, of_campaign = f"send_id = 's-spring{number}-0'", f"campaign_id = 'spring{number}'"
    key = {
        planned_send: of_send,
        decision: of_send,
        device: f"device_id = 'd-spring{number}-user-0'",
        app_user: f"user_id = 'spring{number}-user-0'",
    }.get(table, of_campaign)
    try:
        with tx.begin_nested():
            escaped = sql.replace(":", "\\:")
            tx.execute(sa.text(f"UPDATE {table.name} SET {column} = {escaped} WHERE {key}"))
    except sa.exc.DBAPIError:  # PostgreSQL keeps no text where a number belongs
        return False
    return True


def ends(sends):
    with sends.state.read_fleet() as tx:
        rows = tx.execute(sa.text("SELECT send_id, state, reason FROM planned_send"))
        return {row.send_id: (row.state, row.reason) for row in rows}


def check_that_the_others_go_out(sends, dispatcher, clock, damages):
    for number in range(len(damages)):
        sends.plan(1, campaign_id=f"spring{number}", quiet_hours={"start": "22:00", "end": "07:00"})
    others = sends.plan(3)
    with sends.state.write_fleet() as tx:
        planted = [
            f"s-spring{number}-0"
            for number, (column, sql) in enumerate(damages)
            if plant(tx, number, *column, sql)
        ]
    made = dispatcher(SimulatorProvider(), batch=len(damages) // 2)

    made.dispatch_due()
    assert {ends(sends)[send] for send in others} == {("delivered", "accepted")}

    clock.advance(timedelta(hours=5))  # what is of no channel of ours waits for its expiry
    made.dispatch_due()
    after = ends(sends)
    assert {send: after[send] for send in planted if after[send][0] not in FINAL} == {}
    assert None not in {reason for _, reason in after.values()}


def test_whatever_is_damaged_in_a_send_the_others_go_out_and_it_ends(sends, dispatcher, clock):
    damages = [(column, DAMAGE[number % 19]) for number, column in enumerate(COLUMNS * 2)]
    check_that_the_others_go_out(sends, dispatcher, clock, damages)


def test_keys_that_are_no_keys_are_told_as_what_the_column_holds(sends, dispatcher, clock):
    bytes_for_a_number = (planned_send, "revision"), "x'00ff'"
    check_that_the_others_go_out(sends, dispatcher, clock, [bytes_for_a_number] * 20)


@pytest.mark.slow
@pytest.mark.parametrize("column", COLUMNS, ids=lambda each: f"{each[0].name}.{each[1]}")
def test_all_that_can_be_damaged_in_any_way(sends, dispatcher, clock, column):
    check_that_the_others_go_out(sends, dispatcher, clock, [(column, sql) for sql in DAMAGE])


_NIGHTS = {"campaign_id": "spring", "quiet_hours": "nights"}


@pytest.mark.parametrize(
    ("table", "values", "reason"),
    [
        (decision, {"timezone": "Mars/Phobos"}, "record_damaged"),
        (decision, {"quiet_offsets": [90 * 60]}, "record_damaged"),
        (planned_send, {"arm": "both"}, "record_damaged"),
        (planned_send, {"expires_at": NOON}, "record_damaged"),
        (planned_send, {"attempt_count": -3}, "record_damaged"),
        (campaign_revision, {"definition": _NIGHTS}, "record_damaged"),
        (campaign_revision, {"definition": []}, "record_damaged"),
        (device, {"address": ["no", "object"]}, "record_damaged"),
        (variant, {"variant_id": "other"}, "record_missing"),
    ],
    ids=lambda each: next(iter(each)) if isinstance(each, dict) else None,
)  # fmt: skip
def test_a_damaged_send_ends_as_failed_and_says_why(sends, dispatcher, table, values, reason):
    sends.plan(1, campaign_id="spring")
    with sends.state.write_fleet() as tx:
        tx.execute(sa.update(table).values(**values))
    sends.plan(3)
    assert dispatcher(SimulatorProvider()).dispatch_due() == DispatchReport(delivered=3, failed=1)
    assert sends.ends()[POISONED] == ("failed", reason)


def test_a_damaged_send_is_named_in_the_service_s_log(sends, dispatcher):
    sends.plan(1, campaign_id="spring")
    sends.change(decision, timezone="Mars/Phobos")
    with structlog.testing.capture_logs() as logs:
        dispatcher(SimulatorProvider()).dispatch_due()
    [told] = [line for line in logs if line["event"] == "send_damaged"]
    assert POISONED in str(told)
    assert "Mars/Phobos" in str(told)


def test_attempts_that_contradict_their_count_stop_nobody_else(sends, dispatcher):
    sends.plan(1, campaign_id="spring")
    with sends.state.write_fleet() as tx:
        tx.execute(
            sa.insert(attempt).values(
                tenant_id="acme", send_id=POISONED, number=1, provider="x", started_at=NOON
            )
        )
    sends.plan(3)
    assert dispatcher(SimulatorProvider()).dispatch_due() == DispatchReport(delivered=3, failed=1)
    assert sends.ends()[POISONED] == ("failed", "record_damaged")


def test_a_send_with_two_links_goes_out_once(sends, dispatcher):
    sends.plan()
    with sends.state.write_fleet() as tx:
        for number in range(2):
            tx.execute(
                sa.insert(link).values(
                    tenant_id="acme",
                    link_id=f"l{number}",
                    send_id="s-autumn-0",
                    destination="https://shop.example/",
                    created_at=NOON,
                )
            )
    seen = []
    assert dispatcher(SimulatorProvider(seen.append)).dispatch_due().delivered == 1
    assert len(seen) == 1


def test_a_link_that_cannot_be_signed_costs_its_send_alone(sends, dispatcher):
    sends.plan(4)

    def sign(link_id):
        if not signed:
            signed.append(link_id)
            raise InvalidInput("this link's id fits into no token", code="link_invalid")
        return f"https://go.example/t/{link_id}"

    signed: list[str] = []
    made = dispatcher(SimulatorProvider(), sign_link=sign)
    assert made.dispatch_due() == DispatchReport(delivered=3, failed=1)
    assert ("failed", "message_unusable") in sends.ends().values()


def test_a_message_that_a_provider_stumbles_over_stops_no_other(sends, dispatcher, scripted, clock):
    """Each hand-over is an attempt: none is repeated in silence because another message raised."""
    planned = sends.plan(5)

    def stumble(message, _number):
        if message.send_id == planned[2]:
            raise RuntimeError("cannot be said")
        return Accepted()

    provider = scripted(stumble)
    made = dispatcher(provider)
    while made.next_ready_at() is not None:
        clock.advance_to(made.next_ready_at())
        made.dispatch_due()
    after = sends.ends()
    assert after.pop(planned[2]) == ("failed", "gave_up")
    assert set(after.values()) == {("delivered", "accepted")}
    # The first batch broke off at the third; the two before it were handed over twice, as two
    # attempts each, and nobody else was.
    assert [len(provider.times(send)) for send in planned] == [2, 2, 8, 1, 1]
    assert [len(sends.attempts(send)) for send in planned] == [2, 2, 8, 2, 2]


def test_a_provider_that_tells_too_little_is_asked_again_later(sends, dispatcher, clock):
    class Mute:
        name = "mute"

        def deliver(self, messages):
            return [Accepted()] * (len(messages) - 1) if len(messages) > 1 else [Accepted()]

    sends.plan(3)
    made = dispatcher(Mute())
    assert made.dispatch_due() == DispatchReport(postponed=3)
    clock.advance(timedelta(minutes=1))
    assert made.dispatch_due() == DispatchReport(delivered=3)


def test_an_outcome_that_the_state_cannot_hold_costs_no_other_send_its_own(
    sends, dispatcher, scripted
):
    planned = sends.plan(3)
    answers = {planned[1]: Permanent("no \ud800 text")}
    provider = scripted(lambda message, _number: answers.get(message.send_id, Accepted()))
    dispatcher(provider).dispatch_batch()
    after = sends.ends()
    assert [after[send][0] for send in planned] == ["delivered", "claimed", "delivered"]


def test_nothing_goes_out_before_it_is_due_whatever_the_store_says_of_when_to_look(
    sends, dispatcher
):
    sends.plan(due_at=lambda _number: NOON + timedelta(hours=1))
    sends.change(planned_send, ready_at=NOON - timedelta(days=1))
    made = dispatcher(SimulatorProvider())
    assert made.dispatch_due() == DispatchReport(postponed=1)
    assert made.next_ready_at() == NOON + timedelta(hours=1)
