"""`sendopt limits`: said by a file, shown as a table, as JSON, and as what can be set again."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

Ended = Callable[..., tuple[int, str, str]]
CAPS = [{"at_most": 2, "within": "24h"}, {"at_most": 20, "within": "7d"}]
LIMITS = {"caps": CAPS, "least_gap": "4h", "no_send_share": 0.02, "legal_hours": True}


def test_limits_are_set_shown_and_set_again(ended: Ended, tmp_path: Path) -> None:
    file = tmp_path / "limits.json"
    status, shown, _ = ended("limits", "show")
    assert (status, "no limits were ever said" in shown) == (0, True)
    file.write_text(json.dumps(LIMITS))
    status, table, told = ended("limits", "set", str(file))
    assert status == 0
    assert "version 1" in table
    assert "at_most 2, within 1d" in table
    assert "/caps/1: never binds: 2 within 1d is as strict" in told
    _, document, _ = ended("limits", "show", "--document")
    file.write_text(document)
    _, again, _ = ended("limits", "set", str(file), "--json")
    assert (json.loads(again)["version"], json.loads(again)["limits"]) == (1, json.loads(document))
    file.write_text(json.dumps(LIMITS | {"weekly_budget": 3}))
    assert "version 2" in ended("limits", "set", str(file))[1]
    _, first, _ = ended("limits", "show", "--version", "1", "--json")
    assert json.loads(first)["limits"] == json.loads(document)
    assert ended("limits", "show", "--version", "3")[0] == 2


def test_a_file_that_cannot_be_meant_changes_nothing(ended: Ended, tmp_path: Path) -> None:
    file = tmp_path / "limits.json"
    file.write_text(json.dumps({"caps": [{"at_most": 0, "within": "24h"}], "legal_hours": True}))
    status, _, told = ended("limits", "set", str(file))
    assert status == 2
    assert "/caps/0/at_most" in told
    assert "pause the campaigns" in told
    assert "/no_send_share" in told
    assert "no limits were ever said" in ended("limits", "show")[1]
