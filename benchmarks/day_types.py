"""Which days are alike: choices on later days of a log, by what counts as a weekend.

From 18 instants, four weeks apart, the model that was fitted to the past is asked about all local
hours of the active days of the next four weeks: is the user there within two hours? Everything is
computed once with each rule. "AUC" is the share of pairs of hours of a user's day in the right
order; the units of intervals are users.

python -P benchmarks/day_types.py LOG.parquet [HOLIDAYS.csv]     (timezone, day)
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Callable
from contextlib import closing
from datetime import date, datetime, timedelta
from importlib import import_module
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv
import pyarrow.parquet as pq

from sendopt.app import open_app
from sendopt.clock import SystemClock
from sendopt.evaluate import metrics
from sendopt.features import AsOfView, Target
from sendopt.features.local_time.weekends import is_weekend
from sendopt.features.local_time.zones import DAY_US, day_of_week
from sendopt.learn import score_decisions
from sendopt.learn.fitting.fit import fit
from sendopt.log import Reader
from sendopt.records import TenantId
from sendopt.settings import Settings

TENANT = TenantId("default")
CUTS, STEP = 18, timedelta(days=28)
Rule = Callable[..., np.ndarray]

LATER = """
with home as (
    select user_id, max_by(timezone, occurred_at) as zone
    from event
    where occurred_at < $cut and timezone is not null
    group by user_id
),
seen as (
    select user_id, zone, occurred_at, timezone(zone, occurred_at)::date as day
    from event
    join home using (user_id)
    where event_type = 'session'
        and occurred_at >= $cut + interval 1 day
        and occurred_at < $cut + interval 28 day
),
asked as (
    select d.*, timezone(d.zone, d.day + to_hours(h.hour)) as candidate_at
    from (select distinct user_id, zone, day from seen) d
    cross join range(24) h(hour)
)
select
    a.user_id || ' ' || a.day as decision_id,
    a.user_id,
    $cut as as_of,
    a.candidate_at,
    a.zone,
    a.day,
    exists (
        from seen s
        where s.user_id = a.user_id
            and s.occurred_at >= a.candidate_at
            and s.occurred_at < a.candidate_at + interval 2 hour
    ) as answered
from asked a
order by decision_id, candidate_at
"""


def rules(holidays: set[tuple[str, int]]) -> dict[str, Rule]:
    def everywhere(_zones: object, _zone: np.ndarray, local_us: np.ndarray) -> np.ndarray:
        return day_of_week(local_us) >= 5

    def with_holidays(zones: tuple[str, ...], zone: np.ndarray, local_us: np.ndarray) -> np.ndarray:
        named = [(zones.index(name), day) for name, day in holidays if name in zones]
        return is_weekend(zones, zone, local_us) | np.isin(
            zone.astype(np.int64) * 100_000 + local_us // DAY_US,
            [number * 100_000 + day for number, day in named],
        )

    found: dict[str, Rule] = {"Saturday, Sunday": everywhere, "weekend of the zone": is_weekend}
    return {**found, "and holidays": with_holidays} if holidays else found


def probabilities(reader: Reader, later: pa.Table, rule: Rule, *, cut: datetime) -> np.ndarray:
    # The rule is swapped from outside: the product has one.
    for name in ("target", "viewpoints"):
        vars(import_module(f"sendopt.features.{name}"))["is_weekend"] = rule
    with reader.before(cut) as past:
        view = AsOfView(past, Target(timedelta(minutes=30)))
        model = fit(
            view,
            until=cut,
            judged=False,
            seed=1,
            threads=1,
            progress=lambda _words: None,
        ).model
        return score_decisions(model, view, later).probability


def main(path: str, holidays_csv: str | None = None) -> None:
    listed = pyarrow.csv.read_csv(holidays_csv).to_pylist() if holidays_csv else []
    holidays = {(row["timezone"], (row["day"] - date(1970, 1, 1)).days) for row in listed}
    end = pc.max(pq.read_table(path, columns=["occurred_at"])["occurred_at"]).as_py()
    told: dict[str, list[np.ndarray]] = {name: [] for name in rules(holidays)}
    days: list[pa.Table] = []
    with (
        tempfile.TemporaryDirectory() as home,
        closing(open_app(Settings(home=Path(home)), clock=SystemClock())) as app,
    ):
        app.as_owner_of(TENANT).events.import_files(
            [Path(path)], progress=lambda _path, _rows: None
        )
        with app.reader(TENANT) as reader:
            for back in range(CUTS, 0, -1):
                cut = end - back * STEP
                later = reader.query("later", LATER, {"cut": cut})
                days.append(later)
                for name, rule in rules(holidays).items():
                    told[name].append(probabilities(reader, later, rule, cut=cut))
                print(f"{cut:%Y-%m-%d}: {len(later) // 24} days", file=sys.stderr, flush=True)
    report(pa.concat_tables(days), {name: np.concatenate(told[name]) for name in told}, holidays)


def report(later: pa.Table, told: dict[str, np.ndarray], holidays: set[tuple[str, int]]) -> None:
    answered = later["answered"].to_numpy().astype(float)
    day = np.repeat(np.arange(len(later) // 24), 24)
    first = later.take(np.arange(0, len(later), 24))
    _, user = np.unique(first["user_id"].to_numpy(), return_inverse=True)
    number = first["day"].cast(pa.int32()).to_numpy().astype(np.int64)
    zones, zone = np.unique(first["zone"].to_numpy(), return_inverse=True)
    plain = (number + 3) % 7 >= 5
    weekend = is_weekend(zones.tolist(), zone.astype(np.int16), number * DAY_US)
    named = zip(first["zone"].to_pylist(), number.tolist(), strict=True)
    holiday = np.array([pair in holidays for pair in named]) & ~weekend
    kinds = {
        "all days": np.ones(len(first), bool),
        "weekend elsewhere or here, not both": plain != weekend,
        "holidays within the week": holiday,
    }
    print("| days | user-days, users | rule | AUC | minus Saturday, Sunday | log loss, minus |")
    print("|---|---|---|---|---|---|")
    ordered, loss = {}, {}
    for name, probability in told.items():
        ordered[name], pairs = metrics.pair_counts(day, probability, answered)
        loss[name] = np.bincount(day, metrics.log_losses(answered, probability)) / 24
    for kind, some in kinds.items():
        if not some.any():
            continue
        for name in told:
            auc = ordered[name][some].sum() / pairs[some].sum()
            more = ordered[name] - ordered["Saturday, Sunday"]
            gain = metrics.user_interval(more[some], pairs[some], user[some])
            lost = loss[name] - loss["Saturday, Sunday"]
            worse = metrics.user_interval(lost[some], np.ones(some.sum()), user[some])
            print(
                f"| {kind} | {some.sum():,}, {len(np.unique(user[some]))} | {name} | {auc:.4f} "
                f"| {gain} | {worse} |"
            )


if __name__ == "__main__":
    main(*sys.argv[1:])
