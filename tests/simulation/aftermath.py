"""What must be true when a day is over, all faults have passed and everybody is done.

Read past the product: the state's file by plain SQL, the log row by row.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

from sendopt.records import Accepted
from simulation.facts import Facts, HandOver, Request, SendKey
from simulation.oracle import (
    Violation,
    definition_of,
    instant,
    is_kept,
    is_ours,
    is_quiet,
    parsed,
    refused_for_good,
)
from simulation.script import Town
from simulation.stores import SimulatedState, SteppedLog

#: How long after its hand-over a send's answers are paid for; the rate cards say the same.
WINDOW = timedelta(days=3)
_FINAL = {"delivered", "failed", "expired", "cancelled", "suppressed"}
_TAKEN = {"accepted", "repeated"}
#: A client repeats a click that is not answered; so much later it may have been measured.
_REPEATED_WITHIN = timedelta(hours=2)

Rows = dict[SendKey, Any]


def at_the_end(
    facts: Facts, town: Town, state: SimulatedState, log: SteppedLog
) -> Iterator[Violation]:
    """Judge what is left."""
    sends = {(row["tenant_id"], row["send_id"]): row for row in state.rows(_SENDS)}
    yield from _plans(facts, town, state, sends)
    yield from _hand_overs(facts, state, sends)
    yield from _clicks(facts, state, sends)
    yield from _responses(facts, state)
    yield from _charges(state)
    yield from _statements(facts, town, state)
    yield from _log(facts, state, log)


_SENDS = "select * from planned_send"


def _plans(facts: Facts, town: Town, state: SimulatedState, sends: Rows) -> Iterator[Violation]:
    """Everybody has one send, which ends once, for one reason, at a time that stays."""
    people = Counter(
        (tenant, row["campaign_id"], row["user_id"]) for (tenant, _), row in sends.items()
    )
    for request in facts.asked("put_campaign"):
        definition = request.args["definition"]
        for user_id in definition["audience"] if request.done else ():
            if people[request.tenant_id, definition["campaign_id"], user_id] != 1:
                yield Violation("everybody_has_one_send", f"{definition['campaign_id']} {user_id}")
    for key, row in sends.items():
        if row["state"] not in _FINAL or not row["reason"]:
            yield Violation("every_send_ends", f"{key} stands at {row['state']} {row['reason']}")
        promise = facts.promises.get(key)
        if promise is None or promise.due_at is None:
            continue
        if (row["due_at"], row["expires_at"]) != (promise.due_at, promise.expires_at):
            yield Violation("a_promised_time_stays", f"{key}")
        quiet = definition_of(facts, key[0], promise.campaign_id)["quiet_hours"]
        if is_quiet(instant(promise.due_at), town.zone_of(key[0], row["user_id"]), quiet):
            yield Violation("nobody_is_woken", f"{key} is planned in quiet hours")
    yield from _holdouts(facts, state)
    for key in facts.promises.keys() - sends.keys():
        yield Violation("no_send_is_lost", f"{key}")


def _holdouts(facts: Facts, state: SimulatedState) -> Iterator[Violation]:
    """Who is held out is so in every campaign of the tenant, and nothing is chosen for them."""
    arms: dict[tuple[str, str], set[str]] = defaultdict(set)
    for row in state.rows(_ARMS):
        arms[row["tenant_id"], row["user_id"]].add(row["arm"])
        holdout = definition_of(facts, row["tenant_id"], row["campaign_id"]).get("holdout")
        if holdout is None:
            yield Violation("only_a_test_holds_people_out", f"{row['send_id']}")
            continue
        chance = {"random": "random", "configured": "configured"}[holdout["time"]]
        if row["arm"] == "holdout" and row["due_at"] and row["policy"] != chance:
            yield Violation("nothing_is_chosen_for_the_holdout", f"{row['send_id']}")
    for who in [who for who, found in arms.items() if len(found) > 1]:
        yield Violation("the_holdout_stays", f"{who}")


_ARMS = """
    select tenant_id, campaign_id, user_id, send_id, arm, due_at, policy
    from planned_send join decision_basis using (tenant_id, campaign_id)
    where arm is not null and basis = number
"""


def held_out(state: SimulatedState) -> Counter[str]:
    """Count the people who had a chance to be held out, and who are; half of them, in the end."""
    rows = {tuple(row) for row in state.rows(_PEOPLE)}
    return Counter(
        {"people in a test": len(rows), "people held out": sum(row[2] == "holdout" for row in rows)}
    )


_PEOPLE = "select distinct tenant_id, user_id, arm from planned_send where arm is not null"


def _hand_overs(facts: Facts, state: SimulatedState, sends: Rows) -> Iterator[Violation]:
    """Each hand-over has its attempt, and what a provider accepted is known."""
    begun: dict[SendKey, list[Any]] = defaultdict(list)
    for row in state.rows("select * from attempt"):
        begun[row["tenant_id"], row["send_id"]].append(instant(row["started_at"]))
    for key, row in sends.items():
        handed_over = facts.by_send.get(key, [])
        for each in handed_over:
            if each.claimed_at not in begun[key]:
                yield Violation("every_hand_over_is_known", f"{key} at {each.at}")
        if row["attempt_count"] != len(begun[key]):
            yield Violation("attempts_are_counted", f"{key} {row['attempt_count']}")
        accepted = sorted(
            (each for each in handed_over if each.recorded_as and isinstance(each.told, Accepted)),
            key=lambda each: each.recorded_as or 0,
        )
        yield from _delivery(key, row, accepted)


def _delivery(key: SendKey, row: Any, accepted: list[HandOver]) -> Iterator[Violation]:
    if row["state"] == "delivered":
        if not accepted:
            yield Violation("delivered_was_accepted", f"{key}")
        elif instant(row["handed_over_at"]) != accepted[0].claimed_at:
            yield Violation("every_acceptance_is_known", f"{key} at {accepted[0].at}")
    elif accepted and is_kept(accepted[0]):
        yield Violation("accepted_is_delivered", f"{key} is {row['state']}")


def _clicks(facts: Facts, state: SimulatedState, sends: Rows) -> Iterator[Violation]:
    """Each acknowledged click is kept; of a send's the first valid one counts, and no other."""
    clicks = {row["click_id"]: row for row in state.rows("select * from click")}
    counted = Counter(
        (row["tenant_id"], row["send_id"])
        for row in clicks.values()
        if row["filtered_reason"] is None
    )
    for key in [key for key, count in counted.items() if count > 1]:
        yield Violation("one_click_counts", f"{key} counts {counted[key]}")
    for request in facts.asked("click", "bot"):
        key = (request.tenant_id, request.args["send_id"])
        if request.refusal:
            yield Violation("links_lead_somewhere", f"{key} {request.refusal}")
        if not request.done:
            continue
        row = clicks.get(request.answer.click_id)
        if row is None:
            yield Violation("acknowledged_clicks_are_kept", f"{key}")
        elif row["send_id"] != request.args["send_id"]:
            yield Violation("answers_belong_to_their_send", f"{key}")
        if request.kind == "bot" and request.answer.filtered_reason is None:
            yield Violation("machines_are_not_billed", f"{key}")
        if request.kind == "click" and not counted[key] and _surely_valid(facts, request, sends):
            yield Violation("valid_clicks_count", f"{key} {request.answer.filtered_reason}")


def _surely_valid(facts: Facts, request: Request, sends: Rows) -> bool:
    """Tell whether a person's click came when its send had been written down as handed over."""
    key = (request.tenant_id, request.args["send_id"])
    if sends[key]["handed_over_at"] is None:
        return False
    known = any(
        each.recorded_as is not None
        and each.recorded_as <= request.begun_as
        and isinstance(each.told, Accepted)
        for each in facts.by_send[key]
    )
    if any(each.steps for each in facts.hand_overs):
        return False  # which of the two was first, by the clock on the wall, nobody can say
    elapsed = request.begun_at - instant(sends[key]["handed_over_at"])
    return known and timedelta(seconds=1) <= elapsed < WINDOW - _REPEATED_WITHIN


def _responses(facts: Facts, state: SimulatedState) -> Iterator[Violation]:
    kept = {tuple(row) for row in state.rows("select tenant_id, send_id, kind from response")}
    for request in facts.asked("report"):
        place = (request.tenant_id, request.args["send_id"], request.args["told"])
        if request.done and request.args["told"] != "delivery" and place not in kept:
            yield Violation("acknowledged_answers_are_kept", f"{place}")


def _charges(state: SimulatedState) -> Iterator[Violation]:
    """What counts is charged, once."""
    charges = Counter(tuple(r) for r in state.rows("select kind, tenant_id, send_id from charge"))
    for charged, count in charges.items():
        if count > 1:
            yield Violation("charged_once", f"{charged}")
    counted = {
        tuple(row)
        for row in state.rows(
            "select 'click', tenant_id, send_id from click where filtered_reason is null union "
            "select kind, tenant_id, send_id from response "
            "where kind = 'response' and filtered_reason is null"
        )
    }
    for differing in counted ^ charges.keys():
        yield Violation("what_counts_is_charged", f"{differing}")


def _statements(facts: Facts, town: Town, state: SimulatedState) -> Iterator[Violation]:
    """What is booked and what is still open add up to counted clicks and answers times price."""
    for tenant_id, (click, response) in town.prices.items():
        prices = {"click": click, "response": response}

        def worth(sql: str, *, whose: str = tenant_id, of: dict[str, int] = prices) -> int:
            return sum(of[row["kind"]] * row["count"] for row in state.rows(sql, whose))

        owed = worth(_COUNTED)
        still_open = worth(_OPEN)
        booked = state.rows(_BOOKED, tenant_id)[0]["amount"]
        if booked + still_open != owed:
            said = f"{tenant_id}: booked {booked}, open {still_open}, owed {owed}"
            yield Violation("sums_agree", said)
    for row in state.rows("select tenant_id, period, statement from period"):
        first = facts.closed.get((row["tenant_id"], row["period"]))
        if first is not None and first != row["statement"]:
            yield Violation("closed_statements_never_change", f"{row['tenant_id']} {row['period']}")


_COUNTED = """
    with given as (select ? as tenant_id)
    select 'click' as kind, count(*) as count from click join given using (tenant_id)
    where filtered_reason is null
    union all
    select 'response', count(*) from response join given using (tenant_id)
    where kind = 'response' and filtered_reason is null
"""
_OPEN = """
    select kind, count(*) as count from charge
    where tenant_id = ? and (tenant_id, period) not in (select tenant_id, period from period)
    group by kind
"""
_BOOKED = """
    select coalesce(sum(amount_minor), 0) as amount from ledger_entry
    where tenant_id = ? and account = 'receivable'
"""


def _log(facts: Facts, state: SimulatedState, log: SteppedLog) -> Iterator[Violation]:
    """The log holds each acknowledged event and each effect once, and nothing else."""
    rows = log.everything()
    ids = Counter((row["tenant_id"], row["event_id"]) for row in rows)
    for key in [key for key, count in ids.items() if count > 1]:
        yield Violation("the_log_holds_events_once", f"{key}")
    stored = {(row["tenant_id"], row["event_id"]): row for row in rows}
    yield from _contents(facts, stored)
    yield from _imported(facts, stored)
    yield from _as_asked(facts, rows)
    certain, possible = _effects(facts)
    clicks = {tuple(row) for row in state.rows("select tenant_id, click_id from click")}
    for key in (certain | clicks) - ids.keys():
        yield Violation("every_effect_is_in_the_log", f"{key}")
    for key in ids.keys() - possible - clicks:
        yield Violation("the_log_holds_nothing_else", f"{key}")


def _imported(facts: Facts, stored: dict[Any, dict[str, Any]]) -> Iterator[Violation]:
    """What a file brought is in the log, whatever came first under its ids.

    But for what nobody takes: no event, an id of ours, or a time that had not come by the clock.
    """
    for request in facts.asked("import_events"):
        for item in request.args["items"] if request.done else ():
            key = (request.tenant_id, item["event_id"])
            is_to_come = parsed(item["occurred_at"]) > request.begun_at
            if item["event_type"] == "nonsense" or is_ours(key[1]) or is_to_come:
                continue
            if key not in stored:
                yield Violation("imported_events_are_in_the_log", f"{key}")


def _as_asked(facts: Facts, rows: list[dict[str, Any]]) -> Iterator[Violation]:
    """What is under an id is what somebody asked for under it; whoever was first with it."""
    asked: dict[tuple[str, str], list[Any]] = defaultdict(list)
    for request in facts.asked("post_events", "import_events"):
        for item in request.args["items"]:
            asked[request.tenant_id, item["event_id"]].append(_given(item))
    for row in rows:
        wanted = asked.get((row["tenant_id"], row["event_id"]))
        if wanted and not is_ours(row["event_id"]) and _there(row) not in wanted:
            yield Violation("the_log_holds_what_was_asked", f"{row['event_id']}")


def _given(item: dict[str, Any]) -> tuple[Any, ...]:
    at = parsed(item["occurred_at"])
    return item["user_id"], item["event_type"], at, item.get("send_id")


def _there(row: dict[str, Any]) -> tuple[Any, ...]:
    return tuple(row[name] for name in ("user_id", "event_type", "occurred_at", "send_id"))


def _contents(facts: Facts, stored: dict[Any, dict[str, Any]]) -> Iterator[Violation]:
    for request in facts.asked("post_events"):
        answers = request.answer if request.done else ()
        for item, answer in zip(request.args["items"], answers, strict=False):
            if answer.verdict not in _TAKEN:
                continue
            row = stored.get((request.tenant_id, item["event_id"]))
            if row is None:
                yield Violation("acknowledged_events_are_in_the_log", f"{item['event_id']}")
            elif _there(row) != _given(item):
                yield Violation("the_first_of_an_id_stays", f"{item['event_id']}")


def _effects(facts: Facts) -> tuple[set[Any], set[Any]]:
    """Return the events that must be in the log, and those that may be."""
    certain, possible = set(), set()
    for request in facts.asked("post_events", "import_events"):
        possible |= {
            (request.tenant_id, item["event_id"])
            for item in request.args["items"]
            if not is_ours(item["event_id"])
        }
    for request in facts.asked("report"):
        key = (request.tenant_id, f"{request.args['send_id']}:{request.args['told']}")
        possible.add(key)
        if request.done:
            certain.add(key)
    for (tenant_id, send_id), handed_over in facts.by_send.items():
        for kind in ("send", "bounce"):
            possible.add((tenant_id, f"{send_id}:{kind}"))
            if any(
                (
                    isinstance(each.told, Accepted)
                    if kind == "send"
                    else refused_for_good(each, facts)
                )
                and is_kept(each)
                and not _came_late(each, handed_over)
                for each in handed_over
            ):
                certain.add((tenant_id, f"{send_id}:{kind}"))
    return certain, possible


def _came_late(refused: HandOver, handed_over: list[HandOver]) -> bool:
    """Tell whether another provider's acceptance of the send was written down before."""
    return any(
        isinstance(each.told, Accepted)
        and each.recorded_as is not None
        and each is not refused
        and each.recorded_as < (refused.recorded_as or 0)
        for each in handed_over
    )
