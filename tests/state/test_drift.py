"""The last look for drift stands for its tenant until the next one."""

from __future__ import annotations

from datetime import datetime, timedelta

from sendopt.records import TenantId
from sendopt.state import State, drift
from sendopt.state.drift import KeptAlarm

SHOP, OTHER = TenantId("shop"), TenantId("other")


def test_a_look_replaces_the_one_before_and_leaves_other_tenants_alone(
    state: State, now: datetime
) -> None:
    def alarm(tenant_id: TenantId, name: str, value: float, until: datetime) -> KeptAlarm:
        return KeptAlarm(tenant_id, name, value, None, ringing=False, until=until)

    theirs = alarm(OTHER, "calibration", 0.01, now)
    first = [alarm(SHOP, name, -0.25, now) for name in ("answer_rate", "calibration")]
    rings = KeptAlarm(SHOP, "answer_rate", -0.5, 0.125, ringing=True, until=now + timedelta(days=7))
    with state.write_fleet() as tx:
        drift.keep(tx.of(OTHER), [theirs])
        drift.keep(tx.of(SHOP), first)
        assert drift.everyones(tx) == [theirs, *first]
        drift.keep(tx.of(SHOP), [rings])
    with state.read_fleet() as tx:
        assert drift.everyones(tx) == [theirs, rings]
