"""`sendopt send`: one message of a triggered campaign to one user."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated, Any

import typer

from sendopt.cli.options import AsJson, CampaignName, Home, Tenant, open_known_work
from sendopt.cli.output import minute, print_json, stdout
from sendopt.clock import parse_duration
from sendopt.errors import InvalidInput, together

_MOMENT = "An instant with its zone, or a date and time on the user's own clock, "


def register(commands: typer.Typer) -> None:
    """Add this command."""
    commands.command()(send)


def send(
    campaign: CampaignName,
    user: Annotated[str, typer.Argument(metavar="USER", help="The user's id.")],
    key: Annotated[
        str,
        typer.Option(
            "--key", metavar="KEY", help="Names this send: the same again changes nothing."
        ),
    ],
    within: Annotated[
        str | None,
        typer.Option(
            "--within", metavar="DURATION", help="Choose the best time within it, such as 4h."
        ),
    ] = None,
    not_before: Annotated[
        str | None,
        typer.Option("--not-before", metavar="TIME", help=f"{_MOMENT}such as 2026-10-26T18:00."),
    ] = None,
    not_after: Annotated[
        str | None,
        typer.Option(
            "--not-after", metavar="TIME", help="Choose the best time before it; likewise."
        ),
    ] = None,
    ignore_quiet_hours: Annotated[
        bool, typer.Option("--ignore-quiet-hours", help="Of an urgent campaign: at any hour.")
    ] = False,
    home: Home = None,
    tenant: Tenant = "default",
    as_json: AsJson = False,
) -> None:
    """Send one message of a triggered campaign to one user.

    At once, as far as the user may be reached; with --within or --not-after at the best time until
    then.
    """
    body: dict[str, Any] = {"campaign_id": campaign, "user_id": user, "send_key": key}
    unread = None if within is None else _read_within(within, body)
    for name, told in (("not_before", not_before), ("not_after", not_after)):
        if told is not None:
            body[name] = _moment(told)
    if ignore_quiet_hours:
        body["ignore_quiet_hours"] = True
    try:
        answer = open_known_work(home, tenant).sends.ask(body)
    except InvalidInput as refusal:
        if unread is None:
            raise
        wrong = {each.field: each for each in refusal.faults if each.field != "/within_minutes"}
        others = [each.at(field) for field, each in wrong.items() if field is not None]
        raise together([unread, *others]) from refusal
    asked = answer.send
    if as_json:
        print_json(
            {
                "send_id": asked.send_id,
                "state": asked.state,
                "reason": asked.reason,
                "due_at": asked.due_at,
                "expires_at": asked.expires_at,
                "repeated": answer.repeated,
            }
        )
        return
    when = f" for {minute(asked.due_at)}" if asked.due_at is not None else ""
    why = f" ({asked.reason})" if asked.reason is not None else ""
    before = "asked for before; " if answer.repeated else ""
    stdout.print(f"{asked.send_id}: {before}{asked.state}{why}{when}")


def _read_within(within: str, body: dict[str, Any]) -> InvalidInput | None:
    """Add a duration to a request; one that cannot be read stays as it is, and is refused there.

    So all else that is wrong with the request is told beside what is returned.
    """
    body["within_minutes"] = within
    try:
        minutes = parse_duration(within, field="--within") / timedelta(minutes=1)
    except InvalidInput as fault:
        return fault
    body["within_minutes"] = int(minutes) if minutes.is_integer() else minutes
    return None


def _moment(told: str) -> Any:
    """Return a time as a request tells it; without a zone it is the user's clock that shows it."""
    has_zone = told.endswith(("Z", "z")) or "+" in told or told.count("-") > 2
    return told if has_zone else {"local": told}
