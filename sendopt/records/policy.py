"""How times are chosen."""

from __future__ import annotations

from enum import StrEnum


class Policy(StrEnum):
    """By which rule a send got its time. The first three are what a campaign can ask for."""

    GREEDY = "greedy"  # the best slot, always
    EPSILON_GREEDY = "epsilon_greedy"  # mostly the best slot, else any alike
    THOMPSON = "thompson"  # each slot as often as it may be the best one
    CONFIGURED = "configured"  # the configured time: of the control, or no gain was proven
    RANDOM = "random"  # of the control: every allowed slot alike
    POPULATION_HOUR = "population_hour"  # of its arm: everybody's best hour
    USER_HISTOGRAM = "user_histogram"  # of its arm: the hour in which the user answers most
    FALLBACK = "fallback"  # the configured time, because nothing was known to choose by
    EARLIEST = "earliest"  # as soon as it may: no time was to be chosen
    NONE = "none"  # the user may not be reached


class HoldoutTime(StrEnum):
    """When users are sent to who are kept out of the optimisation."""

    CONFIGURED = "configured"
    RANDOM = "random"  # any allowed slot alike
