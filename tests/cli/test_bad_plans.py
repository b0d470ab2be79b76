"""What cannot be meant is told at the command line, all at once, and leaves nothing half done."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from cli.conftest import Ended
from scheduler import bad_plans

AS_ONE, AS_LOCAL, AS_LIMITS = (
    (bad_plans.CAMPAIGN, bad_plans.WRONG_IN_CAMPAIGN),
    (bad_plans.LOCAL_CAMPAIGN, bad_plans.WRONG_IN_LOCAL_CAMPAIGN),
    (bad_plans.LIMITS, bad_plans.WRONG_IN_LIMITS),
)


@pytest.mark.parametrize(
    ("arguments", "given"),
    [
        ("plan {} --commit", AS_ONE),
        ("plan {}", AS_ONE),
        ("plan {} --draft", AS_ONE),
        ("campaign revise {}", AS_ONE),
        ("plan {} --commit", AS_LOCAL),
        ("limits set {}", AS_LIMITS),
    ],
)
def test_everything_is_told_at_once_and_nothing_is_stored(
    ended: Ended,
    home: Path,
    tmp_path: Path,
    arguments: str,
    given: tuple[dict[str, Any], dict[str, str]],
) -> None:
    document, wrong = given
    file = tmp_path / "given.json"
    file.write_text(json.dumps(document))
    ended("tenant", "create", "default")
    before = rows(home)
    status, out, err = ended(*arguments.format(file).split())
    assert (status, out) == (2, ""), err
    for place in wrong:
        assert f"{place}: " in err, err
    assert rows(home) == before


def test_a_trigger_is_told_all_of_its_faults(ended: Ended) -> None:
    ended("tenant", "create", "default")
    status, out, err = ended(
        *("send", "reminder", "ann", "--key", "k", "--within", "0m"),
        *("--not-before", "2026-02-30T08:00", "--ignore-quiet-hours"),
    )
    assert (status, out) == (2, ""), err
    assert '--within: "0m" is no duration' in err
    assert "/not_before/local: " in err
    assert "/within_minutes" not in err


def rows(home: Path) -> dict[str, int]:
    with closing(sqlite3.connect(home / "state.sqlite")) as state:
        names = [name for (name,) in state.execute("select name from sqlite_master")]
        tables = [name for name in names if name in {"campaign", "planned_send", "sending_limits"}]
        return {
            name: state.execute(f"select count(*) from {name}").fetchone()[0] for name in tables
        }
