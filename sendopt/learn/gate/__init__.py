"""Decide whether a challenger may serve.

Owns: the named checks that a model must pass, and their words.
Does not own: how a model is trained (fit), what judging measures (judge), who serves (registry).
In: a GateTrial.  Out: a GateReport, one Check a name.
Every check is made, also after one has failed: whoever mends a model wants all of the list.
"""

from __future__ import annotations

from sendopt.learn.gate import honesty, slices, soundness, succession, worth
from sendopt.learn.gate.check import Check, Outcome
from sendopt.learn.gate.prepare import put_on_trial
from sendopt.learn.gate.report import MAY_GO_UNJUDGED, GateReport
from sendopt.learn.gate.rivals import fault_of
from sendopt.learn.gate.stand_in import stand_ins
from sendopt.learn.gate.trial import GateTrial, Incumbent, are_probabilities

__all__ = [
    "MAY_GO_UNJUDGED",
    "Check",
    "GateReport",
    "GateTrial",
    "Incumbent",
    "Outcome",
    "are_probabilities",
    "examine",
    "fault_of",
    "put_on_trial",
    "stand_ins",
]


def examine(trial: GateTrial) -> GateReport:
    """Make every check on `trial`."""
    parts = (honesty, soundness, worth, succession, slices)
    return GateReport(tuple(check for part in parts for check in part.checks(trial)))
