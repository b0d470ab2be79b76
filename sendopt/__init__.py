"""Learn when each user answers, and send every message at that moment."""

from typing import TYPE_CHECKING

from sendopt.first_use import offered_by

if TYPE_CHECKING:
    from sendopt.version import __version__
else:
    __getattr__ = offered_by(__name__, {"__version__": "sendopt.version"})

__all__ = ["__version__"]
