"""A shop: a flash sale to everybody through a narrow door, beside news and receipts.

python pipelines/scenarios/shop.py [--users 1000] [--home DIR] [--picture FILE.svg]
"""

from __future__ import annotations

import sendopt.app  # noqa: F401 - first: it settles how many threads NumPy may take

# isort: split
import sys
from collections.abc import Sequence
from datetime import UTC, datetime, time, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from matplotlib.figure import Figure
from rehearsal import Rehearsal, counted, in_turn, options, rehearsal

from sendopt.app.plans import JointPreview
from sendopt.clock import zone_of
from sendopt.records import CampaignId, SendId

ZONES = ("Europe/London", "Europe/Berlin", "Europe/Athens", "America/New_York")
THURSDAY = datetime(2026, 11, 26, 12, tzinfo=UTC)
FRIDAY = "2026-11-27"
DAYS = 60  # of past messages, one a day
REGULARS = 300  # at most so many customers are known from before; the others came yesterday
HOURS = (8, 12, 17, 20)  # around which regulars answer, on their own clocks
USUAL = time(18)  # when the shop has always sent
CAMPAIGNS = ("flash-sale", "new-arrivals")

#: Nobody is kept back by chance here, so that everybody can be counted.
LIMITS = {
    "caps": [{"at_most": 2, "within": "24h"}],
    "least_gap": "5h",
    "message_cost": 0.02,
    "no_send_share": 0,
    "legal_hours": True,
}
RECEIPT = {
    "campaign_id": "receipt",
    "channel": "simulator",
    "message_class": "transactional",
    "variants": [
        {"variant_id": "plain", "title": "Thank you", "body": "Your order is on its way."}
    ],
    "send_window": {"earliest_at": "2026-11-26T00:00:00Z", "latest_at": "2027-11-26T00:00:00Z"},
    "audience": "triggered",
    "quiet_hours": None,
}


def main(arguments: Sequence[str]) -> int:
    """Play a flash sale from what is known of the customers to the last message."""
    wanted = options(__doc__, users=1_000, least=40).parse_args(arguments)
    with rehearsal(wanted.home, THURSDAY) as shop:
        customers = [f"customer-{number:07}" for number in range(wanted.users)]
        learn(shop, customers)
        per_minute = -(-len(customers) // 600)  # each campaign alone takes ten hours
        planned = plan_sale(shop, per_minute)
        shopper = live(shop, customers)
        check(shop, planned, per_minute, shopper, people=len(customers))
        if wanted.picture:
            draw(shop, wanted.picture, per_minute)
        return shop.status


def own_hour(number: int) -> int:
    """Return around which hour a regular customer answers; planted, and told to nobody."""
    return HOURS[number * 7 % 11 % len(HOURS)]


def learn(shop: Rehearsal, customers: Sequence[str]) -> None:
    """Register everybody, and train a model on what regulars did with past messages."""
    regulars = min(REGULARS, len(customers))
    shop.step(f"{len(customers):,} customers, {regulars} of them regulars with {DAYS} past days")
    zones = [in_turn(ZONES, number) for number in range(len(customers))]
    shop.register(customers, zones)
    shop.import_events(past_messages(customers[:regulars], zones))
    report = shop.owner.models.train(progress=lambda _about: None)
    scored = shop.owner.scores.compute()
    serves = "serves" if report.promoted else "does not serve"
    print(f"   model {report.model_version} {serves}; the weeks of {scored.users} are scored")


def past_messages(regulars: Sequence[str], zones: Sequence[str]) -> pa.Table:
    """Return a message a day at any hour of the day, half of which are opened at the right one."""
    random = np.random.default_rng(1)
    midnight = datetime(2026, 11, 26)  # noqa: DTZ001 - of every customer's own clock
    rows = []
    for number, user_id in enumerate(regulars):
        zone = zone_of(zones[number])
        for day in range(1, DAYS + 1):
            hour, minute = int(random.integers(7, 22)), int(random.integers(60))
            local = midnight - timedelta(days=day) + timedelta(hours=hour, minutes=minute)
            sent_at = local.replace(tzinfo=zone).astimezone(UTC)
            message = {"user_id": user_id, "send_id": f"day-{day}", "timezone": zones[number]}
            rows.append(message | {"event_type": "send", "occurred_at": sent_at})
            if random.random() < (0.5 if abs(hour - own_hour(number)) <= 1 else 0.06):
                opened_at = sent_at + timedelta(minutes=3)
                rows.append(message | {"event_type": "open", "occurred_at": opened_at})
    named = [row | {"event_id": f"past-{number}"} for number, row in enumerate(rows)]
    return pa.Table.from_pylist(named)


def campaign(campaign_id: str, value: float, title: str) -> dict[str, Any]:
    """Return one of the two that want everybody's Friday."""
    return {
        "campaign_id": campaign_id,
        "channel": "simulator",
        "variants": [{"variant_id": "plain", "title": title, "body": "Only today."}],
        "send_window": {"local_dates": [FRIDAY], "local_times": {"start": "07:00", "end": "22:00"}},
        "audience": "everyone",
        "quiet_hours": {"start": "22:00", "end": "07:00"},
        "fallback_local_time": f"{USUAL:%H:%M}",
        "response_value": value,
    }


def plan_sale(shop: Rehearsal, per_minute: int) -> JointPreview:
    """Set limits, look at what they do to both campaigns, and commit what was looked at."""
    shop.step(f"two campaigns want Friday; {per_minute} messages a minute can go out")
    shop.owner.limits.put({**LIMITS, "capacities": [{"per_minute": per_minute}]})
    shop.owner.campaigns.put(
        campaign("flash-sale", 3.0, "Everything at half the price"), commit=False
    )
    shop.owner.campaigns.put(campaign("new-arrivals", 1.0, "Have a look"), commit=False)
    shop.owner.campaigns.put(RECEIPT, commit=True)
    named = {"campaign_ids": list(CAMPAIGNS)}
    seen = shop.owner.plans.preview(named)
    for preview in seen.previews:
        print(
            f"   {preview.campaign_id}: {preview.planned_count:,} of {preview.people_count:,} get "
            f"it; not: {counted(preview.suppressed)}"
        )
    assert seen.limits is not None  # noqa: S101 - limits were set above
    print(
        f"   expected: {seen.limits.expected:,.1f} responses, weighed by value; no plan within "
        f"the limits has more than {seen.limits.best_possible:,.1f}"
    )
    for cost in seen.limits.costs:
        print(
            f"   {cost.limit}: costs {cost.at_least:,.1f} to {cost.at_most:,.1f}; it keeps "
            f"{cost.message_count:,} messages from their best time, or back"
        )
    for conflict in seen.limits.conflicts:
        names = zip(conflict.campaign_ids, conflict.moved_counts, conflict.lost, strict=True)
        gave_way = "; ".join(f"{name} gives way {n:,} times, by {by:,.1f}" for name, n, by in names)
        print(f"   {conflict.shared_count:,} customers are wanted by both: {gave_way}")
    count = sum(preview.planned_count for preview in seen.previews)
    return shop.owner.plans.commit({**named, "expected_sends": {"count": count}})


def live(shop: Rehearsal, customers: Sequence[str]) -> str:
    """Let Friday pass; in the rush somebody orders something, and others have had enough."""
    rush = datetime(2026, 11, 27, 17, tzinfo=UTC)
    shop.live_until(rush)
    shopper = customers[0]
    shop.step(f"in the middle of the rush {shopper} buys something, and five opt out")
    for user_id in customers[-5:]:
        shop.owner.users.say(user_id, {"given": False, "source": "the app"})
    asked = {"campaign_id": "receipt", "user_id": shopper, "send_key": "order 1"}
    send_id = SendId(shop.owner.sends.ask(asked).send.send_id)
    shop.live_until(rush + timedelta(minutes=1))
    send = shop.owner.sends.get(send_id)
    handed_over_at = send["handed_over_at"]
    print(f"   receipt: asked for at {rush:%H:%M:%S}, handed over at {handed_over_at:%H:%M:%S}")
    shop.live_until(THURSDAY + timedelta(days=3))
    return shopper


def check(
    shop: Rehearsal, planned: JointPreview, per_minute: int, shopper: str, *, people: int
) -> None:
    """Count from what arrived whether every promise was kept, and what the hours were worth."""
    shop.step("what came, and what was promised")
    for campaign_id in CAMPAIGNS:
        total = shop.owner.results.of_campaign(CampaignId(campaign_id)).total
        print(
            f"   {campaign_id}: {total.delivered:,} delivered; not sent: {counted(total.reasons)}"
        )
    tell_hours(shop)
    for preview in planned.previews:
        total = shop.owner.results.of_campaign(preview.campaign_id).total
        left = preview.planned_count - total.delivered
        shop.promise(
            f"{preview.campaign_id}: what was planned came, but for opt-outs",
            [] if left == total.reasons.get("opted_out", 0) else [f"{left} are missing"],
        )
    shop.promise_one_end_each({**dict.fromkeys(CAMPAIGNS, people), "receipt": 1})
    shop.promise_at_most(2, timedelta(hours=24), of=CAMPAIGNS)
    shop.promise_at_most(1, timedelta(hours=5), of=CAMPAIGNS)
    shop.promise_nothing_at(time(22), time(7), of=CAMPAIGNS)
    shop.promise_per_minute(per_minute, besides=["receipt"])
    receipts = [each for each in shop.received if each.campaign_id == "receipt"]
    shop.promise(
        "one receipt came", [] if [each.user_id for each in receipts] == [shopper] else receipts
    )
    shop.verify()


def tell_hours(shop: Rehearsal) -> None:
    """Print how many regulars got a message when they answer, and how many the usual hour gets."""
    for campaign_id in CAMPAIGNS:
        got = [
            (number, each.local.hour)
            for each in shop.received
            if each.campaign_id == campaign_id and (number := int(each.user_id[-7:])) < REGULARS
        ]
        hit = sum(abs(hour - own_hour(number)) <= 1 for number, hour in got)
        usual = sum(abs(USUAL.hour - own_hour(number)) <= 1 for number, _hour in got)
        print(
            f"   {campaign_id}: {hit} of {len(got)} regulars got it within an hour of when they "
            f"answer; at {USUAL:%H:%M} it would have been {usual}"
        )


def draw(shop: Rehearsal, file: Path, per_minute: int) -> None:
    """Draw how many went out when, beside how many can."""
    figure = Figure(figsize=(9, 3.6))
    axes = figure.subplots()
    begin = datetime.fromisoformat(FRIDAY).replace(tzinfo=UTC)
    bins = [quarter / 4 for quarter in range(4 * 30)]
    drawn = [
        [
            (each.at - begin) / timedelta(hours=1)
            for each in shop.received
            if each.campaign_id == name
        ]
        for name in CAMPAIGNS
    ]
    axes.hist(drawn, bins=bins, stacked=True, color=["#0b6e4f", "#e07a1f"], label=list(CAMPAIGNS))
    axes.axhline(15 * per_minute, color="#a4161a", label="capacity")
    axes.set(xlabel="hour of Friday, UTC", ylabel="messages in 15 minutes", xticks=range(0, 30, 3))
    axes.legend(frameon=False, ncols=3, loc="upper center", bbox_to_anchor=(0.5, 1.16))
    axes.spines[["top", "right"]].set_visible(False)
    figure.tight_layout()
    figure.savefig(file, metadata={"Date": None} if file.suffix == ".svg" else None)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
