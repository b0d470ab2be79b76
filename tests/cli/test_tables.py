"""Tables in a terminal of 80 columns: they fit, numbers stand whole, and no text is lost."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable
from io import StringIO
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len
from rich.console import Console

from sendopt.cli import output

from .test_wrong_input import RATE_CARD

Ended = Callable[..., tuple[int, str, str]]

WIDTH = 80
#: What no line of a table holds: blanks at which lines break, and ends of lines.
_TEXT = st.text(st.characters(codec="utf-8", exclude_categories=["C", "Z"]), max_size=120)
_NUMBER = st.integers(0, 10**9 - 1)


def drawn(
    title: str, columns: list[str], rows: list[list[str | int]], monkeypatch: pytest.MonkeyPatch
) -> list[str]:
    written = StringIO()
    console = Console(file=written, width=WIDTH, markup=False, emoji=False, highlight=False)
    monkeypatch.setattr(output, "stdout", console)
    output.print_table(title, columns, rows)
    return written.getvalue().splitlines()


@given(
    kinds=st.lists(st.sampled_from(["text", "number"]), min_size=1, max_size=6).filter(
        lambda kinds: kinds.count("number") <= 4
    ),
    data=st.data(),
)
def test_every_table_fits_and_loses_nothing(kinds: list[str], data: st.DataObject) -> None:
    rows = data.draw(
        st.lists(
            st.tuples(*(_TEXT if kind == "text" else _NUMBER for kind in kinds)),
            min_size=1,
            max_size=1,
        )
    )
    with pytest.MonkeyPatch.context() as monkeypatch:
        lines = drawn("t" * 200, kinds, [list(row) for row in rows], monkeypatch)
    assert all(cell_len(line) <= WIDTH for line in lines)
    cells = [line.split("│")[1:-1] for line in lines if line.startswith("│")]
    if any("│" in str(value) for value in rows[0]):
        return
    for index, value in enumerate(rows[0]):
        folded = "".join(row[index].strip() for row in cells)
        assert folded == (f"{value:,}" if isinstance(value, int) else value)


@pytest.mark.parametrize("others", range(1, 5))
def test_words_of_the_first_column_are_folded_and_none_is_left_out(
    others: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = "exports/March of push events that nobody has read.csv"
    columns = ["file", *(["conflicting"] * others)]
    lines = drawn("Imported", columns, [[name, *range(others)]], monkeypatch)
    folded = [line.split("│")[1].strip() for line in lines if line.startswith("│")]
    assert "".join(folded).replace(" ", "") == name.replace(" ", "")


@given(
    lengths=st.lists(st.integers(1, 16), min_size=1, max_size=4),
    reason=st.lists(st.text("abc", min_size=1, max_size=14), min_size=1, max_size=40),
)
def test_no_word_is_broken_while_there_is_room_for_all(
    lengths: list[int], reason: list[str]
) -> None:
    ids = [str(place) * length for place, length in enumerate(lengths)]
    with pytest.MonkeyPatch.context() as monkeypatch:
        row = [*ids, " ".join(reason)]
        lines = drawn("ids", ["c"] * len(row), [row], monkeypatch)
    cells = [line.split("│")[1:-1] for line in lines if line.startswith("│")]
    assert [each.strip() for each in cells[0][:-1]] == ids
    assert " ".join(row[-1].strip() for row in cells).split() == reason


def test_a_heading_of_two_words_is_whole_over_numbers(monkeypatch: pytest.MonkeyPatch) -> None:
    names = ["sends", "delivered", "opened", "clicked", "responded", "dismissed", "opted out"]
    for first in ("arm", "optimised", "x" * 20):
        lines = drawn("By arm", [first, *names], [["a", *[0] * len(names)]], monkeypatch)
        assert all(cell_len(line) <= WIDTH for line in lines)
        told = " ".join(word for line in lines for word in re.split("[┃ ]", line)).split()
        assert {"delivered", "opted", "out"} <= set(told)


def test_no_table_stands_empty(monkeypatch: pytest.MonkeyPatch) -> None:
    assert drawn("Devices", ["device", "user"], [], monkeypatch) == ["Devices: none"]


@given(name=st.text("abc0123456789", min_size=1, max_size=40), others=st.integers(1, 3))
def test_the_first_column_can_be_copied_whole_where_words_do_not_fit(
    name: str, others: int
) -> None:
    with pytest.MonkeyPatch.context() as monkeypatch:
        row = [name, *["/" + "x" * 70] * others]
        lines = drawn("ids", ["c"] * len(row), [row], monkeypatch)
    assert all(cell_len(line) <= WIDTH for line in lines)
    cells = [line.split("│")[1:-1] for line in lines if line.startswith("│")]
    assert cells[0][0].strip() == name


def assert_fits(written: str) -> None:
    drawn_lines = [line for line in written.splitlines() if re.match("[┏┡│└┃]", line)]
    assert drawn_lines, written
    assert max(map(cell_len, drawn_lines)) <= WIDTH


@pytest.fixture
def narrow(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", str(WIDTH))


@pytest.mark.usefixtures("narrow")
def test_what_bears_a_users_long_name_fits(ended: Ended, tmp_path: Path) -> None:
    file = tmp_path / ("long-" * 40 + ".csv")
    file.write_text(
        "event_id,user_id,event_type,occurred_at,send_id\ne1,u1,send,2026-09-01T10:00:00Z,s1\n"
    )
    tenant, name = "t" * 63, "a key of " + "n" * 90
    ended("tenant", "create", tenant)
    ended("key", "issue", name, "--tenant", tenant)
    (tmp_path / "card.json").write_text(RATE_CARD)
    ended("bill", "rate-card", str(tmp_path / "card.json"), "--tenant", tenant)
    for command in (
        f"ingest {file} --tenant {tenant}",
        f"key list --tenant {tenant}",
        f"settings --home {'h' * 200}",
    ):
        status, written, errors = ended(*command.split())
        assert status == 0, errors
        assert_fits(written)
    nothing = ended("bill", "statement", "--period", "2026-10", "--tenant", tenant)[1]
    assert nothing.startswith(f"{tenant}, 2026-10: no click or response was counted")
    assert "".join(name.split()) in unfolded(ended("key", "list", "--tenant", tenant)[1], column=1)


def unfolded(written: str, *, column: int) -> str:
    """Put a column's text together again, without blanks."""
    rows = [line.split("│")[1:-1] for line in written.splitlines() if line.startswith("│")]
    return "".join("".join(row[column].split()) for row in rows)


@pytest.mark.slow
@pytest.mark.usefixtures("narrow")
def test_what_a_model_did_fits(
    ended: Ended, home: Path, trained_home: Path, tmp_path: Path
) -> None:
    shutil.rmtree(home)
    shutil.copytree(trained_home, home)
    campaign = tmp_path / "campaign.json"
    variants = [
        {"variant_id": each * 100, "title": "Hello", "body": "there", "url": "https://shop.example"}
        for each in "ab"
    ]
    window = {"earliest_at": "2030-10-25T00:00:00Z", "latest_at": "2030-10-26T00:00:00Z"}
    campaign.write_text(
        json.dumps(
            {
                "campaign_id": "c" * 100,
                "channel": "simulator",
                "variants": variants,
                "send_window": window,
                "audience": ["u" * 100, "v" * 100],
                "quiet_hours": None,
            }
        )
    )
    until = "2025-03-20T00:00:00Z"
    for command in (
        "models list",
        "drift",
        f"plan {campaign}",
        f"train --as-of {until}",
        "models compare 1 2",
    ):
        status, written, errors = ended(*command.split())
        assert status in {0, 1}, errors
        assert_fits(written)
    told = ended("models", "list")[1]
    assert "open within" in told, "what each model predicts"
    for model in json.loads(ended("models", "list", "--json")[1]):
        words = told.split()
        assert model["version"] in words
        assert model["learned_until"][:10] in words


@pytest.mark.usefixtures("narrow")
def test_the_id_of_a_backup_can_be_copied_whole(ended: Ended, tmp_path: Path) -> None:
    (tmp_path / "events.csv").write_text(
        "event_id,user_id,event_type,occurred_at\ne1,u1,session,2026-09-01T10:00:00Z\n"
    )
    place = str(tmp_path / "place")
    assert "holds no backup" in ended("backups", place)[1]
    ended("ingest", str(tmp_path / "events.csv"))
    ended("backup", place)
    [kept] = (tmp_path / "place" / "backups").glob("*.json")
    assert kept.stem in ended("backups", place)[1]


@given(text=st.text(st.characters(codec="utf-8", categories=["Cc", "Cf", "Zl", "Zp"]), min_size=1))
def test_nothing_in_a_table_commands_the_terminal(text: str) -> None:
    with pytest.MonkeyPatch.context() as monkeypatch:
        lines = drawn(f"of {text}", ["a"], [[f"x{text}x"]], monkeypatch)
    assert all(each.isprintable() for each in lines)
    assert "\\" in "".join(lines)
