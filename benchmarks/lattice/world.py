"""What a planted tenant consists of: people, a sender, answers, sessions, a recording."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from enum import Enum


@dataclass(frozen=True)
class Segment:
    """A platform or a message type that answers more, and more around one local hour."""

    name: str
    level: float  # log odds
    hour: float
    height: float  # log odds at `hour`, over three hours to either side


@dataclass(frozen=True)
class Habits:
    """How people differ. Shares are of users; log odds are of answering."""

    level: float = -2.0  # mean log odds
    level_sd: float = 0.8
    amplitude: float = 1.5  # log odds by which the peak exceeds the hours far from it
    width: float = 2.0  # hours, the standard deviation of a peak
    peaks: int = 1  # a second one is nine hours later and a tenth lower
    activity_gain: float = 2.0  # log activity at the peak minus far from it
    evening: float = 0.4  # share that peaks around 19 h; others anywhere from 7 to 23 h
    night: float = 0.0  # share that peaks between 0 and 5 h
    weekend_shift: float = 0.0  # hours by which the peak moves on Saturdays and Sundays
    rotating: bool = False  # the peak moves by eight hours from week to week
    changing: float = 0.0  # share whose peak moved by eight hours, two weeks before the end
    newcomers: float = 0.0  # share that joined in the last three days
    leaving: float = 0.0  # share that left in the first sixty percent of the time
    moving: float = 0.0  # share that moved to the next zone after eighty percent of the time
    platforms: tuple[Segment, ...] = ()


class Policy(Enum):
    """How the sender chooses among its hours."""

    UNIFORM = "each alike"
    READINESS = "later hours on days on which the user is ready to answer"
    RESPONSIVE = "later hours for users who answer much"
    INFORMED = "rather where the user answers"
    FAVOURITE = "one favourite hour, but for a share epsilon"


@dataclass(frozen=True)
class Sender:
    a_day: tuple[int, int] = (1, 1)  # fewest and most sends of a user's day, each number alike
    a_week: int = 0  # instead: so many days of a week with one send each
    hours: tuple[int, ...] = tuple(range(24))  # local, from :00 to :59
    policy: Policy = Policy.UNIFORM
    epsilon: float = 0.1
    logs_propensity: bool = False
    message_types: tuple[Segment, ...] = ()


class Mechanism(Enum):
    """How an answer comes about."""

    WINDOW = "a coin within the open window, by the hour of the send"
    GLANCES = "a willing user opens at the next glance at the phone"
    PRESENCE = "nothing is sent: to be in the app within the window is the answer"


@dataclass(frozen=True)
class Answers:
    mechanism: Mechanism = Mechanism.WINDOW
    late: float = 0.05  # WINDOW: share of the silent who open after the window
    glances: float = 8.0  # GLANCES: a day
    readiness_sd: float = 0.0  # log odds by which a user's days differ


@dataclass(frozen=True)
class Sessions:
    a_day: float = 2.0
    uneven: float = 0.0  # standard deviation over users, of the logarithm of `a_day`
    of_opens: bool = False  # an open starts a session as well


class Batch(Enum):
    """When an open is stamped."""

    NONE = "when it happened"
    START = "at the start of its hour"
    END = "at the end of its hour"


@dataclass(frozen=True)
class Recording:
    """What a log shows otherwise than it was."""

    machines: float = 0.0  # share of users whose machine opens every send within a second
    machines_hide: bool = True  # only the first open of a send is recorded
    batch: Batch = Batch.NONE
    clock_behind: tuple[float, float] = (0.0, 0.0)  # seconds, of each user's device
    stray_device: bool = False  # the first user's device is ten years behind
    repeats: float = 0.0  # share of sends and opens that stand twice under other event ids
    shared_ids: bool = False  # all sends of a day carry the vendor's one message id
    zones: bool = True


@dataclass(frozen=True)
class World:
    """One tenant. `tells` says its mechanism in a sentence."""

    name: str
    tells: str
    users: int = 300
    days: int = 60
    zones: tuple[str, ...] = ("Europe/Berlin",)
    habits: Habits = field(default_factory=Habits)
    sender: Sender | None = field(default_factory=Sender)  # None = nothing is ever sent
    answers: Answers = field(default_factory=Answers)
    sessions: Sessions = field(default_factory=Sessions)
    recording: Recording = field(default_factory=Recording)
    window: timedelta = timedelta(minutes=30)
    #: A Monday; Europe put its clocks forward two weeks before.
    end: datetime = datetime(2026, 4, 13, tzinfo=UTC)

    @property
    def begin(self) -> datetime:
        return self.end - timedelta(days=self.days)


#: The world that may be chosen on, and the one to confirm on.
Family = tuple[World, World]
