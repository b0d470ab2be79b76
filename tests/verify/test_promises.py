"""The page of promises and the code name the same rules."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_every_rule_is_documented_and_every_documented_rule_is_checked() -> None:
    page = (ROOT / "docs" / "promises.md").read_text()
    rows = re.findall(
        r"^\| (?:state|ledger|log|registry|home)[^|]* \| ([^|]+) \|", page, re.MULTILINE
    )
    documented = {rule for row in rows for rule in re.findall(r"`(\w+)`", row)}
    package = ROOT / "sendopt"
    stores = [
        package / "state" / f"{name}.py"
        for name in ("audit", "audit_campaigns", "audit_decisions", "rows", "schema", "unchanged")
    ]
    checks = (*stores, package / "app" / "operator.py", *(package / "verify").glob("*.py"))
    code = "\n".join(path.read_text() for path in checks)
    assert documented
    assert {rule for rule in documented if f'"{rule}"' not in code} == set()
    # What else stands between quotes in these files and looks like a rule.
    others = {"event_count", "event_id", "lost_events", "no_champion", "outside_window", "too_fast"}
    others |= {"campaign_id", "dead_address", "event_damaged", "event_type", "user_id"}
    others |= {"log_ahead", "repeated_ids", "send_id", "tenant_id"}
    quoted = set(re.findall(r'"([a-z]+(?:_[a-z]+)+)"', code))
    assert quoted - others == documented
