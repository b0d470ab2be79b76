"""Whoever gets a code can look it up."""

from __future__ import annotations

import re
from pathlib import Path

import sendopt.ingest
from sendopt import clock, strict_json, text

DOCS = Path(__file__).parents[2] / "docs"
CODE = re.compile(r"""(?:code=|['"]code['"]: )['"](\w+)['"]""")


def test_every_code_of_events_and_devices_is_documented() -> None:
    folder = Path(str(sendopt.ingest.__file__)).parent
    shared = [Path(str(module.__file__)) for module in (clock, strict_json, text)]
    sources = [*folder.rglob("*.py"), *folder.rglob("*.sql"), *shared]
    raised = {code for source in sources for code in CODE.findall(source.read_text())}
    assert {"event_type_unknown", "zone_invalid", "url_not_allowed", "malformed_json"} <= raised
    pages = "".join(
        (DOCS / name).read_text()
        for name in ("events.md", "devices.md", "consent.md", "importing.md", "limits.md")
    )
    documented = set(re.findall(r"`(\w+)`", pages))
    assert raised <= documented
