"""How answers of some length look in a terminal.

Imported when there is an answer to show: until then a command needs none of what made it.
"""

from typing import TYPE_CHECKING

from sendopt.first_use import offered_by

__all__ = [
    "backtest",
    "comparison",
    "demo",
    "effect",
    "lift",
    "limits",
    "picture",
    "preview",
    "results",
    "training",
]

if TYPE_CHECKING:
    from sendopt.cli.answers import (
        backtest,
        comparison,
        demo,
        effect,
        lift,
        limits,
        picture,
        preview,
        results,
        training,
    )
else:
    __getattr__ = offered_by(
        __name__,
        {name: f"{__name__}.{name}" for name in __all__},
    )
