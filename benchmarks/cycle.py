"""Time the commands of a day, as users run them, and write a section of docs/benchmarks.md.

python benchmarks/cycle.py --users 100000
python benchmarks/cycle.py --users 1000000 --without-plan

A log is planted in a fresh home and goes through `ingest`, `train`, `score`, one more day of one
user in a hundred, `score` again, `backtest` and `plan`; beside it DuckDB copies the file and the
obvious program scores a sample.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from datetime import UTC, datetime, timedelta
from pathlib import Path

import duckdb
from daily_cycle import planted, truth
from daily_cycle.commands import SENDOPT, Cost, run
from daily_cycle.table import Cycle, section
from page import PAGE, write_section

_SCRIPTS = Path(__file__).parent / "daily_cycle"
_SAMPLE = 2_000  # users of the obvious program
_CREATE = """
import duckdb, sys
duckdb.connect(sys.argv[1], config={"threads": 2}).execute(sys.argv[2])
"""


def main() -> None:
    wanted = _arguments()
    with tempfile.TemporaryDirectory(dir=wanted.folder) as folder:
        cycle = measure(Path(folder), wanted.users, plan=not wanted.without_plan)
    text = section(cycle)
    print(text)
    write_section(f"The daily cycle of {wanted.users:,} users", text, page=wanted.out)


def measure(folder: Path, users: int, *, plan: bool) -> Cycle:
    """Run the cycle and what stands beside it, once each."""
    home = folder / "home"
    run(sys.executable, _SCRIPTS / "planted.py", folder, str(users), home=home)
    past = folder / planted.PAST
    commands: dict[str, Cost] = {}

    def step(name: str, *arguments: str | Path) -> None:
        commands[name] = run(*SENDOPT, *arguments, home=home)
        cost = commands[name]
        figures = f"{cost.wall:.1f} s, {cost.cpu:.1f} s of CPU, {cost.peak:.2f} GB"
        print(f"{name}: {figures}: {cost.last_line}", file=sys.stderr, flush=True)

    create = f"create table event as from read_parquet('{past}')"
    plain = run(sys.executable, "-c", _CREATE, folder / "plain.duckdb", create, home=home)
    step("ingest", "ingest", past)
    step("train", "train", "--json")
    step("score", "score")
    scores = folder / "scores.parquet"
    step("score --out", "score", "--full", "--out", scores)
    beside = truth.compare(folder, trained=commands["train"].json, scores=scores)
    step("ingest, the next day", "ingest", folder / planted.NEXT_DAY)
    step("score, after the next day", "score")
    step("backtest", "backtest")
    if plan:
        run(sys.executable, _SCRIPTS / "devices.py", home, past, home=home)
        step("plan, to everybody", "plan", _campaign(folder))
    obvious = run(
        sys.executable, _SCRIPTS / "obvious.py", past, str(min(users, _SAMPLE)), home=home
    )
    events = duckdb.sql(f"select count(*) from read_parquet('{past}')").fetchall()[0][0]
    return Cycle(users, events, commands, plain, obvious, beside)


def _campaign(folder: Path) -> Path:
    tomorrow = datetime.now(UTC).replace(minute=0, second=0, microsecond=0) + timedelta(days=1)
    campaign = {
        "campaign_id": "daily-cycle",
        "channel": "simulator",
        "variants": [{"variant_id": "plain", "title": "News", "body": "There is some."}],
        "send_window": {
            "earliest_at": tomorrow.isoformat(),
            "latest_at": (tomorrow + timedelta(days=1)).isoformat(),
        },
        "audience": "everyone",
        "quiet_hours": None,
    }
    file = folder / "campaign.json"
    file.write_text(json.dumps(campaign), "utf-8")
    return file


def _arguments() -> argparse.Namespace:
    described = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    add = described.add_argument
    add("--users", type=int, default=100_000, metavar="N", help="[default: 100000]")
    add("--without-plan", action="store_true", help="leave out the plan of a campaign")
    add("--folder", type=Path, metavar="DIR", help="where files and home go for the time being")
    add("--out", type=Path, default=PAGE, metavar="FILE", help="the page")
    return described.parse_args()


if __name__ == "__main__":
    main()
