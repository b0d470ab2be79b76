"""A request under an Idempotency-Key is carried out by one try, and answered the same again."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta

import pytest
import sqlalchemy as sa

from sendopt.errors import Conflict, InvalidInput, SendoptError
from sendopt.records import TenantId, UserId
from sendopt.state import State, erasures, requests
from sendopt.state.requests import CLAIMED_FOR, KEPT_FOR, Claim, KeptAnswer
from sendopt.state.tables_requests import keyed_request

SHOP, BANK = TenantId("shop"), TenantId("bank")
CREATED = KeptAnswer(201, (("content-type", "application/json"), ("etag", "é")), b'{"a":1}')


def begin(
    state: State, now: datetime, *, tenant_id: TenantId = SHOP, fingerprint: str = "this"
) -> Claim | KeptAnswer:
    with state.write(tenant_id) as tx:
        return requests.begin(tx, "key", fingerprint=fingerprint, now=now)


def claimed(state: State, now: datetime, **given: str) -> Claim:
    claim = begin(state, now, **given)
    assert isinstance(claim, Claim)
    return claim


def keep(state: State, claim: Claim, now: datetime, answer: KeptAnswer = CREATED) -> None:
    with state.write(SHOP) as tx:
        requests.keep(tx, claim, answer, now=now)


def refusal(state: State, now: datetime, **given: str) -> str:
    with pytest.raises(SendoptError) as refused:
        begin(state, now, **given)
    return refused.value.code


def test_the_same_request_gets_the_same_answer_for_a_day(state: State, now: datetime) -> None:
    keep(state, claimed(state, now), now)
    assert begin(state, now + KEPT_FOR - timedelta(microseconds=1)) == CREATED
    assert isinstance(begin(state, now + KEPT_FOR), Claim)


def erase_somebody(state: State, at: datetime) -> None:
    with state.write(SHOP) as tx:
        asked = {"asked_by": "tests", "now": at, "random_bytes": os.urandom}
        erasures.begin(tx, UserId(f"erased {at}"), **asked)


def test_what_is_answered_after_an_erasure_that_came_meanwhile_is_not_kept(
    state: State, now: datetime
) -> None:
    claim = claimed(state, now)
    erase_somebody(state, now + timedelta(seconds=1))
    keep(state, claim, now + timedelta(seconds=2))
    with state.read(SHOP) as tx:
        assert tx.scalar(sa.select(keyed_request.c.body)) is None


def test_another_request_is_refused_and_another_tenant_has_keys_of_its_own(
    state: State, now: datetime
) -> None:
    claim = claimed(state, now)
    assert refusal(state, now, fingerprint="that") == "idempotency_key_reused"
    assert isinstance(begin(state, now, tenant_id=BANK, fingerprint="that"), Claim)
    keep(state, claim, now)
    assert refusal(state, now, fingerprint="that") == "idempotency_key_reused"
    assert begin(state, now) == CREATED


def test_while_a_try_is_at_work_no_other_begins(state: State, now: datetime) -> None:
    claim = claimed(state, now)
    assert refusal(state, now + CLAIMED_FOR - timedelta(microseconds=1)) == "request_in_progress"
    with state.write(SHOP) as tx:
        requests.give_up(tx, claim, now=now)
    assert claimed(state, now).number == claim.number + 1


def test_of_many_at_once_one_works(state: State, now: datetime) -> None:
    def attempt(_: int) -> str:
        try:
            return type(begin(state, now)).__name__
        except Conflict as conflict:
            return conflict.code

    with ThreadPoolExecutor(8) as threads:
        found = sorted(threads.map(attempt, range(16)))
    assert found == ["Claim", *["request_in_progress"] * 15]


def test_a_try_that_was_taken_for_dead_changes_nothing_any_more(
    state: State, now: datetime
) -> None:
    dead, later = claimed(state, now), now + CLAIMED_FOR
    alive = claimed(state, later)
    keep(state, dead, later, KeptAnswer(409, (), b"of the dead"))
    with state.write(SHOP) as tx:
        requests.give_up(tx, dead, now=later)
    with state.write(SHOP) as tx, pytest.raises(Conflict):
        requests.note_issued(tx, dead, "so_1")
    assert refusal(state, later) == "request_in_progress"
    keep(state, alive, later)
    assert begin(state, later) == CREATED


def test_what_is_shown_once_is_neither_kept_nor_made_again(state: State, now: datetime) -> None:
    claim = claimed(state, now)
    with state.write(SHOP) as tx:
        requests.note_issued(tx, claim, "so_1")
    keep(state, claim, now)
    with state.write(SHOP) as tx:
        requests.give_up(tx, claim, now=now)
    for later in (now, now + CLAIMED_FOR):
        assert refusal(state, later) == "already_issued"
    with pytest.raises(InvalidInput):
        begin(state, now, fingerprint="that")


def test_an_answer_that_is_too_long_is_worked_out_again(state: State, now: datetime) -> None:
    long = KeptAnswer(200, (), b"x" * (requests.MOST_ANSWER_BYTES + 1))
    keep(state, claimed(state, now), now, long)
    assert isinstance(begin(state, now), Claim)


def test_what_has_expired_is_forgotten_and_nothing_else(state: State, now: datetime) -> None:
    keep(state, claimed(state, now), now)
    begin(state, now + timedelta(hours=1), tenant_id=BANK)
    at = now + KEPT_FOR
    for limit, forgotten in ((0, 0), (10, 1), (10, 0)):
        with state.write_fleet() as tx:
            assert requests.forget_expired(tx, now=at, limit=limit) == forgotten
    assert refusal(state, at, tenant_id=BANK, fingerprint="that") == "idempotency_key_reused"


def test_an_answer_that_cannot_be_read_is_none(state: State, now: datetime) -> None:
    keep(state, claimed(state, now), now)
    with state.write(SHOP) as tx:
        tx.execute(sa.update(keyed_request).where(tx.owns(keyed_request)).values(body=b"torn"))
    assert refusal(state, now) == "request_in_progress"
    later = now + CLAIMED_FOR
    keep(state, claimed(state, later), later)
    assert begin(state, later) == CREATED
