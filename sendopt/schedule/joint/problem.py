"""What is to be planned together: messages of one tenant's users, in arrays.

Minutes are absolute UTC minutes (instant / 60 s), so that a day of 25 hours has 1,500 of them.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from sendopt.errors import MOST_TOLD, InvariantBroken

Ints = NDArray[np.int64]
Flags = NDArray[np.bool_]

#: A slot that loads no bucket.
NO_BUCKET = -1
MOST_SLOTS = np.iinfo(np.int16).max  # of a grid: a plan holds a slot as int16
MOST_RULES = 62  # of bits in an int64, without its sign
#: Minutes since 1970 stay below this, and with windows added far below what int64 holds.
LATEST_MINUTE = 1 << 40


def _none(dtype: type) -> NDArray[np.generic]:
    return np.zeros(0, dtype)


@dataclass(frozen=True, eq=False)
class Rules:
    """How often a user is sent to. Rule r is bit r of every mask of rules.

    Attributes:
        at_most: messages in a window, >= 0; 0 = none at all.
        window_minutes: > 0. A rolling window is half-open and begins anywhere: of more than
            `at_most` messages in order of time, T[i + at_most] - T[i] >= window. (1, G) is a least
            gap of G.
        by_day: whether the window is a day of a calendar instead, `window_minutes` long.
        day_offset: minutes that the clock of that calendar is ahead of UTC.
    """

    at_most: Ints
    window_minutes: Ints
    by_day: Flags
    day_offset: Ints

    @classmethod
    def rolling(cls, *limits: tuple[int, int]) -> Rules:
        """Return rolling rules of (at_most, window_minutes)."""
        pairs = np.array(limits, np.int64).reshape(-1, 2)
        count = len(pairs)
        return cls(pairs[:, 0], pairs[:, 1], np.zeros(count, np.bool_), np.zeros(count, np.int64))

    def and_by_day(self, at_most: int, *, offset_minutes: int) -> Rules:
        """Return these and one more: at most so many in a day of the calendar at that offset."""
        return Rules(
            np.append(self.at_most, at_most),
            np.append(self.window_minutes, 24 * 60),
            np.append(self.by_day, True),
            np.append(self.day_offset, offset_minutes),
        )

    def __len__(self) -> int:
        return len(self.at_most)


@dataclass(frozen=True, eq=False)
class Grids:
    """Candidate times; those of grid g are the slots first[g] <= s < first[g + 1].

    Attributes:
        first: grids + 1 positions.
        minute: of each slot, ascending within its grid.
        allowed: whether a message may go then at all.
        buckets: (slots, k), k <= 2: whose capacity a message then takes; NO_BUCKET = none. The two
            of a slot differ.
    """

    first: Ints
    minute: Ints
    allowed: Flags
    buckets: NDArray[np.int32]


@dataclass(frozen=True, eq=False)
class History:
    """Messages that stand already, past or planned; those of user u are first[u] <= i < first[u+1].

    Attributes:
        first: users + 1 positions.
        minute: ascending within a user.
        rules: which rules count it.
    """

    first: Ints
    minute: Ints
    rules: Ints

    @classmethod
    def none(cls, users: int) -> History:
        return cls(np.zeros(users + 1, np.int64), np.zeros(0, np.int64), np.zeros(0, np.int64))


@dataclass(frozen=True, eq=False)
class Campaigns:
    """What messages of a campaign have in common.

    Attributes:
        value: of one response, >= 0.
        rules: which rules count its messages, and hold for them; 0 = none, as for transactional
            messages.
    """

    value: NDArray[np.float64]
    rules: Ints


@dataclass(frozen=True, eq=False)
class Messages:
    """Messages to plan; those of user u are first[u] <= m < first[u + 1].

    Attributes:
        first: users + 1 positions.
        campaign: of each.
        grid: which grid of candidate times it has.
        score_at: where its row of `scores` begins, one entry a slot of its grid.
        cost: of sending it, in the unit of value times probability.
    """

    first: Ints
    campaign: NDArray[np.int16]
    grid: NDArray[np.int32]
    score_at: Ints
    cost: NDArray[np.float32]

    def __len__(self) -> int:
        return len(self.campaign)

    @property
    def users(self) -> int:
        return len(self.first) - 1


@dataclass(frozen=True, eq=False)
class JointProblem:
    """Messages that share users and capacity, and all that limits them.

    A message at a slot is worth value x score - cost, not sent nothing.

    Attributes:
        messages: what is planned.
        campaigns: what they are of.
        scores: probabilities of a response, flat; several messages may share a row.
        grids: candidate times.
        capacity: messages that each bucket takes, >= 0, beside what stands already.
        rules: how often a user is sent to.
        history: what stands already. Only windows that hold a new message are judged.
        phase: minutes by which all candidate times of a user are later than their grids'; spreads
            users within a slot. None = 0.
    """

    messages: Messages
    campaigns: Campaigns
    scores: NDArray[np.float32]
    grids: Grids
    capacity: Ints
    rules: Rules
    history: History
    phase: NDArray[np.int32] | None = field(default=None)

    def __post_init__(self) -> None:
        """Raise InvariantBroken, naming every column that cannot be planned from."""
        faults = [fault for fault in self._faults() if fault]
        if faults:
            raise InvariantBroken("; ".join(faults[:MOST_TOLD]))

    def _faults(self) -> list[str]:
        shapes = self._faults_of_shape()
        return shapes if any(shapes) else self._faults_of_content()

    def _faults_of_shape(self) -> list[str]:
        m, g, h, r = self.messages, self.grids, self.history, self.rules
        users, slots = len(m.first) - 1, len(g.minute)
        same_length: dict[str, tuple[int, list[NDArray[np.generic]]]] = {
            "messages": (len(m), [m.grid, m.score_at, m.cost]),
            "grids": (slots, [g.allowed, g.buckets]),
            "history": (len(h.minute), [h.rules]),
            "rules": (len(r), [r.window_minutes, r.by_day, r.day_offset]),
            "campaigns": (len(self.campaigns.value), [self.campaigns.rules]),
        }
        found = [
            f"{name}: columns differ in length"
            for name, (count, others) in same_length.items()
            if any(len(column) != count for column in others)
        ]
        found += [
            _not_partition(m.first, len(m), "messages.first"),
            _not_partition(g.first, slots, "grids.first"),
            _not_partition(h.first, len(h.minute), "history.first"),
            _unless(len(h.first) == len(m.first), "history.first: not of the same users"),
            _unless(
                g.buckets.ndim == 2 and g.buckets.shape[1] <= 2, "grids.buckets: not (slots, 2)"
            ),
            _unless(len(r) <= MOST_RULES, f"rules: more than {MOST_RULES}"),
            _unless(self.phase is None or len(self.phase) == users, "phase: not of the same users"),
        ]
        return found

    def _faults_of_content(self) -> list[str]:
        m, g, h, r = self.messages, self.grids, self.history, self.rules
        lengths = np.diff(g.first)
        known = _within(m.grid, len(lengths)) and _within(m.campaign, len(self.campaigns.value))
        ends = m.score_at + lengths[m.grid] if known and len(m) else m.score_at
        buckets = g.buckets
        return [
            _unless(known, "messages: grid or campaign unknown"),
            _unless(
                not (m.score_at < 0).any() and not (ends > len(self.scores)).any(),
                "messages.score_at: rows outside of scores",
            ),
            _unless(np.isfinite(m.cost).all(), "messages.cost: not finite"),
            _unless(np.isfinite(self.scores).all(), "scores: not finite"),
            _unless(
                np.isfinite(self.campaigns.value).all() and (self.campaigns.value >= 0).all(),
                "campaigns.value: negative or not finite",
            ),
            _unless(
                not len(lengths) or lengths.max() <= MOST_SLOTS,
                f"grids: more than {MOST_SLOTS} slots in one",
            ),
            _unless(_ascends(g.minute, g.first, strictly=True), "grids.minute: not ascending"),
            _unless(_ascends(h.minute, h.first, strictly=False), "history.minute: not ascending"),
            _unless(
                _moderate(g.minute) and _moderate(h.minute) and _moderate(r.window_minutes),
                "minutes: beyond all times",
            ),
            _unless(
                (r.at_most >= 0).all() and (r.window_minutes > 0).all(),
                "rules: at_most below 0, or a window that is empty",
            ),
            _unless((self.capacity >= 0).all(), "capacity: below 0"),
            _unless(
                not buckets.size or _within(buckets + 1, len(self.capacity) + 1),
                "grids.buckets: unknown bucket",
            ),
            _unless(
                buckets.shape[1] < 2
                or not ((buckets[:, 0] == buckets[:, 1]) & (buckets[:, 0] != NO_BUCKET)).any(),
                "grids.buckets: a slot loads one bucket twice",
            ),
        ]


def _unless(holds: bool | np.bool_, fault: str) -> str:  # noqa: FBT001 - a condition
    return "" if holds else fault


def _not_partition(first: Ints, count: int, name: str) -> str:
    fits = len(first) > 0 and first[0] == 0 and first[-1] == count and (np.diff(first) >= 0).all()
    return _unless(bool(fits), f"{name}: not positions from 0 to {count}")


def _within(index: NDArray[np.integer], end: int) -> bool:
    return not len(index) or bool(index.min() >= 0 and index.max() < end)


def _moderate(minutes: Ints) -> bool:
    return not len(minutes) or bool(np.abs(minutes).max() <= LATEST_MINUTE)


def _ascends(minute: Ints, first: Ints, *, strictly: bool) -> bool:
    step = np.diff(minute)
    falls = step <= 0 if strictly else step < 0
    inner = first[(first > 0) & (first < len(minute))] - 1
    falls[inner] = False
    return not falls.any()
