"""What the level-shape model knows of moments: its curves, read where they are asked."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from sendopt.errors import InvalidInput
from sendopt.features import (
    AsOfView,
    Moments,
    Target,
    Viewpoints,
)
from sendopt.learn.level_shape import activity_prior
from sendopt.learn.level_shape.activity_prior import ActivityPrior
from sendopt.learn.level_shape.beliefs import LevelShape
from sendopt.learn.level_shape.curves import Curves, Parts, estimate
from sendopt.learn.level_shape.curves import parts as read_at
from sendopt.learn.level_shape.knowledge import Knowledge
from sendopt.learn.level_shape.late_hours import LateHours, late_hours
from sendopt.learn.level_shape.segments import Segments, added_at

_DAY_US = 86_400_000_000


@dataclass(frozen=True)
class DescribedMoments:
    """One row a moment, in the order in which the moments were asked."""

    base: NDArray[np.float64]  # everybody's logit
    level: NDArray[np.float64]
    activity_rate: NDArray[np.float64]
    parts: Parts
    message: NDArray[np.float64]  # what the kind of message adds to the logit; 0 if not said
    user_features: NDArray[np.float64]  # (rows, USER_FEATURES)
    moment_features: NDArray[np.float64]  # (rows, MOMENT_FEATURES)

    def __len__(self) -> int:
        return len(self.base)


@dataclass(frozen=True)
class LevelShapeModel:
    """The level-shape model as a log taught it; its weights are not of it."""

    target: Target
    shape: LevelShape
    activity: ActivityPrior
    late_hazard: NDArray[np.float64] | None = None  # see `late_hours`; None = not read
    platforms: Segments = field(default_factory=Segments)
    message_types: Segments = field(default_factory=Segments)

    def inputs(self, view: AsOfView, viewpoints: Viewpoints, moments: Moments) -> DescribedMoments:
        """Describe `moments` by what was known at their viewpoints.

        Raises:
            InvalidInput: `wrong_target`, if `view` looks for other answers than the model learned.
        """
        return self.rows(self.knowledge(view, viewpoints), moments)

    def knowledge(
        self, view: AsOfView, viewpoints: Viewpoints, *, with_variance: bool = True
    ) -> Knowledge:
        """Gather what the log tells of viewpoints, once for all weights that are tried.

        Args:
            view: of the log.
            viewpoints: of whom, as of when.
            with_variance: False leaves out how sure the posteriors are.

        Raises:
            InvalidInput: `wrong_target`, as `inputs`.
        """
        if view.target != self.target:
            raise InvalidInput(
                f"looks for {view.target}, and the model learned {self.target}",
                code="wrong_target",
                field="view",
                expected="a view of the model's own target",
            )
        half_life = self.shape.half_life
        user = view.user_evidence(viewpoints, half_life=half_life)
        everybody, population_row = view.population_evidence(viewpoints, half_life=half_life)
        return Knowledge(
            user=user,
            everybody=everybody,
            population_row=population_row,
            activity=activity_prior.posterior(
                self.activity, user.sessions, with_variance=with_variance
            ),
            late=self._late_hours(view, viewpoints, population_row, with_variance=with_variance),
            platform=view.last_platforms(viewpoints),
            user_features=view.user_features(viewpoints),
        )

    def curves(self, knowledge: Knowledge, *, with_variance: bool = True) -> Curves:
        """Return the posterior curves of the viewpoints; the arguments as of `rows`."""
        return estimate(
            self.shape,
            self.activity,
            knowledge if self.late_hazard is not None else replace(knowledge, late=None),
            self.platforms,
            open_window=self.target.open_window,
            with_variance=with_variance,
        )

    def rows(self, knowledge: Knowledge, moments: Moments) -> DescribedMoments:
        """Describe `moments` of the viewpoints of `knowledge`.

        Args:
            knowledge: by a model that may differ in platforms, message types and all that `shape`
                says but its half-life, and may have read late answers where this one does not.
            moments: in local time.
        """
        curves, row = self.curves(knowledge), moments.viewpoint
        return DescribedMoments(
            base=curves.base[row],
            level=curves.level[row],
            activity_rate=curves.activity_rate[row],
            parts=read_at(curves, moments),
            message=added_at(self.message_types, moments),
            user_features=knowledge.user_features[row],
            moment_features=np.column_stack(
                [moments.half_hours / 2.0, moments.day_of_week.astype(np.float64)]
            ),
        )

    def _late_hours(
        self,
        view: AsOfView,
        viewpoints: Viewpoints,
        population_row: NDArray[np.intp],
        *,
        with_variance: bool,
    ) -> LateHours | None:
        if self.late_hazard is None or len(viewpoints) == 0:
            return None
        day = np.zeros(int(population_row.max()) + 1, np.int64)
        day[population_row] = viewpoints.as_of_us // _DAY_US
        hazard, half_life = self.late_hazard, self.shape.half_life
        return late_hours(
            view.user_late_evidence(viewpoints, hazard=hazard, half_life=half_life),
            view.population_late_evidence(day, hazard=hazard, half_life=half_life),
            population_row,
            open_window=self.target.open_window,
            with_variance=with_variance,
        )
