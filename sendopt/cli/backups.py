"""`sendopt backup`, `backups`, `restore`, `hold` and `resume`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

import sendopt.app
from sendopt.cli.options import (
    AsJson,
    Home,
    open_operator,
    who_asks,
)
from sendopt.cli.output import print_json, progress, stderr, stdout

if TYPE_CHECKING:
    from sendopt.backup.manifest import Manifest
    from sendopt.state.hold import Held

_PLACE = "A folder, or s3://bucket/prefix; see SENDOPT_BACKUP__S3_ENDPOINT and its like."

Overdue = Annotated[
    bool,
    typer.Option(
        "--overdue",
        help="Also those whose time has come and that have not expired. Who got one already gets "
        "it again.",
    ),
]


def register(commands: typer.Typer) -> None:
    """Add these commands."""
    for command in (backup, backups, restore, hold, resume):
        commands.command()(command)


def backup(
    destination: Annotated[str, typer.Argument(metavar="DEST", help=_PLACE)],
    keep: Annotated[
        int | None,
        typer.Option(
            "--keep",
            metavar="N",
            min=1,
            help="Afterwards drop all backups of this home but the newest N.",
        ),
    ] = None,
    files_only: Annotated[
        bool,
        typer.Option(
            "--files-only",
            help="Leave out stores that are in PostgreSQL or an object store, instead of refusing.",
        ),
    ] = False,
    home: Home = None,
    as_json: AsJson = False,
) -> None:
    """Copy everything of a home, while services are at work.

    State, log, models, scores and secrets, all of one moment. Files that are there already are not
    copied again; one that was interrupted goes on where it ended.
    """
    settings = sendopt.app.load_settings(home)
    sendopt.app.require_home(settings)
    with progress("backing up") as show:
        report = sendopt.app.back_up(
            settings, destination, files_only=files_only, keep=keep, progress=show
        )
    if as_json:
        print_json(
            {
                **_summary(report.backup_id, report.manifest),
                "new_files": report.new_files,
                "new_bytes": report.new_bytes,
                "dropped": report.dropped,
            }
        )
        return
    manifest = report.manifest
    stdout.print(f"{report.backup_id}: everything that was acknowledged at {manifest.taken_at}")
    stdout.print(
        f"{len(manifest.files):,} files, {manifest.total_bytes:,} bytes; new are "
        f"{report.new_files:,} files, {report.new_bytes:,} bytes"
    )
    for left_out in manifest.left_out:
        at = f" (WAL at {left_out.position})" if left_out.position else ""
        stdout.print(f"Not in it: {left_out.store}, kept in {left_out.kept_in}{at}")
    for dropped in report.dropped:
        stdout.print(f"Dropped: {dropped}")


def backups(
    source: Annotated[str, typer.Argument(metavar="DEST", help=_PLACE)],
    check: Annotated[
        bool, typer.Option("--check", help="Read every file and hold it against its hash.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """List the backups that a place holds, the newest first.

    Exit status 1 if --check finds a damaged one, or none at all.
    """
    with progress("reading backups") as show:
        found = sendopt.app.list_backups(
            sendopt.app.load_settings(), source, check=check, progress=show
        )
    if as_json:
        print_json(
            [
                {"backup_id": each.backup_id, "faults": each.faults}
                | ({} if each.manifest is None else _summary(each.backup_id, each.manifest))
                for each in found
            ]
        )
    elif not found:
        stdout.print(f"{source} holds no backup")
    else:
        for each in found:
            stdout.print(_line(each.backup_id, each.manifest))
        for each in found:
            for fault in each.faults:
                stdout.print(f"{each.backup_id}: {fault}")
    if any(each.faults for each in found):
        stderr.print(
            "Remove a changed content from files/: the next backup stores it again, if the home "
            "still holds it."
        )
        raise typer.Exit(1)


def _line(backup_id: str, manifest: Manifest | None) -> str:
    """Describe a backup in a line, in which its id can be copied whole."""
    if manifest is None:
        return f"{backup_id}: damaged"
    home = f"{manifest.origin.host}:{manifest.origin.home}"
    return (
        f"{backup_id}: of {home}, by release {manifest.release}, "
        f"{len(manifest.files):,} files, {manifest.total_bytes:,} bytes"
    )


def restore(
    source: Annotated[str, typer.Argument(metavar="SRC", help=_PLACE)],
    backup_id: Annotated[
        str | None,
        typer.Option("--backup", metavar="ID", help="Which one; the newest where none is named."),
    ] = None,
    resume: Annotated[
        bool,
        typer.Option(
            "--resume",
            help="The original is stopped for good: let go out what is due from now on.",
        ),
    ] = False,
    home: Home = None,
    as_json: AsJson = False,
) -> None:
    """Make a new home from a backup, whole or not at all.

    The home must not be there yet, or be empty. Every unfinished send is held until `sendopt
    resume`: it may have gone out since, and the original may still be at work.
    """
    settings = sendopt.app.load_settings(home)
    with progress("restoring") as show:
        report = sendopt.app.restore(
            settings,
            source,
            backup_id=backup_id,
            resumed=resume,
            progress=show,
            actor=who_asks(),
        )
    if as_json:
        print_json(
            {
                **_summary(report.backup_id, report.manifest),
                "home": report.home,
                "held": report.settled.held,
                "maybe_closed": report.settled.maybe_closed,
            }
        )
        return
    stdout.print(f"{report.home}: everything that was acknowledged at {report.manifest.taken_at}")
    for left_out in report.manifest.left_out:
        stdout.print(f"Not in it: {left_out.store}, kept in {left_out.kept_in}")
    for tenant, periods in report.settled.maybe_closed.items():
        stdout.print(
            f"{tenant}: {', '.join(periods)} may have been closed since; compare with the "
            "statement that was sent before you close it here"
        )
    _show_held(report.settled.held)


def hold(home: Home = None, as_json: AsJson = False) -> None:
    """Hold every unfinished send, as a restore does.

    For a copy that another tool made: a state that PostgreSQL's restored, a machine that was
    cloned. Until `sendopt resume` it is another home than its original, and `backup --keep` leaves
    the original's backups alone.
    """
    decided = open_operator(home).hold()
    if as_json:
        print_json({"newly_held": decided.sends, "held": decided.held})
        return
    stdout.print(f"{_sends(decided.sends)} newly held, until `sendopt resume`")
    _show_held(decided.held)
    stdout.print("Until then this home is another one than its original, with backups of its own")


def resume(overdue: Overdue = False, home: Home = None, as_json: AsJson = False) -> None:
    """Let held sends go out that are due from now on.

    Call it once the original is stopped for good. Those whose time had come stay held and expire.
    """
    decided = open_operator(home).resume(overdue=overdue)
    if as_json:
        print_json({"let_go": decided.sends, "held": decided.held})
        return
    when = "at its time, or at once where that has come" if overdue else "at its time"
    stdout.print(
        f"{_sends(decided.sends)} let go{f': each goes out {when}' if decided.sends else ''}"
    )
    if decided.held.total:
        stdout.print(
            f"{_sends(decided.held.total)} held still: due already, they may have gone out; they "
            "expire unless `sendopt resume --overdue` lets them go"
        )


def _show_held(held: Held) -> None:
    if not held.total:
        stdout.print("No send is held")
        return
    stdout.print(
        f"{_sends(held.total)} held, of which {held.overdue:,} were due already and may have gone "
        "out"
    )
    if held.later:
        stdout.print("Once the original is stopped for good: sendopt resume")


def _sends(count: int) -> str:
    return {0: "No send is", 1: "1 send is"}.get(count, f"{count:,} sends are")


def _summary(backup_id: str, manifest: Manifest) -> dict[str, object]:
    """Return what a manifest says, its files counted."""
    told = manifest.model_dump(mode="json", exclude={"files"})
    return {
        "backup_id": backup_id,
        **told,
        "files": len(manifest.files),
        "bytes": manifest.total_bytes,
    }
