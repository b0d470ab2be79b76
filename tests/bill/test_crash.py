"""Kill tracker, meter and closer at any moment: nothing promised is lost, nothing is doubled."""

from __future__ import annotations

import subprocess
import sys
import textwrap
import threading
from datetime import UTC, datetime

import numpy as np
import pytest
import sqlalchemy as sa

from sendopt.bill import close_period, statement
from sendopt.records import ChargeKind
from sendopt.state import tables
from tests.bill.conftest import Shop

OCTOBER = datetime(2026, 10, 1, tzinfo=UTC)
AFTER_GRACE = datetime(2026, 11, 3, tzinfo=UTC)
SENDS = 40

#: Clicks and answers every send, meters now and then, closes; tells what it was promised.
SERVICE = textwrap.dedent(
    """
    import os, sys
    from datetime import datetime, timedelta
    from sendopt.bill import charge_billable, close_period
    from sendopt.records import ConsentDoor, ResponseKind
    from sendopt.state import State
    from sendopt.track import ClickRequest, LinkSigner, follow_link
    from sendopt.track.responses import record_response

    url, tenant, sends, handed_over, closing = sys.argv[1:]
    state = State(url)
    signer = LinkSigner({"k1": bytes(32)}, "k1", "https://push.shop.example")
    tap = ClickRequest("GET", {"user-agent": "Mozilla/5.0 (Android 14) Firefox/127.0"})
    now = datetime.fromisoformat(handed_over) + timedelta(seconds=5)
    print("ready", flush=True)
    for number in range(int(sends)):
        token = signer.token(f"link-{tenant}-s{number}")
        click = follow_link(state, signer, token, tap, now=now, random_bytes=os.urandom)
        print("click", click.click_id, flush=True)
        kind = ResponseKind.RESPONSE
        record_response(
            state, tenant, f"s{number}", kind, occurred_at=now, now=now, door=ConsentDoor.API
        )
        print("response", f"s{number}", flush=True)
        if number % 10 == 9:
            charge_billable(state, tenant)
    closed = close_period(state, tenant, "2026-10", now=datetime.fromisoformat(closing))
    print("closed", closed.sha256, flush=True)
    """
)


@pytest.mark.parametrize(
    "kills", [2, pytest.param(40, marks=[pytest.mark.slow, pytest.mark.timeout(600)])]
)
def test_killed_at_any_moment(shop: Shop, state_url: str, kills: int) -> None:
    for number in range(SENDS):
        shop.send(f"s{number}", OCTOBER)
    shop.price(OCTOBER, click="1", response="2")
    rng = np.random.default_rng(kills)
    promised = {"click": set[str](), "response": set[str](), "closed": set[str]()}
    for _ in range(kills):
        for line in run_and_kill(state_url, shop, after=float(rng.uniform(0.0, 0.5))):
            what, _, subject = line.partition(" ")
            promised[what].add(subject)
    for line in run_and_kill(state_url, shop, after=None):
        what, _, subject = line.partition(" ")
        promised[what].add(subject)
    closing = close_period(shop.state, shop.tenant_id, "2026-10", now=AFTER_GRACE)
    assert promised["closed"] == {closing.sha256}
    assert promised["click"] <= recorded(shop, tables.click.c.click_id)
    assert promised["response"] <= recorded(shop, tables.response.c.send_id)
    months = [closing.statement, statement(shop.state, shop.tenant_id, "2026-11")]
    billed = {
        kind: sum(line.net for month in months for line in month.lines if line.kind == kind)
        for kind in ChargeKind
    }
    assert billed == {ChargeKind.CLICK: SENDS, ChargeKind.RESPONSE: SENDS}
    assert shop.recompute("2026-10") == closing.statement


def run_and_kill(state_url: str, shop: Shop, *, after: float | None) -> list[str]:
    """Run the service, kill it `after` seconds (None = let it finish), return its promises."""
    arguments = [
        state_url,
        shop.tenant_id,
        str(SENDS),
        OCTOBER.isoformat(),
        AFTER_GRACE.isoformat(),
    ]
    with subprocess.Popen(
        [sys.executable, "-c", SERVICE, *arguments], stdout=subprocess.PIPE, text=True
    ) as service:
        assert service.stdout is not None
        assert service.stdout.readline() == "ready\n"
        killer = threading.Timer(after or 0, service.kill)
        if after is not None:
            killer.start()
        # A line that the kill cut in half was promised to nobody.
        lines = [line.strip() for line in service.stdout if line.endswith("\n")]
        killer.cancel()
    assert after is not None or service.returncode == 0
    return lines


def recorded(shop: Shop, column: sa.Column[str]) -> set[str]:
    with shop.state.read_fleet() as tx:
        return set(tx.scalars(sa.select(column).where(column.table.c.tenant_id == shop.tenant_id)))
