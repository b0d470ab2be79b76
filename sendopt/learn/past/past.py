"""The past that a model is fitted to: what is known of it, and which of its rows may teach."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from zlib import crc32

import numpy as np
from numpy.typing import NDArray

from sendopt.features import (
    AsOfView,
    Body,
    LabelledMoments,
    Moments,
    Summary,
    Target,
    Viewpoints,
    summarise,
)
from sendopt.learn.past.notes import note_on_sample, notes_on_log
from sendopt.learn.past.split import Split, label_source, labelled_moments, split

Progress = Callable[[str], None]
Mask = NDArray[np.bool_]


@dataclass(frozen=True)
class Past:
    """What every family is fitted to: the same rows, divided by time in the same way."""

    view: AsOfView
    summary: Summary
    labelled: LabelledMoments
    viewpoints: Viewpoints  # of the labelled moments
    moments: Moments  # the labelled moments in local time, in their order
    split: Split
    until: datetime  # nothing at or after it is known
    body: Body | None  # of the log; None = as far as `until`
    judged: bool  # the last part is kept unseen
    seed: int
    threads: int
    progress: Progress

    @property
    def ends(self) -> datetime:
        """Where the log ends: what became of sends just before it is not known."""
        return self.until if self.body is None else min(self.until, self.body.end)

    @property
    def notes(self) -> tuple[str, ...]:
        """What a reader of a model has to know of the log that taught it."""
        of_log = notes_on_log(self.body, self.summary, self.target)
        return (*of_log, *note_on_sample(self.labelled))

    @property
    def target(self) -> Target:
        """What is to be predicted."""
        return self.view.target

    def rng_for(self, family: str) -> np.random.Generator:
        """Return the randomness of a family: the same, whichever families were fitted before."""
        return np.random.default_rng([self.seed, crc32(family.encode())])

    @property
    def label_source(self) -> str:
        """What stands for an answer: `sends` or `activity`."""
        return label_source(self.summary, self.target)

    @cached_property
    def learn(self) -> Mask:
        """Rows to fit to."""
        return self.split.learn(self.labelled)

    @cached_property
    def tune(self) -> Mask:
        """Rows to stop, choose and calibrate by."""
        return self.split.tune(self.labelled)


def gather(
    view: AsOfView,
    *,
    until: datetime,
    judged: bool,
    seed: int,
    threads: int,
    progress: Progress,
    body: Body | None = None,
) -> Past:
    """Gather what was known before `until`; if `judged`, keep the last part unseen.

    Where the log ends earlier than that, its last days are those before the end of its `body`.
    """
    summary = summarise(view.reader, view.target, until=until)
    ends = until if body is None else min(until, body.end)
    labelled = labelled_moments(
        view, summary, since=None, until=ends, rng=np.random.default_rng(seed)
    )
    viewpoints, moments = labelled.viewpoints_and_moments(view)
    return Past(
        view=view,
        summary=summary,
        labelled=labelled,
        viewpoints=viewpoints,
        moments=moments,
        split=split(labelled, view.target, until=ends, judged=judged),
        until=until,
        body=body,
        judged=judged,
        seed=seed,
        threads=threads,
        progress=progress,
    )
