"""Take events, devices and profiles in: from files, and from requests.

Owns: the rules that make a row an Event, the reasons for which it is rejected.
Does not own: whether an event is new (log, state), who may send it (api).
In: Parquet, CSV, JSON Lines, JSON bodies.  Out: Events, Rejections, Devices,
    Profiles, counts that add up.
Time: instants must carry a zone; they are stored as UTC.

    files ─► sources ─► csv | jsonl | parquet ─┐
    requests ─► accept ─► objects ─────────────┴► Chunk ─► judge ─► events, findings
"""

from sendopt.ingest.accept import AcceptedEvent, RejectedEvent, accept_events, without_users
from sendopt.ingest.consent import read_consent
from sendopt.ingest.device import read_device
from sendopt.ingest.files import conflict_of, import_file
from sendopt.ingest.mapping import load_mapping
from sendopt.ingest.preferences import read_preferences
from sendopt.ingest.profile import read_profile, read_profile_row
from sendopt.ingest.raw import Options
from sendopt.ingest.report import ImportReport
from sendopt.ingest.sources import files_of

__all__ = [
    "AcceptedEvent",
    "ImportReport",
    "Options",
    "RejectedEvent",
    "accept_events",
    "conflict_of",
    "files_of",
    "import_file",
    "load_mapping",
    "read_consent",
    "read_device",
    "read_preferences",
    "read_profile",
    "read_profile_row",
    "without_users",
]
