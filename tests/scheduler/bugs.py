"""Bugs that are planted to see that a trial finds them, one at a time."""

from __future__ import annotations

from simulation.mutations import Mutation

from sendopt.deliver import allowed_times, judging
from sendopt.schedule import room

BUGS = (
    Mutation(
        "messages of one batch to one user do not count against each other",
        judging.judge,
        "standing.count(send, judged, now=now)",
        "pass",
    ),
    Mutation(
        "a message may be shown until it expires, whatever the hour",
        allowed_times.shown_until,
        "return next_quiet_anywhere(instant, zones_of(send), quiet, until=until)",
        "return until",
    ),
    Mutation(
        "a profile that moves is not looked at again",
        allowed_times._zone_said,
        "(of_device, send.profile_timezone)",
        "(of_device,)",
    ),
    Mutation(
        "messages of a bin all fall due in its first minute",
        room._spread,
        "place = np.arange(count) * room // count",
        "place = np.zeros(count, np.int64)",
    ),
)
