"""A school: a reminder before each student's class, and an exam week that wants too much of them.

python pipelines/scenarios/school.py [--users 120] [--home DIR] [--picture FILE.svg]
"""

from __future__ import annotations

import sendopt.app  # noqa: F401 - first: it settles how many threads NumPy may take

# isort: split
import sys
from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from typing import Any, NamedTuple

from matplotlib.figure import Figure
from rehearsal import Rehearsal, counted, in_turn, options, rehearsal

from sendopt.clock import zone_of
from sendopt.errors import InvalidInput
from sendopt.records import CampaignId, UserId

ZONES = ("America/New_York", "Europe/Berlin", "Asia/Kathmandu")
#: On Sunday the 1st the clocks go back in New York.
THURSDAY = datetime(2026, 10, 29, 1, tzinfo=UTC)
CLASS_DAYS = (date(2026, 10, 30), date(2026, 11, 1), date(2026, 11, 2))
CLASS_TIMES = (time(16), time(18), time(19, 30))
EARLIEST, LATEST = timedelta(hours=3), timedelta(minutes=15)  # before the class
BEDTIME, MORNING = time(20), time(7)
EXAM_WEEK = ("2026-10-31", "2026-11-04")

#: Minors: two a day and five a week at most, whoever in the school wants what.
LIMITS = {
    "caps": [{"at_most": 2, "within": "24h"}],
    "least_gap": "90m",
    "weekly_budget": 5,
    "no_send_share": 0,
    "legal_hours": True,
}
QUIET = {"start": f"{BEDTIME:%H:%M}", "end": f"{MORNING:%H:%M}"}
REMINDER = {
    "campaign_id": "class-reminder",
    "channel": "simulator",
    "variants": [{"variant_id": "plain", "title": "Algebra begins soon", "body": "Room 4."}],
    "send_window": {"earliest_at": "2026-10-01T00:00:00Z", "latest_at": "2027-07-01T00:00:00Z"},
    "audience": "triggered",
    "quiet_hours": QUIET,
    "slot_minutes": 15,
}
#: What exam week wants, and what an answer is worth to the school.
EXAM_CAMPAIGNS = {"practice": 3.0, "library-hours": 1.5, "pep-talk": 1.0, "canteen": 0.5}


class Lesson(NamedTuple):
    """A class of one student."""

    student: str
    day: date
    begins: time
    zone: str

    @property
    def at(self) -> datetime:
        """When it begins, in UTC."""
        local = datetime.combine(self.day, self.begins, zone_of(self.zone))
        return local.astimezone(UTC)


def main(arguments: Sequence[str]) -> int:
    """Play the days before the exams, and count what came."""
    wanted = options(__doc__, users=120, least=12).parse_args(arguments)
    with rehearsal(wanted.home, THURSDAY) as school:
        students = {
            f"student-{number:05}": in_turn(ZONES, number) for number in range(wanted.users)
        }
        lessons = remind(school, students)
        plan_exam_week(school)
        disturb(school, list(students))
        school.live_until(THURSDAY + timedelta(days=9))
        tell_one_story(school, list(students)[4])
        check(school, lessons, people=len(students))
        if wanted.picture:
            draw(school, wanted.picture)
        return school.status


def remind(school: Rehearsal, students: Mapping[str, str]) -> dict[tuple[str, date], Lesson]:
    """Ask for a reminder before each class of each student."""
    school.step(f"{len(students)} students in {len(ZONES)} zones; a reminder before each class")
    school.register(list(students), list(students.values()))
    school.owner.limits.put(LIMITS)
    school.owner.campaigns.put(REMINDER, commit=True)
    lessons = {}
    for number, (student, zone) in enumerate(students.items()):
        for day in CLASS_DAYS:
            begins = CLASS_TIMES[(number // len(ZONES)) % len(CLASS_TIMES)]
            lessons[student, day] = Lesson(student, day, begins, zone)
            ask(school, lessons[student, day])
    early = Lesson(next(iter(students)), CLASS_DAYS[0], time(7, 10), next(iter(students.values())))
    try:
        ask(school, early, key="early")
    except InvalidInput as refusal:
        print(f"   a class at {early.begins:%H:%M}: {refusal}")
    print(f"   {len(lessons)} reminders are planned, each between {EARLIEST} and {LATEST} before")
    return lessons


def ask(school: Rehearsal, lesson: Lesson, *, key: str = "algebra") -> None:
    """Ask for one reminder, on the student's own clock."""
    local = f"{lesson.day}T{lesson.begins:%H:%M}"

    def before(lead: timedelta) -> dict[str, Any]:
        return {"local": local, "plus_minutes": -int(lead / timedelta(minutes=1))}

    school.owner.sends.ask(
        {
            "campaign_id": "class-reminder",
            "user_id": lesson.student,
            "send_key": f"{key}-{lesson.student}-{lesson.day}",
            "not_before": before(EARLIEST),
            "not_after": before(LATEST),
        }
    )


def plan_exam_week(school: Rehearsal) -> None:
    """Plan what everybody in the school wants to say, under what students may get."""
    school.step(f"{len(EXAM_CAMPAIGNS)} campaigns want the exam week, beside the reminders")
    for campaign_id, value in EXAM_CAMPAIGNS.items():
        definition = {
            "campaign_id": campaign_id,
            "channel": "simulator",
            "message_type": campaign_id,
            "variants": [{"variant_id": "plain", "title": campaign_id, "body": "Exam week."}],
            "send_window": {"first_local_date": EXAM_WEEK[0], "last_local_date": EXAM_WEEK[1]},
            "audience": "everyone",
            "quiet_hours": QUIET,
            "fallback_local_time": "17:00",
            "response_value": value,
        }
        school.owner.campaigns.put(definition, commit=False)
    seen = school.owner.plans.commit({"campaign_ids": list(EXAM_CAMPAIGNS)})
    for preview in seen.previews:
        print(
            f"   {preview.campaign_id}: {preview.planned_count} planned; "
            f"not: {counted(preview.suppressed)}"
        )


def disturb(school: Rehearsal, students: Sequence[str]) -> None:
    """Let students do what students do, once everything is planned."""
    school.live_until(datetime(2026, 10, 31, 3, tzinfo=UTC))
    moves, leaves, sleeps, has_enough = (students[number] for number in (1, 5, 6, 7))
    school.step("life goes on")
    print(f"   {moves} flies from Berlin to New York; {leaves} opts out; {sleeps} snoozes until")
    print(f"   Monday; {has_enough} wants no practice")
    school.register([moves], ["America/New_York"])
    school.owner.users.say(leaves, {"given": False, "source": "the app"})
    nothing: dict[str, Any] = {"topics": {}, "quiet_hours": None, "snoozed_until": None}
    school.owner.users.prefer(sleeps, nothing | {"snoozed_until": "2026-11-02T06:00:00Z"})
    school.owner.users.prefer(has_enough, nothing | {"topics": {"practice": False}})


def tell_one_story(school: Rehearsal, student: str) -> None:
    """Say of one student what came when and why, and what did not."""
    school.step(f"what became of the messages to {student}, who did nothing special")
    for campaign_id in EXAM_CAMPAIGNS:
        reach = school.owner.campaigns.reach(CampaignId(campaign_id), UserId(student))
        print(f"   {campaign_id}: {' '.join(reach.text)}")


def check(school: Rehearsal, lessons: Mapping[tuple[str, date], Lesson], *, people: int) -> None:
    """Count from what arrived whether every promise was kept."""
    school.step("what came, and what was promised")
    everything = ["class-reminder", *EXAM_CAMPAIGNS]
    for campaign_id in everything:
        total = school.owner.results.of_campaign(CampaignId(campaign_id)).total
        print(f"   {campaign_id}: {total.delivered} delivered; not sent: {counted(total.reasons)}")
    starts: dict[str, list[datetime]] = {}
    for lesson in lessons.values():
        starts.setdefault(lesson.student, []).append(lesson.at)
    wrong = [
        each
        for each in school.received
        if each.campaign_id == "class-reminder"
        and not any(LATEST <= at - each.at <= EARLIEST for at in starts[each.user_id])
    ]
    school.promise("every reminder came in the three hours before a class of its student", wrong)
    school.promise_nothing_at(BEDTIME, MORNING, of=everything)
    school.promise_at_most(2, timedelta(hours=24), of=everything)
    school.promise_at_most(1, timedelta(minutes=90), of=everything)
    school.promise_at_most(5, timedelta(days=7), of=everything)
    audiences = dict.fromkeys(EXAM_CAMPAIGNS, people)
    school.promise_one_end_each({**audiences, "class-reminder": len(lessons)})
    school.verify()


def draw(school: Rehearsal, file: Path) -> None:
    """Draw what came at which hour of the students' clocks, day by day."""
    figure = Figure(figsize=(9, 3.6))
    axes = figure.subplots()
    begin = datetime.combine(CLASS_DAYS[0], time())
    for place, campaign_id in enumerate(["class-reminder", *EXAM_CAMPAIGNS]):
        local = [
            each.local.replace(tzinfo=None) - begin
            for each in school.received
            if each.campaign_id == campaign_id
        ]
        axes.scatter(
            [gone // timedelta(days=1) + (place - 2) / 8 for gone in local],
            [gone % timedelta(days=1) / timedelta(hours=1) for gone in local],
            s=8,
            alpha=0.5,
            label=campaign_id,
        )
    axes.axhspan(0, MORNING.hour, color="#22335c", alpha=0.1)
    axes.axhspan(BEDTIME.hour, 24, color="#22335c", alpha=0.1)
    axes.set(ylim=(0, 24), yticks=range(0, 25, 3), ylabel="hour on the student's clock")
    axes.set_xlabel(f"days from {CLASS_DAYS[0]} on")
    axes.legend(frameon=False, ncols=5, loc="upper center", bbox_to_anchor=(0.5, 1.16))
    axes.spines[["top", "right"]].set_visible(False)
    figure.tight_layout()
    figure.savefig(file, metadata={"Date": None} if file.suffix == ".svg" else None)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
