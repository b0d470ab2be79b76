"""Changes what is only ever added to, as nobody but the owner of a database could."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager

from sendopt.state import FleetWrite, State


@contextmanager
def unprotected(state: State) -> Iterator[FleetWrite]:
    """One transaction for which no trigger holds; they are there again when it has ended."""
    url = state.engine.url
    if state.engine.dialect.name == "sqlite":
        with state.write_fleet() as tx:
            triggers = "select name, sql from sqlite_schema where type = 'trigger'"
            kept = tx.connection.exec_driver_sql(triggers).all()
            for name, _ in kept:
                tx.connection.exec_driver_sql(f"drop trigger {name}")
            yield tx
            for _, made in kept:
                tx.connection.exec_driver_sql(made)
        return
    owner = url.set(username="postgres", drivername="postgresql")
    with (
        closing(State(owner.render_as_string(hide_password=False))) as as_owner,
        as_owner.write_fleet() as tx,
    ):
        tx.connection.exec_driver_sql("set local session_replication_role = replica")
        yield tx
