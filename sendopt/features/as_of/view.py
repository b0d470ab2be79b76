"""What was known of users as of any instant, read from the log once."""

from __future__ import annotations

from datetime import datetime, timedelta
from functools import cached_property
from importlib import import_module

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from sendopt.features.as_of.answers import Answers, as_presences, read_answers
from sendopt.features.as_of.evidence import (
    DailyEvidence,
    Evidence,
    daily_evidence,
    population_evidence,
    user_evidence,
)
from sendopt.features.as_of.late_answers import (
    LateEvidence,
    place_late_answers,
    population_late_evidence,
    user_late_evidence,
)
from sendopt.features.as_of.observations import observe
from sendopt.features.as_of.platforms import (
    PlatformChanges,
    last_platforms,
    read_platform_changes,
)
from sendopt.features.as_of.population import Population, everybody_before
from sendopt.features.as_of.user_features import user_features
from sendopt.features.as_of.viewpoints import (
    LocalDays,
    Moments,
    Viewpoints,
    day_begins_us,
    hours_of_week,
    local_days,
    local_moments,
    weekends,
    zones_of,
)
from sendopt.features.target import Target
from sendopt.features.timeline.history import History, read_history
from sendopt.log import Reader


def load_kernels() -> None:
    """Import what is compiled, which an AsOfView does at its first use; it takes half a second."""
    for name in ("timeline.numbering", "as_of.kernels"):
        import_module(f"sendopt.features.{name}")


class AsOfView:
    """A log as a model of `target` looks at it; not for use by two threads at once before `warm`.

    It owns what is read from the log once: the history, the observations, the platforms. A reader
    is frozen at its snapshot, so what it says once it says always.

    Everything that is said of a user follows from that user's events and from `population`. So a
    log can be divided by user among views, each of which is given everybody's part, and all of
    them together say what one view of the whole log says.

    Args:
        reader: the tenant's log, or a part of it that holds all events of some users.
        target: what answers a send.
        population: everybody's part, where `reader` does not see everybody; it has to be of the
            day of every viewpoint. None = it is counted from the log.
    """

    def __init__(
        self, reader: Reader, target: Target, population: Population | None = None
    ) -> None:
        self.reader = reader
        self.target = target
        self._population = population

    def looking_for(self, target: Target) -> AsOfView:
        """Return a view of the same log for a model of `target`: this one, if it is its own."""
        return self if target == self.target else AsOfView(self.reader, target, self._population)

    @cached_property
    def history(self) -> History:
        """What happened to every user, in order; not what machines answered for them."""
        return read_history(self.reader, self.target)

    @cached_property
    def observations(self) -> pa.Table:
        """Every send with its answer and every presence; the columns are those of `observe`."""
        return observe(self.reader, self.target, self.history)

    @cached_property
    def _daily(self) -> DailyEvidence:
        """What became known of everybody on each day."""
        return daily_evidence(self.observations)

    @cached_property
    def _given(self) -> Answers:
        """Every answer, in time or late."""
        return read_answers(self.reader, self.target, self.history)

    @cached_property
    def late_answers(self) -> pa.Table:
        """Every answer after its send's open window; columns as of `place_late_answers`."""
        return place_late_answers(self._given, self.target, self.history)

    @cached_property
    def _answers(self) -> pa.Table:
        """Every answer, in time or late; the columns are those of `as_presences`."""
        return as_presences(self._given, self.history)

    @cached_property
    def _platform_changes(self) -> PlatformChanges:
        return read_platform_changes(self.reader)

    def warm(self, *, late_answers: bool, answer_times: bool) -> AsOfView:
        """Read all that is read once, so that threads can share what follows; return itself.

        Late answers and the times of all answers take a join over the log, so they are read for
        models that use them only.
        """
        _ = self.history, self.observations, self._platform_changes
        if late_answers:
            _ = self.late_answers
        if answer_times:
            _ = self._answers
        return self

    def beside(self, population: Population) -> AsOfView:
        """Return the same view with everybody's part given; what was read once is shared."""
        given = AsOfView(self.reader, self.target, population)
        for name, read in vars(self).items():
            vars(given).setdefault(name, read)
        return given

    def moments(
        self,
        viewpoints: Viewpoints,
        viewpoint: NDArray[np.intp],
        at: pa.ChunkedArray | pa.Array,
        *,
        message_type: pa.ChunkedArray | None = None,
    ) -> Moments:
        """Place the instants `at` in the zones that were known of their users.

        See `viewpoints.local_moments`.
        """
        return local_moments(self.history, viewpoints, viewpoint, at, message_type=message_type)

    def local_days(
        self, viewpoints: Viewpoints, viewpoint: NDArray[np.intp], at_us: NDArray[np.int64]
    ) -> LocalDays:
        """Return the days of instants in the zones that were known of their users."""
        return local_days(self.history, viewpoints, viewpoint, at_us)

    def zones(self, viewpoints: Viewpoints) -> pa.DictionaryArray:
        """Return the zone on whose clock each viewpoint's hours are; UTC where none is known."""
        names, number = zones_of(self.history, viewpoints)
        return pa.DictionaryArray.from_arrays(pa.array(number), pa.array(names))

    def day_begins_us(
        self, viewpoints: Viewpoints, viewpoint: NDArray[np.intp], day: NDArray[np.int64]
    ) -> NDArray[np.int64]:
        """Return when local days begin in the zones that were known of users."""
        return day_begins_us(self.history, viewpoints, viewpoint, day)

    def hours_of_week(self, viewpoints: Viewpoints) -> Moments:
        """Return the 168 local hours of a week for each viewpoint, with the weekend of its zone."""
        return hours_of_week(self.history, viewpoints)

    def weekends(self, viewpoints: Viewpoints) -> NDArray[np.bool_]:
        """Return which days of the week are weekend for each viewpoint, (rows, 7), Monday first."""
        return weekends(self.history, viewpoints)

    def user_features(self, viewpoints: Viewpoints) -> NDArray[np.float64]:
        """Return USER_FEATURES of every viewpoint, NaN where something never happened."""
        return user_features(self.history, self.target, viewpoints)

    def last_platforms(self, viewpoints: Viewpoints) -> pa.Array:
        """Return the platform of each viewpoint's user, null where none is known."""
        return last_platforms(self._platform_changes, viewpoints)

    def user_evidence(self, viewpoints: Viewpoints, *, half_life: timedelta) -> Evidence:
        """Count what was known of each viewpoint's user: one row a viewpoint, of 3.8 kB."""
        return user_evidence(self.observations, viewpoints, half_life=half_life)

    def user_answers(self, viewpoints: Viewpoints, *, half_life: timedelta) -> NDArray[np.float64]:
        """Count each viewpoint's user's answers by when they were given, in time or late.

        Returns:
            Decayed counts, (rows, DAY_TYPES, HALF_HOURS).
        """
        return user_evidence(self._answers, viewpoints, half_life=half_life).sessions

    def population_evidence(
        self, viewpoints: Viewpoints, *, half_life: timedelta
    ) -> tuple[Evidence, NDArray[np.intp]]:
        """Count what everybody did on the UTC days before each viewpoint.

        Returns:
            Evidence with one row a day, and the row of every viewpoint.
        """
        if self._population is not None:
            self._population.require(viewpoints, half_life=half_life)
            return self._population.evidence, np.zeros(len(viewpoints), np.intp)
        return population_evidence(self._daily, viewpoints, half_life=half_life)

    def user_late_evidence(
        self, viewpoints: Viewpoints, *, hazard: NDArray[np.float64], half_life: timedelta
    ) -> LateEvidence:
        """Count the late answers that were known of each viewpoint's user: one row a viewpoint."""
        return user_late_evidence(self.late_answers, viewpoints, hazard, half_life=half_life)

    def population_late_evidence(
        self, day: NDArray[np.int64], *, hazard: NDArray[np.float64], half_life: timedelta
    ) -> LateEvidence:
        """Count everybody's late answers before each UTC day of `day` (since 1970), a row each."""
        if self._population is not None:
            return self._population.late_evidence(hazard, half_life=half_life)
        return population_late_evidence(self.late_answers, day, hazard, half_life=half_life)

    def population(
        self, *, half_life: timedelta, late_hazard: NDArray[np.float64] | None, as_of: datetime
    ) -> Population:
        """Return what everybody did before the UTC day of `as_of`, whatever happened since."""
        if self._population is not None:
            return self._population
        return everybody_before(
            self.observations,
            self._daily,
            None if late_hazard is None else self.late_answers,
            half_life=half_life,
            late_hazard=late_hazard,
            as_of=as_of,
        )
