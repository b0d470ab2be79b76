"""Requests with an Idempotency-Key: each is worked on by one try at a time, and answered once.

A try claims the key, does the work, and keeps its answer. Where its process dies in between, the
claim expires and the next try does the work again, which every request allows: what it makes has
an id of the client's. Whatever has an id of our own, such as an API key, is noted in the very
transaction that makes it, and never made again.
"""

from __future__ import annotations

import zlib
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa

from sendopt.errors import Conflict, InvalidInput
from sendopt.state import erased, erasure_gate
from sendopt.state.damage import NOT_A_VALUE
from sendopt.state.engine import insert
from sendopt.state.instant import Instant
from sendopt.state.tables_requests import keyed_request
from sendopt.state.transaction import FleetWrite, TenantRead, TenantWrite

#: For so long a key stands for its request.
KEPT_FOR = timedelta(hours=24)
#: For so long a try is believed to be at work; longer than all but the largest plans take.
CLAIMED_FOR = timedelta(minutes=2)
#: The processes of a fleet may be so far apart in what time it is.
_CLOCKS_APART = timedelta(minutes=5)
#: Of an answer, before it is compressed. What is longer is worked out again for each repetition.
MOST_ANSWER_BYTES = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Claim:
    """The right to work on a request until it expires; a later claim ends it."""

    request_key: str
    number: int


@dataclass(frozen=True, slots=True)
class KeptAnswer:
    """An answer of HTTP as it was given first."""

    status: int
    headers: tuple[tuple[str, str], ...]
    body: bytes


def begin(
    tx: TenantWrite, request_key: str, *, fingerprint: str, now: datetime
) -> Claim | KeptAnswer:
    """Claim a request, or return what was answered to it before.

    Args:
        tx: of the tenant that asks.
        request_key: its name for the request.
        fingerprint: the same for the same request, and for no other.
        now: the time.

    Raises:
        InvalidInput: `idempotency_key_reused`, for another request.
        Conflict: `request_in_progress`; `already_issued`, if it made what is shown only once.
    """
    fresh = {
        "fingerprint": fingerprint,
        "claim_expires_at": now + CLAIMED_FOR,
        "issued": None,
        "status": None,
        "headers": None,
        "body": None,
        "expires_at": now + KEPT_FOR,
    }
    number = tx.scalar(
        insert(tx, keyed_request)
        .values(tenant_id=tx.tenant_id, request_key=request_key, claim=1, **fresh)
        .on_conflict_do_update(
            index_elements=["tenant_id", "request_key"],
            set_={**fresh, "claim": keyed_request.c.claim + 1},
            where=keyed_request.c.expires_at <= sa.literal(now, Instant),
        )
        .returning(keyed_request.c.claim)
    )
    if number is not None:
        return Claim(request_key, number)
    return _again(tx, request_key, fingerprint, now=now)


def _again(
    tx: TenantWrite, request_key: str, fingerprint: str, *, now: datetime
) -> Claim | KeptAnswer:
    one = sa.and_(tx.owns(keyed_request), keyed_request.c.request_key == request_key)
    row = tx.execute(sa.select(keyed_request).where(one).with_for_update()).one_or_none()
    if row is None:  # it has just been forgotten
        raise _in_progress()
    if row.fingerprint != fingerprint:
        raise InvalidInput(
            "stood for another request before",
            code="idempotency_key_reused",
            field="Idempotency-Key",
            expected="a new one for each request, and the old one to repeat it with the same API "
            "key, address and body",
        )
    if row.issued is not None:
        raise Conflict(
            f"this request was carried out: it issued {row.issued}, which is shown only once",
            code="already_issued",
            hint="if it got lost, revoke it and issue another one under another Idempotency-Key",
        )
    if (kept := _kept(row)) is not None:
        return kept
    if row.claim_expires_at > now:
        raise _in_progress()
    claim = Claim(request_key, row.claim + 1)
    tx.execute(
        sa.update(keyed_request)
        .where(one)
        .values(
            claim=claim.number,
            claim_expires_at=now + CLAIMED_FOR,
            status=None,
            headers=None,
            body=None,
        )
    )
    return claim


def _may_name_erased(tx: TenantRead, expires_at: datetime) -> bool:
    """Tell whether an answer may hold what was erased since its request came: it is not kept then.

    Args:
        tx: of the tenant.
        expires_at: of the request, which came `KEPT_FOR` before.
    """
    return erased.any_since(tx, expires_at - KEPT_FOR - _CLOCKS_APART)


def _kept(row: sa.Row[Any]) -> KeptAnswer | None:
    """Return the answer that was kept; one that cannot be read any more is none."""
    if row.status is None:
        return None
    try:
        headers = tuple((name, value) for name, value in row.headers)
        return KeptAnswer(row.status, headers, zlib.decompress(row.body))
    except (zlib.error, *NOT_A_VALUE):
        return None


def note_issued(tx: TenantWrite, claim: Claim, issued: str) -> None:
    """Note, with what `tx` makes, that it is made: the request is carried out, and never again.

    Raises:
        Conflict: `request_in_progress`, if another try has taken over; nothing may be made then.
    """
    noted = tx.execute(
        sa.update(keyed_request).where(_at_work(tx, claim)).values(issued=issued)
    ).rowcount
    if not noted:
        raise _in_progress()


def keep(tx: TenantWrite, claim: Claim, answer: KeptAnswer, *, now: datetime) -> None:
    """Keep the answer to a request, unless another try has taken over.

    An answer that is too long, or holds what is shown only once, is not kept, nor one that may
    name a user whose erasure was asked for meanwhile.
    """
    erasure_gate.hold_open(tx)
    expires_at = tx.scalar(sa.select(keyed_request.c.expires_at).where(_at_work(tx, claim)))
    is_late = expires_at is not None and _may_name_erased(tx, expires_at)
    if len(answer.body) > MOST_ANSWER_BYTES or is_late:
        give_up(tx, claim, now=now)
        return
    tx.execute(
        sa.update(keyed_request)
        .where(_at_work(tx, claim))
        .values(
            status=answer.status,
            headers=[[*each] for each in answer.headers],
            body=zlib.compress(answer.body, level=1),
        )
    )


def give_up(tx: TenantWrite, claim: Claim, *, now: datetime) -> None:
    """Let the next try begin at once: this one came to no answer that would hold."""
    tx.execute(sa.update(keyed_request).where(_at_work(tx, claim)).values(claim_expires_at=now))


def forget_expired(tx: FleetWrite, *, now: datetime, limit: int) -> int:
    """Delete up to `limit` requests that nobody repeats any more, and return how many."""
    key = (keyed_request.c.tenant_id, keyed_request.c.request_key)
    expired = (
        sa.select(*key)
        .where(keyed_request.c.expires_at <= sa.literal(now, Instant))
        .order_by(keyed_request.c.expires_at)
        .limit(limit)
    )
    return tx.execute(sa.delete(keyed_request).where(sa.tuple_(*key).in_(expired))).rowcount


def _at_work(tx: TenantWrite, claim: Claim) -> sa.ColumnElement[bool]:
    """Return the condition that a claim still holds, and nothing has come of it."""
    return sa.and_(
        tx.owns(keyed_request),
        keyed_request.c.request_key == claim.request_key,
        keyed_request.c.claim == claim.number,
        keyed_request.c.issued.is_(None),
        keyed_request.c.status.is_(None),
    )


def _in_progress() -> Conflict:
    return Conflict(
        "another try of this request is at work",
        code="request_in_progress",
        hint="repeat it after Retry-After, to get what came of it",
    )
