"""One migrated PostgreSQL database for one test after the other, emptied between them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager

import psycopg

from sendopt.state import tables

#: Other than before where a test has changed the form of the tables, or the version that they have.
_FORM = """
select
    (select array_agg(version_num) from alembic_version),
    (select array[count(*), max(xmin::text::bigint)] from pg_attribute),
    (select array[count(*), max(xmin::text::bigint)] from pg_constraint),
    (select array[count(*), max(xmin::text::bigint)] from pg_index),
    (select array[count(*), max(xmin::text::bigint)] from pg_trigger),
    (select array[count(*), max(xmin::text::bigint)] from pg_proc)
"""

_END_SESSIONS = """
select pg_terminate_backend(pid, 10000) from pg_stat_activity
where datname = current_database() and pid != pg_backend_pid()
"""

_BEGIN_NUMBERS_ANEW = """
select setval(oid::regclass, 1, false) from pg_class
where relkind = 'S' and relnamespace = 'public'::regnamespace
"""


class Emptied:
    """Lends a copy of a migrated database, again and again, always without a row.

    A server takes about a hundred times as long to copy and drop a database as to delete what a
    test left in it.
    """

    def __init__(self, template: str, database: Callable[..., AbstractContextManager[str]]) -> None:
        self._template = template
        self._database = database
        self._lent: AbstractContextManager[str] | None = None
        self._url = ""
        self._form: object = None

    @contextmanager
    def lend(self) -> Iterator[str]:
        """Yield its URI, with the role that owns nothing in it; nobody is connected to it."""
        if self._lent is None:
            self._lent = self._database(template=self._template)
            self._url = self._lent.__enter__()
            with psycopg.connect(self._url) as connection:
                self._form = connection.execute(_FORM).fetchone()
        yield self._url.replace("//postgres@", "//service@")
        with psycopg.connect(self._url) as connection:
            connection.execute(_END_SESSIONS)
            is_as_it_was = connection.execute(_FORM).fetchone() == self._form
            if is_as_it_was:
                # Else the triggers keep what is only ever added to.
                connection.execute("set session_replication_role = replica")
                names = (table.name for table in reversed(tables.metadata.sorted_tables))
                connection.execute(";".join(f'DELETE FROM "{name}"' for name in names))
                connection.execute(_BEGIN_NUMBERS_ANEW)
        if not is_as_it_was:
            self.close()

    def close(self) -> None:
        """Drop the database that there is."""
        if self._lent is not None:
            self._lent.__exit__(None, None, None)
            self._lent = None
