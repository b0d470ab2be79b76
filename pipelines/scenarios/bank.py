"""A bank: a fraud alert at once, a statement never at night, and an auditor who asks why.

python pipelines/scenarios/bank.py [--users 400] [--home DIR] [--picture FILE.svg]
"""

from __future__ import annotations

import sendopt.app  # noqa: F401 - first: it settles how many threads NumPy may take

# isort: split
import sys
from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime, time, timedelta
from pathlib import Path
from typing import Any

from matplotlib.figure import Figure
from rehearsal import Rehearsal, counted, in_turn, options, rehearsal

from sendopt.app.work import Work
from sendopt.clock import zone_of
from sendopt.errors import NotPermitted, SendoptError
from sendopt.records import AuditFilter, BuiltInRole, CampaignId, Permission, Principal, UserId
from sendopt.state.send_list import SendFilter

ZONES = ("Europe/Paris", "Asia/Seoul", "Asia/Kolkata", "America/New_York", "Australia/Adelaide")
MONDAY = datetime(2026, 11, 2, 9, tzinfo=UTC)
NIGHT_BEGINS, NIGHT_ENDS = time(20), time(9)
MINUTES = 60  # over which a zone's statements are spread

#: The law is looked at for what the bank wants to sell, not for what it owes its customers.
LIMITS = {"least_gap": "4h", "weekly_budget": 3, "no_send_share": 0, "legal_hours": True}

QUIET = {"start": f"{NIGHT_BEGINS:%H:%M}", "end": f"{NIGHT_ENDS:%H:%M}"}
STATEMENT = {
    "campaign_id": "statement",
    "channel": "simulator",
    "message_type": "statement",
    "message_class": "transactional",
    "variants": [{"variant_id": "plain", "title": "Your statement", "body": "October is ready."}],
    "send_window": {"local_dates": ["2026-11-03"]},
    "audience": "everyone",
    "quiet_hours": QUIET,
}
OFFER = {
    "campaign_id": "savings-offer",
    "channel": "simulator",
    "message_type": "offer",
    "variants": [{"variant_id": "plain", "title": "3 % a year", "body": "On new savings."}],
    "send_window": {"local_dates": ["2026-11-03"]},
    "audience": "everyone",
    "quiet_hours": None,
    "fallback_local_time": "22:30",
}
FRAUD_ALERT = {
    "campaign_id": "fraud-alert",
    "channel": "simulator",
    "message_type": "fraud",
    "message_class": "urgent",
    "variants": [{"variant_id": "plain", "title": "Was this you?", "body": "Your card, just now."}],
    "send_window": {"earliest_at": "2026-11-02T00:00:00Z", "latest_at": "2027-11-02T00:00:00Z"},
    "audience": "triggered",
    "quiet_hours": QUIET,
}


def main(arguments: Sequence[str]) -> int:
    """Play two days of a bank, and answer its auditor."""
    wanted = options(__doc__, users=400, least=20).parse_args(arguments)
    with rehearsal(wanted.home, MONDAY) as bank:
        customers = open_accounts(bank, wanted.users)
        plan_statements(bank, customers)
        robbed = customers[3]
        alert(bank, robbed, careless=customers[8])
        bank.live_until(MONDAY + timedelta(days=3))
        tell_what_came(bank)
        answer_the_auditor(bank, customers[2])
        check(bank, robbed, people=len(customers))
        if wanted.picture:
            draw(bank, wanted.picture)
        return bank.status


def open_accounts(bank: Rehearsal, count: int) -> list[str]:
    """Register customers of five zones, and let the head of operations set the limits."""
    customers = [f"customer-{number:05}" for number in range(count)]
    bank.step(f"{count:,} customers in {len(ZONES)} zones; operations sets the limits")
    bank.register(customers, [in_turn(ZONES, number) for number in range(count)])
    # As many a minute as it takes to have a zone's statements out within an hour.
    rush = {"per_minute": max(1, -(-2 * count // (len(ZONES) * MINUTES)))}
    set_limits = with_key(bank, "operations", BuiltInRole.ADMIN).limits.put
    version = set_limits({**LIMITS, "capacities": [rush]}).version
    print(f"   limits, version {version}: {rush['per_minute']} messages a minute, ...")
    return customers


def plan_statements(bank: Rehearsal, customers: Sequence[str]) -> None:
    """Plan the statement for the 3rd, and what marketing would like to add to it late at night."""
    bank.step("the statement is planned for the 3rd, and an offer at 22:30")
    mail = with_key(bank, "mail room", BuiltInRole.CAMPAIGN_MANAGER)
    for definition in (STATEMENT, OFFER, FRAUD_ALERT):
        report = mail.campaigns.put(definition, commit=True)
        if report.preview is not None and report.preview.planned_count:
            hours = {f"at {hour:02}": n for hour, n in report.preview.by_local_hour.items()}
            print(f"   {report.campaign_id}: {counted(hours)} o'clock on their own clocks")
    reach = mail.campaigns.reach(CampaignId("savings-offer"), UserId(customers[1]))
    print(f"   why {customers[1]} gets the offer when she does: {reach.text[1]}")


def alert(bank: Rehearsal, robbed: str, *, careless: str) -> None:
    """Let somebody's card be used at night, and another's who has opted out."""
    night = datetime(2026, 11, 3, 3, 12, tzinfo=zone_of("America/New_York"))
    bank.live_until(night.astimezone(UTC))
    bank.step(f"the card of {robbed} is used; her clock shows {night:%H:%M}")
    bank.owner.users.say(careless, {"given": False, "source": "letter"})
    cards = with_key(bank, "card system", BuiltInRole.CAMPAIGN_MANAGER)
    for user_id in (robbed, careless):
        asked = {
            "campaign_id": "fraud-alert",
            "user_id": user_id,
            "send_key": f"payment of {user_id}",
            "ignore_quiet_hours": True,
        }
        for _ in range(2):  # the answer to the first request was lost on its way
            answer = cards.sends.ask(asked)
        bank.live_until(bank.clock.now() + timedelta(seconds=1))
        send = cards.sends.get(answer.send.send_id)
        if send["handed_over_at"] is None:
            print(f"   {user_id}: {send['state']}, {send['reason']}: the bank has to telephone")
        else:
            seconds = (send["handed_over_at"] - answer.send.due_at).total_seconds()
            print(f"   {user_id}: handed over {seconds:g} s after it was asked for")


def tell_what_came(bank: Rehearsal) -> None:
    """Print what arrived when."""
    bank.step("what came, by the hour of each customer's clock")
    for campaign_id in ("statement", "savings-offer", "fraud-alert"):
        got = [each for each in bank.received if each.campaign_id == campaign_id]
        hours = Counter(f"at {each.local:%H}" for each in got)
        total = bank.owner.results.of_campaign(CampaignId(campaign_id)).total
        print(f"   {campaign_id}: {counted(hours)} o'clock; {counted(total.reasons)} not sent")


def answer_the_auditor(bank: Rehearsal, customer: str) -> None:
    """Answer from the records, with a key that can read everything and change nothing."""
    auditor = with_key(bank, "auditor", BuiltInRole.AUDITOR)
    (listed,) = auditor.sends.page(
        SendFilter(campaign_id=CampaignId("statement"), user_id=UserId(customer)), limit=1
    ).items
    send = auditor.sends.get(listed.send.send_id)
    decision, at = send["decision"], send["handed_over_at"]
    local = at.astimezone(zone_of(decision.timezone))
    bank.step(f"why did {customer} get the statement at {local:%H:%M} on the {local.day}rd?")
    print(f"   {send['why']}")
    print(f"   the zone is the {decision.timezone_source}'s; policy: {decision.policy}")
    for slot in decision.slots:
        begins = slot.starts_at.astimezone(zone_of(decision.timezone))
        print(f"   considered: {begins:%H:%M}, {slot.excluded_by or 'allowed'}")
    limits = auditor.limits.get()
    print(f"   limits, version {limits.version}, since {limits.since:%d %b %H:%M}")

    print("   who made it so, and what was changed until it was handed over:")
    records = auditor.audit.page(AuditFilter(until=at), limit=100).items
    names = {f"key:{key.key_id}": key.name for key in auditor.keys.everyone()}
    about = ("statement", f"version {limits.version}", send["send_id"])
    for each in reversed([each for each in records if each.target in about]):
        print(f"   {each.at:%d %b %H:%M}  {names.get(each.actor, each.actor)}: {each.action}")

    print("   who could have changed it:")
    could = {Permission.CAMPAIGNS_SEND, Permission.LIMITS_WRITE, Permission.SENDS_CANCEL}
    roles = {role.name: role.permissions & could for role in auditor.roles.everyone()}
    for key in auditor.keys.everyone():
        if roles[key.role]:
            print(f"   {key.name} ({key.role}): {', '.join(sorted(roles[key.role]))}")
    print("   and whoever can open the home on the machine itself")
    bank.promise("the auditor's key cannot change what it reads", could_change(auditor))


def could_change(auditor: Work) -> list[str]:
    """Try to change something with a key that must not; return what was possible."""
    attempts: dict[str, Any] = {
        "limits": lambda: auditor.limits.put({**LIMITS, "legal_hours": False}),
        "campaign": lambda: auditor.campaigns.cancel(CampaignId("statement")),
    }
    done = []
    for name, attempt in attempts.items():
        try:
            attempt()
        except NotPermitted:
            continue
        except SendoptError as other:
            done.append(f"{name}: {other.code}")
        else:
            done.append(name)
    return done


def check(bank: Rehearsal, robbed: str, *, people: int) -> None:
    """Count from what arrived whether every promise was kept."""
    bank.step("what was promised")
    bank.promise_one_end_each({"statement": people, "savings-offer": people, "fraud-alert": 2})
    bank.promise_nothing_at(NIGHT_BEGINS, NIGHT_ENDS, of=["statement"])
    forbidden = [each for each in bank.received if is_forbidden(each.campaign_id, each.local)]
    bank.promise("no offer came in hours in which its country forbids it", forbidden)
    rush = bank.owner.limits.get().limits["capacities"][0]
    bank.promise_per_minute(rush["per_minute"], besides=["fraud-alert"])
    alerts = [each.user_id for each in bank.received if each.campaign_id == "fraud-alert"]
    bank.promise("one fraud alert came, though it was asked for twice", set(alerts) ^ {robbed})
    bank.verify()


def is_forbidden(campaign_id: str, local: datetime) -> bool:
    """Tell whether the law of the clock's country keeps an offer back; docs/limits.md has it."""
    zone = str(local.tzinfo)
    begins = {"Asia/Seoul": 21, "Europe/Paris": 22, "America/New_York": 21}.get(zone)
    if campaign_id != "savings-offer" or begins is None:
        return False
    is_sunday_in_france = zone == "Europe/Paris" and local.weekday() == 6
    return local.hour >= begins or local.hour < 8 or is_sunday_in_france


def draw(bank: Rehearsal, file: Path) -> None:
    """Draw when what arrived, on the customers' clocks."""
    figure = Figure(figsize=(9, 3.6))
    axes = figure.subplots()
    for campaign_id, colour in (("statement", "#0b6e4f"), ("savings-offer", "#e07a1f")):
        hours = [
            each.local.hour + each.local.minute / 60
            for each in bank.received
            if each.campaign_id == campaign_id
        ]
        axes.hist(hours, bins=[hour / 4 for hour in range(97)], color=colour, label=campaign_id)
    axes.axvspan(0, NIGHT_ENDS.hour, color="#22335c", alpha=0.1, label="no statement")
    axes.axvspan(NIGHT_BEGINS.hour, 24, color="#22335c", alpha=0.1)
    axes.set(xlim=(0, 24), xticks=range(0, 25, 3), xlabel="hour on the customer's clock")
    axes.set_ylabel("messages in 15 minutes")
    axes.legend(frameon=False, ncols=3, loc="upper center", bbox_to_anchor=(0.5, 1.16))
    axes.spines[["top", "right"]].set_visible(False)
    figure.tight_layout()
    figure.savefig(file, metadata={"Date": None} if file.suffix == ".svg" else None)


def with_key(bank: Rehearsal, name: str, role: str) -> Work:
    """Return what the holder of a new key can do."""
    key = bank.owner.keys.issue(name, role=role).key
    speaker = bank.app.authenticate(key)
    assert isinstance(speaker, Principal)  # noqa: S101 - what a tenant's key always is
    return bank.app.for_(speaker)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
