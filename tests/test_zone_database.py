"""One database of time zones for all: that of the package `tzdata`, whatever the machine has."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from datetime import UTC, datetime
from importlib import resources
from pathlib import Path

import pytest
import tzdata

import sendopt
from sendopt.clock import zone_at, zone_database, zone_names, zone_of
from sendopt.errors import InvalidInput

PACKAGED = Path(str(resources.files("tzdata"))) / "zoneinfo"
SUMMER = datetime(2026, 7, 1, 12, tzinfo=UTC)


def python(code: str, **environment: str) -> str:
    """Run `code` in a Python of its own; return what it prints."""
    answer = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        check=True,
    )
    return answer.stdout.strip()


def test_an_old_zone_file_of_the_machine_changes_nothing(tmp_path: Path) -> None:
    """Egypt has had summer time again since 2023; machines that nobody updates do not know it."""
    stale = tmp_path / "Africa" / "Cairo"
    stale.parent.mkdir()
    shutil.copy(PACKAGED / "Africa" / "Tripoli", stale)  # two hours east, all year
    code = (
        "from datetime import UTC, datetime; from zoneinfo import ZoneInfo\n"
        "from sendopt.clock import zone_of\n"
        "noon = datetime(2026, 7, 1, 12, tzinfo=UTC)\n"
        "cairo = ZoneInfo('Africa/Cairo'), zone_of('Africa/Cairo')\n"
        "print([noon.astimezone(zone).hour for zone in cairo])"
    )
    assert python(code, PYTHONTZPATH=str(tmp_path)) == "[14, 15]"


def test_a_zone_that_only_the_machine_knows_is_none(tmp_path: Path) -> None:
    shutil.copytree(PACKAGED / "Africa", tmp_path / "Mars")
    code = (
        "from zoneinfo import available_timezones; from sendopt.clock import zone_names\n"
        "print(*sorted(name in names for names in (available_timezones(), zone_names())\n"
        "              for name in ('Mars/Cairo',)))"
    )
    assert python(code, PYTHONTZPATH=str(tmp_path)) == "False True"


def test_every_name_opens_a_zone_that_is_called_so() -> None:
    names = zone_names()
    assert len(names) > 590
    assert {str(zone_of(name)) for name in names} == names
    assert SUMMER.astimezone(zone_of("Africa/Cairo")).hour == 15
    assert SUMMER.astimezone(zone_at(-5 * 60)).hour == 7


@pytest.mark.parametrize("name", ["Factory", "localtime", "right/Europe/Berlin", "../zones", ""])
def test_what_is_no_place_is_no_zone(name: str) -> None:
    with pytest.raises(InvalidInput, match="is no time zone"):
        zone_of(name)


def test_the_release_is_that_of_the_files() -> None:
    first = (PACKAGED / "tzdata.zi").read_text("utf-8").splitlines()[0]
    assert first == f"# version {zone_database()}"
    assert zone_database() == tzdata.IANA_VERSION


def test_no_sql_reads_clocks_by_the_database_of_duckdb() -> None:
    """DuckDB 1.5.5 has another release: 13 zones had other clocks than ours in December 2026."""
    asked = []
    for file in Path(sendopt.__file__).parent.rglob("*.sql"):
        lines = file.read_text("utf-8").lower().splitlines()
        code = "\n".join(line.split("--")[0] for line in lines)
        found = re.findall(r"timezone\(\s*(?!\s|'utc')|at time zone|pg_timezone_names", code)
        asked += [(file.name, each) for each in found]
    assert not asked
