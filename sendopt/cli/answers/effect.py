"""What an hour does, and what sending does."""

from __future__ import annotations

from sendopt.app.effects import SendingEffect
from sendopt.cli.output import print_table, stdout
from sendopt.learn.judging.hour_effects import HourEffects


def show_hours(found: HourEffects) -> None:
    """Print what each hour does, or why nobody can say."""
    stdout.print(
        f"{found.sends:,} sends whose times were drawn at random; compared are {found.compared:,} "
        f"to {found.users:,} users, which could have gone out at every hour shown"
    )
    if found.refusal is not None:
        stdout.print(f"No effect: {found.refusal}")
        return
    print_table(
        f"Answers beyond those of the other hours, 95 % for all together ({found.label})",
        ["hour", "sends", "answered", "effect"],
        [
            (f"{each.hour:02d}:00", each.sends, each.answered, str(each.effect))
            for each in found.hours
        ],
    )


def show_sending(found: SendingEffect) -> None:
    """Print what sending does, or why nobody can say."""
    about = f"{found.outcome}{'' if found.name is None else f' {found.name}'}"
    stdout.print(f"{found.sent:,} messages sent and {found.kept_back:,} kept back by chance")
    if found.effect is None:
        stdout.print(f"No effect: {found.refusal}")
        return
    stdout.print(
        f"Sending adds {found.effect} to the chance of a {about} within "
        f"{found.window_seconds / 3600:g} hours ({found.label}, 95 % at this look)"
    )
