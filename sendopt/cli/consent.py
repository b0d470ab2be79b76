"""`sendopt users consent` and `preferences`: what a user says on being sent to, and wants of it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

import sendopt.app
from sendopt.cli.options import AsJson, Home, Tenant, UserArgument, open_known_work
from sendopt.cli.output import as_json as as_json_object
from sendopt.cli.output import minute, print_json, print_table, stderr, stdout
from sendopt.errors import InvalidInput, together
from sendopt.records import Consent, KeptConsent, Preferences, UserId

if TYPE_CHECKING:
    from sendopt.app.users import ConsentHistory

_PREFERENCES = """\
A file looks like this:

\b
{
  "topics": {"promotion": false, "news": true},
  "quiet_hours": {"start": "21:00", "end": "09:00"},
  "snoozed_until": null
}

Topics are message types of campaigns; one that is not named is wanted. Quiet hours are on the
user's own clock; null = none. Every field must be there. docs/consent.md describes them.
"""


def register(users: typer.Typer) -> None:
    """Add these commands to those of users."""
    consent = typer.Typer(help="Whether a user may be sent anything.", no_args_is_help=True)
    consent.command("show")(show_consent)
    consent.command("set")(set_consent)
    users.add_typer(consent, name="consent")
    preferences = typer.Typer(help="What a user wants of messages, and when.", no_args_is_help=True)
    preferences.command("show")(show_preferences)
    preferences.command("set", epilog=_PREFERENCES)(set_preferences)
    users.add_typer(preferences, name="preferences")


def show_consent(
    user: UserArgument,
    home: Home = None,
    tenant: Tenant = "default",
    as_json: AsJson = False,
) -> None:
    """Show whether a user may be sent to, and all that they said on it, the latest first."""
    history = open_known_work(home, tenant).users.consent(UserId(user))
    if as_json:
        print_json(history)
        return
    stdout.print(_standing(history))
    print_statements(history.statements)


def set_consent(
    user: UserArgument,
    *,
    given: Annotated[
        bool,
        typer.Option(
            "--opt-in/--opt-out", help="Whether the user agrees to be sent to.", show_default=False
        ),
    ],
    source: Annotated[
        str | None,
        typer.Option(
            "--source", metavar="TEXT", help='Where the user said so, such as "preference page".'
        ),
    ] = None,
    at: Annotated[
        str | None,
        typer.Option(
            "--at",
            metavar="INSTANT",
            help="When, such as 2026-10-01T11:30:00+02:00. [default: now]",
            show_default=False,
        ),
    ] = None,
    channel: Annotated[
        str | None, typer.Option("--channel", metavar="NAME", help="On what occasion, if known.")
    ] = None,
    message_type: Annotated[
        str | None,
        typer.Option("--message-type", metavar="NAME", help="On what occasion, if known."),
    ] = None,
    home: Home = None,
    tenant: Tenant = "default",
    as_json: AsJson = False,
) -> None:
    """Keep what a user said on being sent to at all.

    The latest statement holds by its own time; of two at one time the opt-out. An opt-out is heard
    whatever else is wrong with it, and stops what is planned; an opt-in is for plans to come.
    """
    said = {
        "given": given,
        "source": source,
        "at": at,
        "channel": channel,
        "message_type": message_type,
    }
    users = open_known_work(home, tenant).users
    try:
        read = users.say(user, {name: each for name, each in said.items() if each is not None})
    except InvalidInput as error:
        raise together(_of_options(error.faults)) from error
    for fault in _of_options(read.dropped_fields):
        stderr.print(f"counts as not said: {fault}")
    if as_json:
        print_json({**as_json_object(read.consent), "dropped_fields": _fields(read.dropped_fields)})
        return
    stdout.print(f"{_in_words(read.consent)}, {minute(read.consent.at)}")
    stdout.print(_standing(users.consent(UserId(user))))


def show_preferences(
    user: UserArgument,
    home: Home = None,
    tenant: Tenant = "default",
    as_json: AsJson = False,
) -> None:
    """Show what a user wants of messages.

    With --json in the form in which it can be edited and set again.
    """
    wanted = open_known_work(home, tenant).users.preferences(UserId(user))
    if as_json:
        print_json(preferences_as_json(wanted))
    else:
        print_table(f"What {user} wants", ["what", "is"], preference_rows(wanted))


def set_preferences(
    user: UserArgument,
    file: Annotated[
        Path, typer.Argument(metavar="PREFERENCES.json", help="All that the user wants, as JSON.")
    ],
    home: Home = None,
    tenant: Tenant = "default",
    as_json: AsJson = False,
) -> None:
    """Set what a user wants of messages, in place of all that was said before.

    It holds for every campaign, beside the campaign's own limits, and for what is planned already.
    """
    body = sendopt.app.read_json(file, field="PREFERENCES.json")
    wanted = open_known_work(home, tenant).users.prefer(user, body)
    if as_json:
        print_json(preferences_as_json(wanted))
    else:
        print_table(f"What {user} wants", ["what", "is"], preference_rows(wanted))


def print_statements(statements: Sequence[KeptConsent]) -> None:
    """Print what a user said on being sent to."""
    print_table(
        "Consent, the latest first",
        ["said", "at", "source"],
        [(_in_words(each), minute(each.at), each.source) for each in statements],
        empty="nothing was said; `sendopt users consent set` keeps what a user says",
    )


def preferences_as_json(wanted: Preferences) -> dict[str, Any]:
    """Return preferences in the form in which they can be set."""
    quiet = wanted.quiet_hours
    return {
        "topics": dict(wanted.topics),
        "quiet_hours": (
            None
            if quiet is None
            else {"start": f"{quiet.start:%H:%M}", "end": f"{quiet.end:%H:%M}"}
        ),
        "snoozed_until": as_json_object(wanted.snoozed_until),
    }


def preference_rows(wanted: Preferences) -> list[tuple[str, str | None]]:
    """Return preferences as they stand in a table; None = nothing was said."""
    quiet = wanted.quiet_hours
    topics = {
        said: ", ".join(name for name, yes in wanted.topics.items() if yes is said) or None
        for said in (True, False)
    }
    return [
        ("wanted", topics[True]),
        ("unwanted", topics[False]),
        ("quiet hours", None if quiet is None else f"{quiet.start:%H:%M} to {quiet.end:%H:%M}"),
        ("snoozed until", minute(wanted.snoozed_until)),
    ]


def _standing(history: ConsentHistory) -> str:
    since = minute(history.opted_out_at)
    name = history.user_id
    return f"{name} may be sent to" if since is None else f"{name} has opted out, {since}"


def _in_words(said: Consent) -> str:
    return "opt-in" if said.given else "opt-out"


def _of_options(faults: Sequence[InvalidInput]) -> list[InvalidInput]:
    """Return faults of a statement by the names of the options that said it."""
    return [
        each.at(each.field.replace("/", "--").replace("_", "-"))
        if each.field is not None and each.field.startswith("/")
        else each
        for each in faults
    ]


def _fields(faults: Sequence[InvalidInput]) -> list[dict[str, str | None]]:
    told = ("field", "code", "message", "expected", "hint")
    return [{name: getattr(each, name) for name in told} for each in faults]
