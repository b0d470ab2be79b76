"""The demo, step by step: import, train, plan, live, bill, compare, verify, draw."""

from __future__ import annotations

import shutil
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from importlib.resources import files
from pathlib import Path

import pandas as pd
import pyarrow.parquet as pq

from sendopt.app import App, open_app
from sendopt.clock import VirtualClock
from sendopt.demo.compare import other_choices
from sendopt.demo.days import People, live_until
from sendopt.demo.picture import draw
from sendopt.demo.result import Result, TenantResult, summarise
from sendopt.demo.studies import OPEN_WINDOW, HeldDay, Study, held_days, load_studies
from sendopt.errors import InvalidInput
from sendopt.learn import TrainingReport
from sendopt.records import CampaignId, Channel, SendState
from sendopt.settings import Settings
from sendopt.state import plans

#: The days from here on are kept out of the log and then lived through.
HELD_FROM = datetime(2025, 3, 13, tzinfo=UTC)
PERIOD = "2025-03"
#: Answers to the last pushes arrive hours later.
LAST_ANSWERS = timedelta(hours=12)

RATE_CARD = {
    "currency": "EUR",
    "click_price_minor": "0.5",
    "response_price_minor": "2",
    "attribution_window_seconds": 24 * 3600,
    "effective_at": "2025-01-01T00:00:00Z",
}

_MARKER = "made-by-sendopt-demo"


@dataclass
class Played:
    """One study while it is lived through."""

    study: Study
    days: list[HeldDay]
    training: TrainingReport
    event_count: int
    #: A row per user-day: user_id, day, ours, population_best, most_frequent (0/1), random (0..1),
    #: and the hour that each of the first three chose.
    choices: list[pd.DataFrame] = field(default_factory=list)


def run_demo(
    home: Path, *, progress: Callable[[str], None], studies: Sequence[Study] | None = None
) -> Result:
    """Run everything in `home`, which is made anew; `studies` None = all that are shipped.

    Raises:
        InvalidInput: `home_in_use`, if the folder holds something that the demo did not make.
    """
    _make_anew(home)
    clock = VirtualClock(HELD_FROM)
    app = open_app(Settings(home=home / "home"), clock=clock)
    tenants = []
    for study in load_studies() if studies is None else studies:
        progress(f"{study.tenant_id}: importing, training")
        tenants.append(learn(app, study, home))
    people = People(app, clock)
    for index in range(max(len(tenant.days) for tenant in tenants)):
        progress(f"day {index + 1}: planning, sending, answering")
        today = [(tenant, tenant.days[index]) for tenant in tenants if index < len(tenant.days)]
        for tenant, day in today:
            begin_day(app, tenant, day, people)
        live_until(app, clock, people, HELD_FROM + timedelta(days=index + 1))
        app.rounds.settle()
    live_until(app, clock, people, clock.now() + LAST_ANSWERS)
    progress("billing, verifying, drawing")
    report = app.operator.verify(progress=lambda _about: None)
    results = {tenant.study.tenant_id: _tenant_result(app, tenant) for tenant in tenants}
    choices = {tenant.study.tenant_id: pd.concat(tenant.choices) for tenant in tenants}
    result = summarise(results, choices, report.findings, home=home)
    draw(result, choices, home / "demo.png")
    app.close()
    return result


def _make_anew(home: Path) -> None:
    marker = home / _MARKER
    if home.exists() and any(home.iterdir()) and not marker.exists():
        raise InvalidInput(
            f"{home} holds something that the demo did not make",
            code="home_in_use",
            field="--home",
            expected="an empty or missing folder",
        )
    shutil.rmtree(home, ignore_errors=True)
    home.mkdir(mode=0o700, parents=True)
    marker.touch()


def learn(app: App, study: Study, home: Path) -> Played:
    """Bring in everything before the held days, train, and register everybody's phone."""
    tenant_id = study.tenant_id
    app.operator.create_tenant(tenant_id, timezone="UTC")
    owner = app.as_owner_of(tenant_id)
    owner.statements.put_rate_card(RATE_CARD)
    history = home / f"{tenant_id}.parquet"
    pq.write_table(study.history(HELD_FROM), history)
    (imported,) = owner.events.import_files([history], progress=lambda _path, _rows: None)
    for user_id in sorted(study.user_ids()):
        owner.devices.register(
            {
                "device_id": f"phone-of-{user_id}",
                "user_id": user_id,
                "channel": Channel.SIMULATOR.value,
                "address": {},
            },
        )
    training = owner.models.train(progress=lambda _about: None)
    return Played(study, held_days(study, starts_at=HELD_FROM), training, imported.accepted)


def begin_day(app: App, tenant: Played, day: HeldDay, people: People) -> None:
    """Plan the day as a campaign among the times at which a push was really sent."""
    tenant_id = tenant.study.tenant_id
    with app.reader(tenant_id) as reader:
        others = other_choices(reader, day)
    people.begin(tenant_id, day)
    campaign_id = _campaign_id(day)
    app.as_owner_of(tenant_id).campaigns.put(
        {
            "campaign_id": campaign_id,
            "variants": [
                {
                    "variant_id": "only",
                    "title": "How are you right now?",
                    "body": "Two minutes for today's questions",
                    "url": "https://example.com/questions",
                }
            ],
            "channel": Channel.SIMULATOR.value,
            "send_window": {
                "earliest_at": day.starts_at.isoformat(),
                "latest_at": day.ends_at.isoformat(),
            },
            "audience": sorted(day.answers),
            "quiet_hours": {"start": "01:00", "end": "06:00"},
            "candidate_times": {
                user: [at.isoformat() for at in sorted(times)]
                for user, times in day.answers.items()
            },
        },
        commit=True,
    )
    with app.state.read(tenant_id) as tx:
        ours = plans.due_times(tx, campaign_id)
    rows = []
    for user, times in day.answers.items():
        opened = {at: day.opened(user, at) for at in times}
        chosen = {
            "ours": ours[user],
            "population_best": others.population_best[user],
            "most_frequent": others.most_frequent[user],
        }
        rows.append(
            {
                "user_id": user,
                "day": day.starts_at,
                "random": sum(opened.values()) / len(opened),
                **{rule: float(opened[at]) for rule, at in chosen.items()},
                **{f"{rule}_hour": at.hour for rule, at in chosen.items()},
            }
        )
    tenant.choices.append(pd.DataFrame(rows))


def _campaign_id(day: HeldDay) -> CampaignId:
    return CampaignId(f"{day.starts_at:%Y-%m-%d}")


def _tenant_result(app: App, tenant: Played) -> TenantResult:
    """Count what the stores hold; nothing is taken from the plan or from the simulation."""
    tenant_id = tenant.study.tenant_id
    owner = app.as_owner_of(tenant_id)
    ends: Counter[str] = Counter()
    for day in tenant.days:
        ends.update(owner.campaigns.get(_campaign_id(day)).counts)
    statement = owner.statements.get(PERIOD).statement
    with app.reader(tenant_id) as reader:
        outcome = reader.query(
            "campaign_outcome",
            (files("sendopt.demo") / "sql" / "campaign_outcome.sql").read_text(),
            {"open_window": OPEN_WINDOW},
        ).to_pylist()[0]
    return TenantResult(
        users=len(tenant.study.user_ids()),
        events=tenant.event_count,
        training=tenant.training,
        sends=ends.total(),
        delivered=ends[SendState.DELIVERED],
        failed=ends[SendState.FAILED],
        expired=ends[SendState.EXPIRED],
        suppressed=ends[SendState.SUPPRESSED],
        cancelled=ends[SendState.CANCELLED],
        opens=outcome["opens"],
        answers=outcome["answers"],
        billable=sum(line.net for line in statement.lines),
        currency=str(statement.currency),
        statement_total_minor=statement.total_minor,
    )
