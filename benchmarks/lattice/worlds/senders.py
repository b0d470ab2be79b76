"""Senders: how often they send, at which hours, and how those are chosen."""

from __future__ import annotations

from lattice.world import Answers, Family, Habits, Mechanism, Policy, Sender, Sessions, World

_NONE = Sessions(a_day=0.0)
_GLANCES = Answers(Mechanism.GLANCES)
_WILLING = Habits(level=0.0)  # half of the pushes are opened at the next glance
_DAYTIME = tuple(range(8, 20))
_CONFOUNDED = Answers(readiness_sd=1.5)
_BY_READINESS = Sender(hours=_DAYTIME, policy=Policy.READINESS)
_BY_READINESS_LOGGED = Sender(hours=_DAYTIME, policy=Policy.READINESS, logs_propensity=True)

FAMILIES: tuple[Family, ...] = (
    (
        World("weekly", "One send a week.", days=120, sender=Sender(a_week=1)),
        World("twice_weekly", "Two sends a week.", days=90, sender=Sender(a_week=2)),
    ),
    (
        World("many_sends", "One to ten sends a day.", sender=Sender(a_day=(1, 10))),
        World(
            "three_sends",
            "Three sends a day; no sessions.",
            sender=Sender(a_day=(3, 3)),
            sessions=_NONE,
        ),
    ),
    (
        World("one_hour", "All sends between 10 and 11 h.", sender=Sender(hours=(10,))),
        World("two_hours", "All sends at 10 or 19 h.", sender=Sender(hours=(10, 19))),
    ),
    (
        World(
            "business_hours", "Sends from 9 to 17 h only.", sender=Sender(hours=tuple(range(9, 17)))
        ),
        World(
            "business_no_sessions",
            "Sends from 9 to 17 h only; people open at the next glance; no sessions.",
            habits=_WILLING,
            sender=Sender(hours=tuple(range(9, 17))),
            answers=_GLANCES,
            sessions=_NONE,
        ),
    ),
    (
        World(
            "confounded_no_sessions",
            "Later hours are preferred on days on which people are ready; no sessions.",
            sender=_BY_READINESS,
            answers=_CONFOUNDED,
            sessions=_NONE,
        ),
        World(
            "confounded",
            "Later hours are preferred on days on which people are ready.",
            sender=_BY_READINESS,
            answers=_CONFOUNDED,
        ),
    ),
    (
        World(
            "confounded_logged",
            "As confounded, and the log says with which probability.",
            sender=_BY_READINESS_LOGGED,
            answers=_CONFOUNDED,
        ),
        World(
            "confounded_logged_no_sessions",
            "As confounded, with the probability, without sessions.",
            sender=_BY_READINESS_LOGGED,
            answers=_CONFOUNDED,
            sessions=_NONE,
        ),
    ),
    (
        World(
            "responsive_users",
            "Who answers much is sent to later; no sessions.",
            sender=Sender(hours=_DAYTIME, policy=Policy.RESPONSIVE),
            sessions=_NONE,
        ),
        World(
            "informed_sender",
            "The sender half knows each user's hours and logs its probabilities; no sessions.",
            sender=Sender(policy=Policy.INFORMED, logs_propensity=True),
            sessions=_NONE,
        ),
    ),
    (
        World(
            "favourite_hour",
            "Nine of ten sends go out at 19 h, the rest at random, with the probability.",
            sender=Sender(policy=Policy.FAVOURITE, logs_propensity=True),
        ),
        World(
            "favourite_no_sessions",
            "Seven of ten sends go out at 19 h, the rest at random, logged; no sessions.",
            sender=Sender(policy=Policy.FAVOURITE, epsilon=0.3, logs_propensity=True),
            sessions=_NONE,
        ),
    ),
    (
        World(
            "weekly_glances_no_sessions",
            "One send a week, opened at the next glance; no sessions.",
            days=120,
            habits=_WILLING,
            sender=Sender(a_week=1),
            answers=_GLANCES,
            sessions=_NONE,
        ),
        World(
            "one_hour_glances_no_sessions",
            "All sends between 8 and 9 h, opened at the next glance; no sessions.",
            habits=_WILLING,
            sender=Sender(hours=(8,)),
            answers=_GLANCES,
            sessions=_NONE,
        ),
    ),
)
