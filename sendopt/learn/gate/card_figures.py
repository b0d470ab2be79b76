"""Reads what a model card tells back from its text, to hold it to what was measured."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from sendopt.evaluate.metrics import Interval
from sendopt.learn.judging.judge import Judgement

JUDGEMENT = "## Judgement"

_FIGURE = re.compile(r"-?\d+(?:\.\d+)?|nan")
_SUMMARY = re.compile(r"(\d+) moments of (\d+) users, ([\d.]+)% answered")
_CHOICES = re.compile(r"^One of several moments chosen on (\d+) user-days:$")
_GAIN = re.compile(
    r"^- (Log loss|Within-day AUC|AUC across days) "
    r"(?:of|minus that of) (\w+)(?: minus ours)?: (.*)$"
)
_PREDICTORS, _POLICIES = "| predictor |", "| policy |"
_PRINTED = 0.5e-4 + 1e-9  # four decimals are printed; of a share in per cent, one
_PRINTED_SHARE = 0.05 + 1e-9

#: By what is told, such as `ours: log loss`: a figure, or an estimate with its interval.
Figures = dict[str, tuple[float, ...]]


@dataclass(frozen=True)
class ToldFacts:
    """What a card says of itself; None = it does not."""

    version: str | None
    snapshot: str | None
    sections: frozenset[str]  # headings
    figures: Figures  # of its judgement


def read_card(card: str) -> ToldFacts:
    """Read a card of `model_card`."""
    lines = card.splitlines()
    version = re.search(r"^- Version (\w+):", card, re.MULTILINE)
    snapshot = re.search(r"^- Log snapshot (\w+),", card, re.MULTILINE)
    return ToldFacts(
        version=version and version[1],
        snapshot=snapshot and snapshot[1],
        sections=frozenset(line for line in lines if line.startswith("## ")),
        figures=dict(_printed_figures(_section(lines, JUDGEMENT))),
    )


def measured(verdict: Judgement) -> Figures:
    """Return the figures that a card of this verdict has to tell."""
    figures: Figures = {
        "moments": (verdict.moments,),
        "users": (verdict.users,),
        "answered, %": (100.0 * verdict.answered,),
    }
    for name, each in verdict.quality.items():
        figures[f"{name}: log loss"] = (each.log_loss,)
        figures[f"{name}: Brier"] = (each.brier,)
        figures[f"{name}: calibration error"] = (each.calibration_error,)
        auc = each.within_day_auc
        figures[f"{name}: within-day AUC"] = () if auc is None else (auc,)
    gains = {"Log loss": verdict.log_loss_gain, "Within-day AUC": verdict.auc_gain}
    if verdict.across_days is not None:
        gains["AUC across days"] = verdict.across_days.gain
    for measure, of_rivals in gains.items():
        for name, gain in of_rivals.items():
            figures[f"{measure}, ours and {name}"] = _parts(gain)
    if verdict.choices:
        figures["user-days"] = (verdict.choices,)
        for name, reward in verdict.reward.items():
            figures[f"{name}: answered"] = _parts(reward)
            gain_of = verdict.gain.get(name)
            figures[f"{name}: ours minus it"] = () if gain_of is None else _parts(gain_of)
    return figures


def differences(printed: Figures, expected: Figures) -> Iterator[str]:
    """Yield, in words, what is told otherwise than it was measured, not at all, or for nothing."""
    for name, figures in expected.items():
        if name not in printed:
            yield f"{name} is missing"
        elif not _alike(printed[name], figures, _PRINTED_SHARE if "%" in name else _PRINTED):
            yield f"{name} is {_in_words(printed[name])}, where {_in_words(figures)} was measured"
    for name in printed:
        if name not in expected:
            yield f"{name} was not measured"


def _printed_figures(lines: Sequence[str]) -> Iterator[tuple[str, tuple[float, ...]]]:
    for line in lines:
        if summary := _SUMMARY.search(line):
            names = ("moments", "users", "answered, %")
            pairs = zip(names, summary.groups(), strict=True)
            yield from ((name, (float(each),)) for name, each in pairs)
        elif choices := _CHOICES.match(line):
            yield "user-days", (float(choices[1]),)
        elif gain := _GAIN.match(line):
            yield f"{gain[1]}, ours and {gain[2]}", _figures(gain[3])
    for first in (_PREDICTORS, _POLICIES):
        for row, cells in _table(lines, first).items():
            yield from ((f"{row}: {column}", _figures(cell)) for column, cell in cells.items())


def _section(lines: Sequence[str], heading: str) -> list[str]:
    if heading not in lines:
        return []
    begin = lines.index(heading) + 1
    ends = (at for at in range(begin, len(lines)) if lines[at].startswith("## "))
    return list(lines[begin : next(ends, len(lines))])


def _table(lines: Sequence[str], first: str) -> Mapping[str, Mapping[str, str]]:
    """Return the rows of the table whose header begins with `first`: by row, by column."""
    begin = next((at for at, line in enumerate(lines) if line.startswith(first)), None)
    if begin is None:
        return {}
    _, *columns = _cells(lines[begin])
    found = {}
    for line in lines[begin + 2 :]:
        if not line.startswith("|"):
            break
        row, *cells = _cells(line)
        found[row] = dict(zip(columns, cells, strict=False))
    return found


def _cells(line: str) -> list[str]:
    return [cell.strip() for cell in line.strip("|").split("|")]


def _figures(text: str) -> tuple[float, ...]:
    return tuple(float(each) for each in _FIGURE.findall(text))


def _parts(interval: Interval) -> tuple[float, ...]:
    if not interval.bounded:
        return (interval.estimate,)
    return interval.estimate, interval.low, interval.high


def _alike(printed: tuple[float, ...], expected: tuple[float, ...], within: float) -> bool:
    return len(printed) == len(expected) and all(
        abs(one - other) <= within for one, other in zip(printed, expected, strict=True)
    )


def _in_words(figures: tuple[float, ...]) -> str:
    return " ".join(f"{each:.4f}" for each in figures) or "nothing"
