"""The doors through which devices and users come in: one by one, many at once, and files."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from sendopt.app.work import Work
from sendopt.errors import Conflict, InvalidInput

#: A row, from 1, and the field and the code of each fault of it.
Faults = dict[int, set[tuple[str, str]]]
Door = Callable[[Any, Sequence[Mapping[str, Any]], Path], Faults]

FILES = ("rows.csv", "rows.jsonl", "rows.parquet")


def write(path: Path, rows: Sequence[Mapping[str, Any]]) -> Path:
    """Write bodies in the format that the name of `path` asks for; in tables as flat columns."""
    if path.suffix == ".jsonl":
        path.write_text("".join(f"{json.dumps(row)}\n" for row in rows))
        return path
    flat = [_flat(row) for row in rows]
    names = list(dict.fromkeys(name for row in flat for name in row))
    if path.suffix == ".parquet":
        columns = {name: [row.get(name) for row in flat] for name in names}
        pq.write_table(pa.table({n: pa.array(c, pa.string()) for n, c in columns.items()}), path)
        return path
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(names)
        writer.writerows([row.get(name) for name in names] for row in flat)
    return path


def _flat(body: Mapping[str, Any], begin: str = "") -> dict[str, str | None]:
    found: dict[str, str | None] = {}
    for name, said in body.items():
        if isinstance(said, dict):
            found |= _flat(said, f"{begin}{name}.")
        elif said is not None:
            found[f"{begin}{name}"] = said if isinstance(said, str) else json.dumps(said)
    return found


def one_by_one(work: Work, subject: str, rows: Sequence[Mapping[str, Any]], _: Path) -> Faults:
    told: Faults = {}
    for number, row in enumerate(rows, start=1):
        try:
            if subject == "devices":
                work.devices.register(dict(row))
            else:
                body = {"timezone": None, **row}
                work.users.put(body.pop("user_id"), body)
        except InvalidInput as error:
            told[number] = {(_column(each.field), each.code) for each in error.faults}
        except Conflict as error:
            told[number] = {(_column(error.field), error.code)}
    return told


def many_at_once(work: Work, subject: str, rows: Sequence[Mapping[str, Any]], _: Path) -> Faults:
    given = [dict(row) for row in rows]
    take = work.devices.register_all if subject == "devices" else work.users.put_all
    return {
        number: {(_column(each.field), each.code) for each in verdict.errors}
        for number, verdict in enumerate(take(given), start=1)
        if verdict.errors
    }


def by_file(name: str) -> Callable[[Work, str, Sequence[Mapping[str, Any]], Path], Faults]:
    def door(work: Work, subject: str, rows: Sequence[Mapping[str, Any]], folder: Path) -> Faults:
        take = work.devices if subject == "devices" else work.users
        (report,) = take.import_files([write(folder / name, rows)], progress=lambda *_: None)
        assert report.rows == len(rows)
        return {each.row: {(each.column, each.code)} for each in report.rejections()}

    return door


def _column(field: str | None) -> str:
    return (field or "").strip("/").replace("/", ".")
