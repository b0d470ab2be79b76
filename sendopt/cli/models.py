"""`sendopt models` and `drift`: which model serves, going back, and whether it still fits."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from sendopt.cli import answers
from sendopt.cli.options import (
    AsJson,
    Home,
    Tenant,
    open_known_home,
    open_known_work,
)
from sendopt.cli.output import as_json as as_json_object
from sendopt.cli.output import print_json, print_table, progress, stdout
from sendopt.cli.stopping import stopped_by_signal
from sendopt.masking import masked

if TYPE_CHECKING:
    from sendopt.learn.judging.drift import Alarm
    from sendopt.learn.registry.promotions import RegisteredModel


def register(commands: typer.Typer) -> None:
    """Add these commands."""
    models = typer.Typer(help="Which model serves, and going back.", no_args_is_help=True)
    models.command("list")(list_models)
    models.command("show")(show_model)
    models.command("compare")(compare)
    models.command("rollback")(rollback)
    models.command("ui")(show_pages)
    commands.add_typer(models, name="models")
    commands.command()(drift)


def list_models(home: Home = None, tenant: Tenant = "default", as_json: AsJson = False) -> None:
    """List every version, newest first.

    With what the gate said of it, and when it served.
    """
    known = open_known_work(home, tenant).models.everyone()
    if as_json:
        print_json([published(model) for model in known])
        return
    print_table(
        "Models",
        ["number", "version", "is", "predicts", "learned until"],
        [
            (
                model.number,
                model.version,
                ", ".join(model.aliases),
                _predicts(model),
                None if model.learned_until is None else f"{model.learned_until:%Y-%m-%d}",
            )
            for model in known
        ],
        empty="none; `sendopt ingest FILE` and then `sendopt train` make one",
    )
    judged = [(model.number, model.gate) for model in known if model.gate]
    if judged:
        print_table("What the gate said", ["number", "gate"], judged)
    served = sorted(
        (promotion for model in known for promotion in model.promotions),
        key=lambda promotion: promotion.at,
        reverse=True,
    )
    if served:
        print_table(
            "Who began to serve, and why",
            ["number", "at", "", "by", "why"],
            [(p.number, f"{p.at:%Y-%m-%d %H:%M}", p.kind, p.by, p.reason) for p in served],
        )


def show_model(
    version: Annotated[
        str | None,
        typer.Argument(
            metavar="VERSION",
            help="Number, version or its beginning, champion or challenger. "
            "[default: the champion]",
            show_default=False,
        ),
    ] = None,
    home: Home = None,
    tenant: Tenant = "default",
    as_json: AsJson = False,
) -> None:
    """Show a model's card: what it learned, how it was judged, why it serves or not."""
    card = open_known_work(home, tenant).models.card(version)
    if as_json:
        print_json({"card": card})
    else:
        stdout.print(card, markup=False, highlight=False, soft_wrap=True)


def compare(
    a: Annotated[
        str,
        typer.Argument(
            metavar="A", help="Number, version or its beginning, champion or challenger."
        ),
    ],
    b: Annotated[str, typer.Argument(metavar="B", help="The same; differences are B minus A.")],
    home: Home = None,
    tenant: Tenant = "default",
    as_json: AsJson = False,
) -> None:
    """Compare two models on the same later moments.

    Neither learned from them. Intervals are 95 %, with users as units.
    """
    with progress("comparing"):
        found = open_known_work(home, tenant).models.compare(a, b)
    if as_json:
        print_json(found)
    else:
        answers.comparison.show(found)


def rollback(
    reason: Annotated[
        str, typer.Option("--reason", metavar="TEXT", help="Why; kept beside the model.")
    ],
    to: Annotated[
        str | None,
        typer.Option(
            "--to",
            metavar="VERSION",
            help="Number or version of a model that served. [default: the last good one]",
            show_default=False,
        ),
    ] = None,
    home: Home = None,
    tenant: Tenant = "default",
    as_json: AsJson = False,
) -> None:
    """Let a former champion serve again.

    From the next request on, in every process. A model that the gate refused cannot be chosen.
    """
    model = open_known_work(home, tenant).models.roll_back({"to": to, "reason": reason})
    if as_json:
        print_json(published(model))
    else:
        predicts = _predicts(model)
        told = "" if predicts is None else f"; it predicts {predicts}"
        stdout.print(f"Model {model.version} serves again{told}")


def show_pages(
    port: Annotated[
        int, typer.Option("--port", metavar="PORT", min=1, max=65535, help="Of this machine.")
    ] = 5000,
    home: Home = None,
    as_json: AsJson = False,
) -> None:
    """Open MLflow's own pages, until Ctrl-C.

    Every training of every tenant with its parameters, figures and files, on 127.0.0.1 alone.
    """

    def opened(address: str) -> None:
        if as_json:
            print_json({"address": masked(address)})
        else:
            stdout.print(f"MLflow's pages: {masked(address)}")

    with progress("starting MLflow"):
        app = open_known_home(home)
    app.operator.serve_model_pages(port=port, stop=stopped_by_signal(), opened=opened)


def drift(home: Home = None, tenant: Tenant = "default", as_json: AsJson = False) -> None:
    """Hold the last week to what the champion knows.

    Exit status 1 if an alarm is raised: then look, train again, or roll back.
    """
    work = open_known_work(home, tenant)
    with progress("drift"):
        report = work.models.drift()
    if as_json:
        print_json(report)
    else:
        print_table(
            f"Model {report.model_version}, {report.since:%Y-%m-%d} to {report.until:%Y-%m-%d}",
            ["what", "", "found"],
            [(alarm.name, _standing(alarm), alarm.said) for alarm in report.alarms],
        )
    if report.raised:
        raise typer.Exit(1)


def published(model: RegisteredModel) -> dict[str, Any]:
    """Return a version as JSON holds it: there its promotions have always been moves."""
    found: dict[str, Any] = as_json_object(model)
    moves = found.pop("promotions")
    return {**found, "moves": moves}


def _predicts(model: RegisteredModel) -> str | None:
    """Return the outcome and its window in words; None = the model's release did not say."""
    if model.outcome is None or model.open_window_seconds is None:
        return None
    return f"{model.outcome.value} within {model.open_window_seconds / 60:g} min"


def _standing(alarm: Alarm) -> str:
    if alarm.by_chance is None:
        return "cannot tell"
    return "ALARM" if alarm.raised else "ok"
