"""Forward-only changes of the tables, one file a release, run by `sendopt.state.migrate`.

A change of `tables.py` comes with a file `versions/NNNN_what_it_does.py` whose `down_revision` is
the newest before it and whose `upgrade` brings the tables there. A file that has been released
is never edited; it names its own column types, so that later code cannot change the past.
A version is the NNNN of its file, in the order of these numbers.

Alembic, which takes longer to import than most commands to run, comes in with the first change.
"""

from pathlib import Path
from typing import TYPE_CHECKING

from sendopt.first_use import offered_by

if TYPE_CHECKING:
    from sendopt.state.migrations.alembic_chain import upgrade
else:
    __getattr__ = offered_by(__name__, {"upgrade": "sendopt.state.migrations.alembic_chain"})

__all__ = ["VERSIONS", "upgrade"]

#: Every version that this release knows, the newest first.
VERSIONS = tuple(
    sorted(
        (
            file.name.partition("_")[0]
            for file in (Path(__file__).parent / "versions").glob("[0-9]*.py")
        ),
        reverse=True,
    )
)
