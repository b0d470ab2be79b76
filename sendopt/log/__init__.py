"""Keep what happened: every tenant's events, append-only, in numbered snapshots.

Owns: the event table and its schema, the one appender, deduplication, the high-water mark of the
outbox, pinned readers, named snapshots, and the one way in which events go again: with their user.
Does not own: what makes a row a valid event (ingest), what must be true right now (state).
In: Event, Arrow tables with EVENT_SCHEMA.  Out: Arrow tables, read at one snapshot.
Time: `occurred_at` is UTC to the microsecond.
"""

from sendopt.log.append import Appender, AppendReport, EventConflict, OutboxReport
from sendopt.log.erase import KEPT_SCHEMA, ErasedEvents
from sendopt.log.events import EVENT_SCHEMA, differing_columns, event_table, events_of
from sendopt.log.integrity import Damage, FileReport
from sendopt.log.location import LogLocation
from sendopt.log.open import Log
from sendopt.log.read import Reader
from sendopt.log.unnamed import UnnamedFile

__all__ = [
    "EVENT_SCHEMA",
    "KEPT_SCHEMA",
    "AppendReport",
    "Appender",
    "Damage",
    "ErasedEvents",
    "EventConflict",
    "FileReport",
    "Log",
    "LogLocation",
    "OutboxReport",
    "Reader",
    "UnnamedFile",
    "differing_columns",
    "event_table",
    "events_of",
]
