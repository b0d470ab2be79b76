"""People: when they answer, when they are active, who comes and goes."""

from __future__ import annotations

from lattice.world import Answers, Family, Habits, Mechanism, Segment, Sender, Sessions, World

_NONE = Sessions(a_day=0.0)
_GLANCES = Answers(Mechanism.GLANCES)
_WILLING = Habits(level=0.0)  # half of the pushes are opened at the next glance
_PLATFORMS = (Segment("ios", 0.4, 8.0, 1.5), Segment("android", -0.4, 20.0, 1.5))
_KINDS = (Segment("news", 0.3, 8.0, 1.5), Segment("offer", -0.3, 20.0, 1.5))

FAMILIES: tuple[Family, ...] = (
    (
        World("default", "One send a day at a random hour, two sessions a day, some late opens."),
        World("no_late", "As default, but nobody opens late.", answers=Answers(late=0.0)),
    ),
    (
        World(
            "glances",
            "People look at the phone eight times a day and open what they find.",
            habits=_WILLING,
            answers=_GLANCES,
        ),
        World(
            "glances_dense",
            "People look thirty times a day, and eight looks are sessions.",
            habits=_WILLING,
            answers=Answers(Mechanism.GLANCES, glances=30.0),
            sessions=Sessions(a_day=8.0),
        ),
    ),
    (
        World("two_peaks", "Two peaks a day, nine hours apart.", habits=Habits(peaks=2)),
        World(
            "two_peaks_glances",
            "Two peaks of glances a day.",
            habits=Habits(level=0.0, peaks=2),
            answers=_GLANCES,
        ),
    ),
    (
        World("night", "Three of ten people answer between 0 and 5 h.", habits=Habits(night=0.3)),
        World(
            "night_glances",
            "Three of ten look at the phone between 0 and 5 h.",
            habits=Habits(level=0.0, night=0.3),
            answers=_GLANCES,
        ),
    ),
    (
        World(
            "weekend",
            "At weekends the peak is eight hours earlier.",
            habits=Habits(weekend_shift=-8.0),
            sessions=Sessions(a_day=4.0),
        ),
        World(
            "weekend_no_sessions",
            "At weekends the peak is five hours later; no sessions.",
            habits=Habits(weekend_shift=5.0),
            sessions=_NONE,
        ),
    ),
    (
        World(
            "half_zones",
            "Zones that are half or three quarters of an hour off.",
            zones=("Asia/Kolkata", "Asia/Kathmandu", "Australia/Adelaide"),
        ),
        World(
            "quarter_zones",
            "Odd zones round the world, on both hemispheres.",
            zones=("Australia/Eucla", "Pacific/Chatham", "America/St_Johns", "Asia/Kabul"),
        ),
    ),
    (
        World("newcomers", "Seven of ten joined in the last days.", habits=Habits(newcomers=0.7)),
        World(
            "newcomers_no_sessions",
            "Four of ten joined in the last days; no sessions.",
            habits=Habits(newcomers=0.4),
            sessions=_NONE,
        ),
    ),
    (
        World("churn", "Three of ten left and are still sent to.", habits=Habits(leaving=0.3)),
        World(
            "churn_no_sessions",
            "Six of ten left and are still sent to; no sessions.",
            habits=Habits(leaving=0.6),
            sessions=_NONE,
        ),
    ),
    (
        World(
            "moved",
            "Half of the people moved to another zone, and keep their local hours.",
            zones=("Europe/Berlin", "America/New_York"),
            habits=Habits(moving=0.5),
        ),
        World(
            "moved_far",
            "All moved to the other side of the world.",
            zones=("Europe/London", "Pacific/Auckland"),
            habits=Habits(moving=1.0),
        ),
    ),
    (
        World(
            "rotating_shifts",
            "Early, late and night shift in weekly turns.",
            habits=Habits(rotating=True),
        ),
        World(
            "changed_habits",
            "Half of the people live eight hours later since two weeks.",
            habits=Habits(changing=0.5),
        ),
    ),
    (
        World(
            "rare",
            "One push in a thousand is opened.",
            users=3000,
            habits=Habits(level=-7.5),
            sessions=Sessions(a_day=0.5),
        ),
        World("seldom", "One push in a hundred is opened.", habits=Habits(level=-5.2)),
    ),
    (
        World("often", "Nearly every push is opened.", habits=Habits(level=3.2)),
        World(
            "half",
            "About half of all pushes are opened; no sessions.",
            habits=_WILLING,
            sessions=_NONE,
        ),
    ),
    (
        World(
            "wrong_hours",
            "People are active when they do not answer.",
            habits=Habits(activity_gain=-2.0),
        ),
        World(
            "flat_activity",
            "Activity tells nothing of answers.",
            habits=Habits(activity_gain=0.0),
            sessions=Sessions(a_day=8.0),
        ),
    ),
    (
        World(
            "sharp",
            "Narrow habits and thirty sessions a day.",
            users=200,
            days=40,
            habits=Habits(width=1.0, activity_gain=8.0),
            answers=Answers(late=0.0),
            sessions=Sessions(a_day=30.0),
        ),
        World(
            "sharp_no_sessions",
            "Narrow habits without sessions.",
            habits=Habits(width=1.0, amplitude=3.0),
            sessions=_NONE,
        ),
    ),
    (
        World(
            "platforms", "Two platforms answer at other hours.", habits=Habits(platforms=_PLATFORMS)
        ),
        World(
            "message_types",
            "Two message types are answered at other hours.",
            sender=Sender(message_types=_KINDS),
        ),
    ),
)
