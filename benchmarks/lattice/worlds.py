"""The lattice: two members of every family of worlds, one chosen on and one confirmed on.

The rule was fixed before anything was judged: a family's first member, in the order of this file,
belongs to the half on which structure, settings and weights may be chosen; its second member, of
another strength and another seed, belongs to the half that is looked at once, to confirm.
"""

from __future__ import annotations

import zlib
from dataclasses import dataclass
from enum import Enum

from lattice.world import (
    Answers,
    Batch,
    Habits,
    Mechanism,
    Policy,
    Recording,
    Segment,
    Sender,
    Sessions,
    World,
)


class Half(Enum):
    CHOSEN = "chosen"
    CONFIRMED = "confirmed"


@dataclass(frozen=True)
class Planted:
    """A world with its place in the lattice."""

    name: str
    half: Half
    world: World

    @property
    def seed(self) -> int:
        return zlib.crc32(f"{self.half.value} {self.name}".encode())


_NONE = Sessions(a_day=0.0)
_GLANCES = Answers(Mechanism.GLANCES)
_WILLING = Habits(level=0.0)  # half of the pushes are opened at the next glance
_DAYTIME = tuple(range(8, 20))
_FAR = ("Europe/Berlin", "America/New_York", "Asia/Tokyo")
_CONFOUNDED = Answers(readiness_sd=1.5)
_BY_READINESS = Sender(hours=_DAYTIME, policy=Policy.READINESS)
_BY_READINESS_LOGGED = Sender(hours=_DAYTIME, policy=Policy.READINESS, logs_propensity=True)
_PLATFORMS = (Segment("ios", 0.4, 8.0, 1.5), Segment("android", -0.4, 20.0, 1.5))
_KINDS = (Segment("news", 0.3, 8.0, 1.5), Segment("offer", -0.3, 20.0, 1.5))

_FAMILIES: tuple[tuple[tuple[str, World], tuple[str, World]], ...] = (
    (
        ("default", World("One send a day at a random hour, two sessions a day, some late opens.")),
        ("no_late", World("As default, but nobody opens late.", answers=Answers(late=0.0))),
    ),
    (
        (
            "glances",
            World(
                "People look at the phone eight times a day and open what they find.",
                habits=_WILLING,
                answers=_GLANCES,
            ),
        ),
        (
            "glances_dense",
            World(
                "People look thirty times a day, and eight looks are sessions.",
                habits=_WILLING,
                answers=Answers(Mechanism.GLANCES, glances=30.0),
                sessions=Sessions(a_day=8.0),
            ),
        ),
    ),
    (
        ("sessions_8", World("Eight sessions a day.", sessions=Sessions(a_day=8.0))),
        ("sessions_30", World("Thirty sessions a day.", sessions=Sessions(a_day=30.0))),
    ),
    (
        ("two_peaks", World("Two peaks a day, nine hours apart.", habits=Habits(peaks=2))),
        (
            "two_peaks_glances",
            World(
                "Two peaks of glances a day.", habits=Habits(level=0.0, peaks=2), answers=_GLANCES
            ),
        ),
    ),
    (
        ("night", World("Three of ten people answer between 0 and 5 h.", habits=Habits(night=0.3))),
        (
            "night_glances",
            World(
                "Three of ten look at the phone between 0 and 5 h.",
                habits=Habits(level=0.0, night=0.3),
                answers=_GLANCES,
            ),
        ),
    ),
    (
        (
            "weekend",
            World(
                "At weekends the peak is eight hours earlier.",
                habits=Habits(weekend_shift=-8.0),
                sessions=Sessions(a_day=4.0),
            ),
        ),
        (
            "weekend_no_sessions",
            World(
                "At weekends the peak is five hours later; no sessions.",
                habits=Habits(weekend_shift=5.0),
                sessions=_NONE,
            ),
        ),
    ),
    (
        (
            "half_zones",
            World(
                "Zones that are half or three quarters of an hour off.",
                zones=("Asia/Kolkata", "Asia/Kathmandu", "Australia/Adelaide"),
            ),
        ),
        (
            "quarter_zones",
            World(
                "Odd zones round the world, on both hemispheres.",
                zones=("Australia/Eucla", "Pacific/Chatham", "America/St_Johns", "Asia/Kabul"),
            ),
        ),
    ),
    (
        ("weekly", World("One send a week.", days=120, sender=Sender(a_week=1))),
        ("twice_weekly", World("Two sends a week.", days=90, sender=Sender(a_week=2))),
    ),
    (
        ("many_sends", World("One to ten sends a day.", sender=Sender(a_day=(1, 10)))),
        (
            "three_sends",
            World("Three sends a day; no sessions.", sender=Sender(a_day=(3, 3)), sessions=_NONE),
        ),
    ),
    (
        ("one_hour", World("All sends between 10 and 11 h.", sender=Sender(hours=(10,)))),
        ("two_hours", World("All sends at 10 or 19 h.", sender=Sender(hours=(10, 19)))),
    ),
    (
        (
            "business_hours",
            World("Sends from 9 to 17 h only.", sender=Sender(hours=tuple(range(9, 17)))),
        ),
        (
            "business_no_sessions",
            World(
                "Sends from 9 to 17 h only; people open at the next glance; no sessions.",
                habits=_WILLING,
                sender=Sender(hours=tuple(range(9, 17))),
                answers=_GLANCES,
                sessions=_NONE,
            ),
        ),
    ),
    (
        ("newcomers", World("Seven of ten joined in the last days.", habits=Habits(newcomers=0.7))),
        (
            "newcomers_no_sessions",
            World(
                "Four of ten joined in the last days; no sessions.",
                habits=Habits(newcomers=0.4),
                sessions=_NONE,
            ),
        ),
    ),
    (
        ("churn", World("Three of ten left and are still sent to.", habits=Habits(leaving=0.3))),
        (
            "churn_no_sessions",
            World(
                "Six of ten left and are still sent to; no sessions.",
                habits=Habits(leaving=0.6),
                sessions=_NONE,
            ),
        ),
    ),
    (
        (
            "moved",
            World(
                "Half of the people moved to another zone, and keep their local hours.",
                zones=("Europe/Berlin", "America/New_York"),
                habits=Habits(moving=0.5),
            ),
        ),
        (
            "moved_far",
            World(
                "All moved to the other side of the world.",
                zones=("Europe/London", "Pacific/Auckland"),
                habits=Habits(moving=1.0),
            ),
        ),
    ),
    (
        (
            "rotating_shifts",
            World("Early, late and night shift in weekly turns.", habits=Habits(rotating=True)),
        ),
        (
            "changed_habits",
            World(
                "Half of the people live eight hours later since two weeks.",
                habits=Habits(changing=0.5),
            ),
        ),
    ),
    (
        (
            "rare",
            World(
                "One push in a thousand is opened.",
                users=3000,
                habits=Habits(level=-7.5),
                sessions=Sessions(a_day=0.5),
            ),
        ),
        ("seldom", World("One push in a hundred is opened.", habits=Habits(level=-5.2))),
    ),
    (
        ("often", World("Nearly every push is opened.", habits=Habits(level=3.2))),
        (
            "half",
            World(
                "About half of all pushes are opened; no sessions.", habits=_WILLING, sessions=_NONE
            ),
        ),
    ),
    (
        (
            "machines_some",
            World(
                "Of three in ten, a machine opens all within a second and hides the person.",
                recording=Recording(machines=0.3),
            ),
        ),
        (
            "machines_all",
            World(
                "Machines open everything of everybody within a second.",
                recording=Recording(machines=1.0),
            ),
        ),
    ),
    (
        (
            "machines_beside",
            World(
                "Machines open everything within a second; people's opens follow beside.",
                recording=Recording(machines=1.0, machines_hide=False),
            ),
        ),
        (
            "machines_some_no_sessions",
            World(
                "Of one in ten, a machine opens all; no sessions.",
                sessions=_NONE,
                recording=Recording(machines=0.1),
            ),
        ),
    ),
    (
        (
            "batched_start",
            World(
                "Opens are stamped with the start of their hour, often before the send.",
                recording=Recording(batch=Batch.START),
            ),
        ),
        (
            "batched_end",
            World(
                "Opens are stamped with the end of their hour.",
                recording=Recording(batch=Batch.END),
            ),
        ),
    ),
    (
        (
            "clocks_behind",
            World(
                "Devices' clocks are 30 to 120 seconds behind.",
                recording=Recording(clock_behind=(30.0, 120.0)),
            ),
        ),
        (
            "stray_device",
            World(
                "One device is ten years behind, others up to a minute.",
                recording=Recording(clock_behind=(0.0, 60.0), stray_device=True),
            ),
        ),
    ),
    (
        (
            "repeated",
            World(
                "A fifth of sends and opens stands twice under other event ids.",
                recording=Recording(repeats=0.2),
            ),
        ),
        (
            "shared_ids",
            World(
                "All recipients of a day share the vendor's message id.",
                recording=Recording(shared_ids=True),
            ),
        ),
    ),
    (
        (
            "confounded_no_sessions",
            World(
                "Later hours are preferred on days on which people are ready; no sessions.",
                sender=_BY_READINESS,
                answers=_CONFOUNDED,
                sessions=_NONE,
            ),
        ),
        (
            "confounded",
            World(
                "Later hours are preferred on days on which people are ready.",
                sender=_BY_READINESS,
                answers=_CONFOUNDED,
            ),
        ),
    ),
    (
        (
            "confounded_logged",
            World(
                "As confounded, and the log says with which probability.",
                sender=_BY_READINESS_LOGGED,
                answers=_CONFOUNDED,
            ),
        ),
        (
            "confounded_logged_no_sessions",
            World(
                "As confounded, with the probability, without sessions.",
                sender=_BY_READINESS_LOGGED,
                answers=_CONFOUNDED,
                sessions=_NONE,
            ),
        ),
    ),
    (
        (
            "responsive_users",
            World(
                "Who answers much is sent to later; no sessions.",
                sender=Sender(hours=_DAYTIME, policy=Policy.RESPONSIVE),
                sessions=_NONE,
            ),
        ),
        (
            "informed_sender",
            World(
                "The sender half knows each user's hours and logs its probabilities; no sessions.",
                sender=Sender(policy=Policy.INFORMED, logs_propensity=True),
                sessions=_NONE,
            ),
        ),
    ),
    (
        (
            "favourite_hour",
            World(
                "Nine of ten sends go out at 19 h, the rest at random, with the probability.",
                sender=Sender(policy=Policy.FAVOURITE, logs_propensity=True),
            ),
        ),
        (
            "favourite_no_sessions",
            World(
                "Seven of ten sends go out at 19 h, the rest at random, logged; no sessions.",
                sender=Sender(policy=Policy.FAVOURITE, epsilon=0.3, logs_propensity=True),
                sessions=_NONE,
            ),
        ),
    ),
    (
        ("no_sessions", World("As default, without sessions.", sessions=_NONE)),
        (
            "no_sessions_glances",
            World(
                "As glances, without sessions.", habits=_WILLING, answers=_GLANCES, sessions=_NONE
            ),
        ),
    ),
    (
        (
            "weekly_glances_no_sessions",
            World(
                "One send a week, opened at the next glance; no sessions.",
                days=120,
                habits=_WILLING,
                sender=Sender(a_week=1),
                answers=_GLANCES,
                sessions=_NONE,
            ),
        ),
        (
            "one_hour_glances_no_sessions",
            World(
                "All sends between 8 and 9 h, opened at the next glance; no sessions.",
                habits=_WILLING,
                sender=Sender(hours=(8,)),
                answers=_GLANCES,
                sessions=_NONE,
            ),
        ),
    ),
    (
        (
            "only_sessions",
            World("Nothing was ever sent.", sender=None, answers=Answers(Mechanism.PRESENCE)),
        ),
        (
            "few_sessions",
            World(
                "Nothing was ever sent; a session every other day.",
                sender=None,
                answers=Answers(Mechanism.PRESENCE),
                sessions=Sessions(a_day=0.5),
            ),
        ),
    ),
    (
        (
            "sharp",
            World(
                "Narrow habits and thirty sessions a day.",
                users=200,
                days=40,
                habits=Habits(width=1.0, activity_gain=8.0),
                answers=Answers(late=0.0),
                sessions=Sessions(a_day=30.0),
            ),
        ),
        (
            "sharp_no_sessions",
            World(
                "Narrow habits without sessions.",
                habits=Habits(width=1.0, amplitude=3.0),
                sessions=_NONE,
            ),
        ),
    ),
    (
        (
            "wrong_hours",
            World("People are active when they do not answer.", habits=Habits(activity_gain=-2.0)),
        ),
        (
            "flat_activity",
            World(
                "Activity tells nothing of answers.",
                habits=Habits(activity_gain=0.0),
                sessions=Sessions(a_day=8.0),
            ),
        ),
    ),
    (
        (
            "platforms",
            World("Two platforms answer at other hours.", habits=Habits(platforms=_PLATFORMS)),
        ),
        (
            "message_types",
            World(
                "Two message types are answered at other hours.",
                sender=Sender(message_types=_KINDS),
            ),
        ),
    ),
    (
        (
            "no_zone",
            World("One zone, which the log does not name.", recording=Recording(zones=False)),
        ),
        (
            "no_zones",
            World(
                "Three zones, which the log does not name.",
                zones=_FAR,
                recording=Recording(zones=False),
            ),
        ),
    ),
    (
        (
            "opens_are_sessions",
            World("An open starts a session.", sessions=Sessions(a_day=1.0, of_opens=True)),
        ),
        (
            "uneven_sessions",
            World(
                "Some are in the app all the time, others hardly ever.",
                sessions=Sessions(uneven=1.2),
            ),
        ),
    ),
    (
        ("people_30", World("As default, with 30 people.", users=30)),
        ("people_3", World("As default, with three people.", users=3)),
    ),
    (
        ("people_3k", World("As default, with 3,000 people.", users=3000)),
        ("people_30k", World("As default, with 30,000 people.", users=30_000)),
    ),
)
_LARGE = (
    (
        ("people_100k", World("As default, with 100,000 people.", users=100_000)),
        ("people_300k", World("As default, with 300,000 people.", users=300_000)),
    ),
)


def lattice(half: Half, *, large: bool = False) -> list[Planted]:
    """Return the worlds of a half, in order; those that take long only if asked for."""
    families = _FAMILIES + (_LARGE if large else ())
    return [
        Planted(name, each, world)
        for family in families
        for each, (name, world) in zip(Half, family, strict=True)
        if each is half
    ]
