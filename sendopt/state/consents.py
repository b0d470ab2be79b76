"""What users said on being sent to at all: every statement, and where each user stands by now."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

import sqlalchemy as sa

from sendopt.records import Consent, ConsentDoor, KeptConsent, UserId
from sendopt.state import erased, users
from sendopt.state.engine import insert
from sendopt.state.tables_people import consent
from sendopt.state.transaction import TenantRead, TenantWrite

#: So many statements of one user are shown, the latest.
MOST_SHOWN = 1_000


def note(
    tx: TenantWrite, said: Iterable[Consent], *, door: ConsentDoor, now: datetime
) -> frozenset[Consent]:
    """Keep statements of users, known before or not, and let each take effect.

    Return those that were not kept before.

    They may come in any order and any number of times: the same ones lead to the same standing.
    What users said who were erased is not kept.
    """
    # In the order of users, so that two transactions wait for each other in no circle.
    ordered = sorted(said, key=lambda each: each.user_id)
    gone = erased.among(tx, [each.user_id for each in ordered])
    ordered = [each for each in ordered if each.user_id not in gone]
    if not ordered:
        return frozenset()
    key = (consent.c.user_id, consent.c.said_at, consent.c.given, consent.c.source)
    rows = tx.execute(
        insert(tx, consent).on_conflict_do_nothing().returning(*key),
        [
            {
                "tenant_id": tx.tenant_id,
                "user_id": each.user_id,
                "said_at": each.at,
                "given": each.given,
                "source": each.source or door,
                "received_at": now,
                "channel": each.channel,
                "message_type": each.message_type,
            }
            for each in ordered
        ],
    )
    users.opt_out_all(tx, [(e.user_id, e.at) for e in ordered if not e.given], now=now)
    users.opt_in_all(tx, [(e.user_id, e.at) for e in ordered if e.given], now=now)
    fresh = {tuple(row) for row in rows}
    return frozenset(
        each
        for each in ordered
        if (each.user_id, each.at, each.given, each.source or door) in fresh
    )


def history(tx: TenantRead, user_id: UserId) -> list[KeptConsent]:
    """Return the statements of a user, the latest first, at most `MOST_SHOWN`.

    Raises:
        NotFound: `user_unknown`.
    """
    users.get(tx, user_id)
    rows = tx.execute(
        sa.select(consent)
        .where(tx.owns(consent), consent.c.user_id == user_id)
        # Of two at one time the opt-out holds, and stands first.
        .order_by(consent.c.said_at.desc(), consent.c.given, consent.c.source)
        .limit(MOST_SHOWN)
    )
    return [
        KeptConsent(
            UserId(row.user_id),
            row.given,
            row.said_at,
            source=row.source,
            channel=row.channel,
            message_type=row.message_type,
            received_at=row.received_at,
        )
        for row in rows
    ]
