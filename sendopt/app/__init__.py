"""Thread the beads: open the stores once, and carry each noun from one stage to the next.

Owns: what is opened, in which order, with which settings; the steps of a use case.
Does not own: any rule. A rule that is found here belongs into a stage.
In: Settings, Clock.  Out: App, the one object behind the API, the commands and the notebooks.
Everything is imported at its first use; what the package itself needs is light.
"""

from typing import TYPE_CHECKING

from sendopt import libraries
from sendopt.first_use import offered_by

libraries.tame()

if TYPE_CHECKING:
    from sendopt.app import running, stopping, supervision
    from sendopt.app.app import App, open_app
    from sendopt.app.backing_up import back_up
    from sendopt.app.files import read_decisions, read_json, write_scores
    from sendopt.app.listing_backups import list_backups
    from sendopt.app.logging import configure_logging, log_in_background
    from sendopt.app.restoring import restore
    from sendopt.app.state_store import require_home
    from sendopt.features.target import check_window
    from sendopt.ingest.raw import Options as ImportOptions
    from sendopt.learn.train import MayServe
    from sendopt.schedule.example import small_example, small_series
    from sendopt.settings import load_settings
else:
    __getattr__ = offered_by(
        __name__,
        {
            "App": "sendopt.app.app",
            "ImportOptions": "sendopt.app.events",
            "MayServe": "sendopt.learn.train",
            "back_up": "sendopt.app.backing_up",
            "check_window": "sendopt.features.target",
            "configure_logging": "sendopt.app.logging",
            "list_backups": "sendopt.app.listing_backups",
            "load_settings": "sendopt.settings",
            "log_in_background": "sendopt.app.logging",
            "open_app": "sendopt.app.app",
            "read_decisions": "sendopt.app.files",
            "read_json": "sendopt.app.files",
            "require_home": "sendopt.app.state_store",
            "restore": "sendopt.app.restoring",
            "running": "sendopt.app.running",
            "stopping": "sendopt.app.stopping",
            "small_example": "sendopt.schedule.example",
            "small_series": "sendopt.schedule.example",
            "supervision": "sendopt.app.supervision",
            "write_scores": "sendopt.app.files",
        },
    )

__all__ = [
    "App",
    "ImportOptions",
    "MayServe",
    "back_up",
    "check_window",
    "configure_logging",
    "list_backups",
    "load_settings",
    "log_in_background",
    "open_app",
    "read_decisions",
    "read_json",
    "require_home",
    "restore",
    "running",
    "small_example",
    "small_series",
    "stopping",
    "supervision",
    "write_scores",
]
