"""Logs: sessions or none, machines, batches, clocks, repeats, sizes."""

from __future__ import annotations

from lattice.world import Answers, Batch, Family, Habits, Mechanism, Recording, Sessions, World

_NONE = Sessions(a_day=0.0)
_GLANCES = Answers(Mechanism.GLANCES)
_WILLING = Habits(level=0.0)  # half of the pushes are opened at the next glance
_FAR = ("Europe/Berlin", "America/New_York", "Asia/Tokyo")

FAMILIES: tuple[Family, ...] = (
    (
        World("sessions_8", "Eight sessions a day.", sessions=Sessions(a_day=8.0)),
        World("sessions_30", "Thirty sessions a day.", sessions=Sessions(a_day=30.0)),
    ),
    (
        World("no_sessions", "As default, without sessions.", sessions=_NONE),
        World(
            "no_sessions_glances",
            "As glances, without sessions.",
            habits=_WILLING,
            answers=_GLANCES,
            sessions=_NONE,
        ),
    ),
    (
        World(
            "only_sessions",
            "Nothing was ever sent.",
            sender=None,
            answers=Answers(Mechanism.PRESENCE),
        ),
        World(
            "few_sessions",
            "Nothing was ever sent; a session every other day.",
            sender=None,
            answers=Answers(Mechanism.PRESENCE),
            sessions=Sessions(a_day=0.5),
        ),
    ),
    (
        World(
            "opens_are_sessions",
            "An open starts a session.",
            sessions=Sessions(a_day=1.0, of_opens=True),
        ),
        World(
            "uneven_sessions",
            "Some are in the app all the time, others hardly ever.",
            sessions=Sessions(uneven=1.2),
        ),
    ),
    (
        World(
            "machines_some",
            "Of three in ten, a machine opens all within a second and hides the person.",
            recording=Recording(machines=0.3),
        ),
        World(
            "machines_all",
            "Machines open everything of everybody within a second.",
            recording=Recording(machines=1.0),
        ),
    ),
    (
        World(
            "machines_beside",
            "Machines open everything within a second; people's opens follow beside.",
            recording=Recording(machines=1.0, machines_hide=False),
        ),
        World(
            "machines_some_no_sessions",
            "Of one in ten, a machine opens all; no sessions.",
            sessions=_NONE,
            recording=Recording(machines=0.1),
        ),
    ),
    (
        World(
            "batched_start",
            "Opens are stamped with the start of their hour, often before the send.",
            recording=Recording(batch=Batch.START),
        ),
        World(
            "batched_end",
            "Opens are stamped with the end of their hour.",
            recording=Recording(batch=Batch.END),
        ),
    ),
    (
        World(
            "clocks_behind",
            "Devices' clocks are 30 to 120 seconds behind.",
            recording=Recording(clock_behind=(30.0, 120.0)),
        ),
        World(
            "stray_device",
            "One device is ten years behind, others up to a minute.",
            recording=Recording(clock_behind=(0.0, 60.0), stray_device=True),
        ),
    ),
    (
        World(
            "repeated",
            "A fifth of sends and opens stands twice under other event ids.",
            recording=Recording(repeats=0.2),
        ),
        World(
            "shared_ids",
            "All recipients of a day share the vendor's message id.",
            recording=Recording(shared_ids=True),
        ),
    ),
    (
        World(
            "no_zone", "One zone, which the log does not name.", recording=Recording(zones=False)
        ),
        World(
            "no_zones",
            "Three zones, which the log does not name.",
            zones=_FAR,
            recording=Recording(zones=False),
        ),
    ),
    (
        World("people_30", "As default, with 30 people.", users=30),
        World("people_3", "As default, with three people.", users=3),
    ),
    (
        World("people_3k", "As default, with 3,000 people.", users=3000),
        World("people_30k", "As default, with 30,000 people.", users=30_000),
    ),
)

LARGE: tuple[Family, ...] = (
    (
        World("people_100k", "As default, with 100,000 people.", users=100_000),
        World("people_300k", "As default, with 300,000 people.", users=300_000),
    ),
)
