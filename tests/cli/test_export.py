"""`sendopt export`: files for spreadsheets and notebooks."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from cli.conftest import Ended

from sendopt.app import open_app
from sendopt.app.stores import DEFAULT_TENANT
from sendopt.settings import Settings


@pytest.fixture
def device(home: Path) -> dict[str, object]:
    """One device of the default tenant."""
    body = {"device_id": "d1", "user_id": "=ann", "channel": "simulator", "address": {}}
    open_app(Settings(home=home)).as_owner_of(DEFAULT_TENANT).devices.register(body)
    return body


@pytest.mark.usefixtures("device")
def test_a_list_is_written_in_the_form_that_the_file_is_named_after(
    ended: Ended, tmp_path: Path
) -> None:
    for name in ("devices.csv", "devices.parquet"):
        status, out, err = ended("export", "devices", "--out", str(tmp_path / name), "--json")
        assert status == 0, err
        assert json.loads(out) == {"out": str(tmp_path / name), "rows": 1}
    with (tmp_path / "devices.csv").open(newline="") as file:
        (row,) = csv.DictReader(file)
    assert (row["device_id"], row["user_id"]) == ("d1", "'=ann")
    (exact,) = pq.read_table(tmp_path / "devices.parquet").to_pylist()
    assert exact["user_id"] == "=ann"
    assert sorted(path.name for path in tmp_path.glob("*.*")) == ["devices.csv", "devices.parquet"]


@pytest.mark.parametrize(
    ("command", "said"),
    [
        ("export sends --out sends.xlsx", "table_unknown"),
        ("export results nothing --out results.csv", "campaign_unknown"),
        ("export statement --period october --out lines.csv", "period_invalid"),
        ("export sends --due-from soon --out sends.csv", "--due-from"),
    ],
)
def test_what_cannot_be_exported_leaves_no_file(
    ended: Ended, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, command: str, said: str
) -> None:
    folder = tmp_path / "folder"
    folder.mkdir()
    monkeypatch.chdir(folder)
    status, _, err = ended(*command.split())
    assert (status, said in err) == (2, True), err
    assert list(folder.iterdir()) == []
