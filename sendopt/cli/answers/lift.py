"""What choosing the time was worth, against those held out."""

from __future__ import annotations

from sendopt.app.lift_report import LiftReport
from sendopt.cli.output import print_table, stdout
from sendopt.evaluate.arm_lift import ArmContrast, Comparison
from sendopt.evaluate.lift import Conclusion, Contrast, Lift
from sendopt.evaluate.metrics import Interval

_SAID = {
    Conclusion.BETTER: "Choosing the time is better than not choosing it.",
    Conclusion.WORSE: "Choosing the time is worse than not choosing it.",
    Conclusion.NOT_YET_KNOWN: "Not yet known whether choosing the time is better or worse.",
}


def show(report: LiftReport) -> None:
    """Print the comparison, or why there is none."""
    stdout.print(
        f"{len(report.campaigns)} campaigns counted, {len(report.waiting)} still waiting for "
        f"answers, {len(report.share_unknown)} left out, whose holdout's share is not known",
    )
    if report.refusal is not None and not report.comparisons:
        stdout.print(f"No lift: {report.refusal}")
    if report.lift is not None:
        stdout.print(
            f"Those held out were sent to at the {' or the '.join(report.compared_with)} time",
        )
        _show_lift(report.lift)
    for comparison in report.comparisons:
        _show_comparison(comparison)
    if report.comparisons:
        week = report.last_full_week
        stdout.print(
            "No week is over and answered yet."
            if week is None
            else f"The last full week began on {week}. Of weeks to come this says nothing."
        )


def _show_comparison(found: Comparison) -> None:
    """Print what one arm did beside another, in all and by week."""
    about = f"{found.arm} minus {found.against} ({found.label})"
    if found.answered is None:
        stdout.print(f"{about}: {found.refusal}")
        return
    if found.warning is not None:
        stdout.print(f"Warning: {found.warning}")
    sends = (found.sends[found.arm], found.sends[found.against])
    print_table(
        f"{about}, 95 % at all looks together",
        ["week", *(f"sends, {arm}" for arm in found.sends), "answered", "difference", ""],
        [
            *(
                (
                    str(week.begins_on),
                    *week.sends.values(),
                    _shares(week.answered),
                    _interval(week.answered.difference),
                    _words(week.conclusion),
                )
                for week in found.weeks
            ),
            (
                "all",
                *sends,
                _shares(found.answered),
                _interval(found.answered.difference),
                _words(found.conclusion),
            ),
        ],
    )
    if found.trend is not None:
        stdout.print(
            f"By week: {_words(found.trend.direction)}, {found.trend.change_per_week} a week "
            f"({found.trend.label})."
        )


def _shares(found: ArmContrast) -> str:
    return f"{found.arm:.1%} / {found.against:.1%}"


def _words(word: str) -> str:
    return word.replace("_", " ")


def _show_lift(found: Lift) -> None:
    stdout.print(_SAID[found.conclusion])
    print_table(
        "Everybody in the arm that was drawn for them (causal)",
        ["arm", "users", "sends", "answered", "dismissed", "opted out"],
        [
            (
                arm,
                found.users[arm],
                found.sends[arm],
                *(
                    getattr(each, arm)
                    for each in (found.answered, found.dismissed, found.opted_out)
                ),
            )
            for arm in found.users
        ],
    )
    print_table(
        "Optimised minus holdout, 95 % at all looks together",
        ["share", "difference", "relative"],
        [
            _row("answered" + (", adjusted" if found.adjusted else ""), found.answered),
            _row("dismissed", found.dismissed),
            _row("opted out", found.opted_out),
        ],
    )
    for outcome in found.harm:
        stdout.print(f"Harm: more is {outcome.replace('_', ' ')} where it is chosen.")
    if found.needed is None:
        stdout.print("Too few users or answers to say how many more are needed.")
        return
    more = found.needed.more_sends
    stdout.print(
        f"To tell {found.needed.effect:.1%} from nothing with 80 % probability: "
        f"{more['optimised']:,} more optimised sends and {more['holdout']:,} more held out"
        + (
            "."
            if found.needed.same_users_suffice
            else ", to further users: these differ too much, however often they are sent to."
        ),
    )


def _row(name: str, found: Contrast) -> tuple[str, str, str]:
    return name, _interval(found.difference), _interval(found.relative)


def _interval(found: Interval | None) -> str:
    return "too few" if found is None else str(found)
