"""Take events, devices and profiles in: from files, and from requests.

Owns: the rules that make a row an Event, the reasons for which it is rejected.
Does not own: whether an event is new (log, state), who may send it (api).
In: Parquet, CSV, JSON Lines, JSON bodies.  Out: Events, Rejections, Devices,
    Profiles, counts that add up.
Time: instants must carry a zone; they are stored as UTC.
"""

from sendopt.ingest.accept import accept_events
from sendopt.ingest.device import parse_device
from sendopt.ingest.files import ImportReport, import_file, require_file
from sendopt.ingest.profile import parse_profile

__all__ = [
    "ImportReport",
    "accept_events",
    "import_file",
    "parse_device",
    "parse_profile",
    "require_file",
]
