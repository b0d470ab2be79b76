"""Show the whole line on real push logs, with each person's real answer, on a virtual clock.

Owns: the shipped studies, the rules it is compared with, the virtual days, the picture.
Does not own: anything that a user's own service would do; that is the application's.
In: a folder.  Out: Result, a picture, and a home that can be looked into afterwards.
"""

from typing import TYPE_CHECKING

from sendopt.first_use import offered_by

if TYPE_CHECKING:
    from sendopt.demo.result import Result
    from sendopt.demo.run import run_demo
else:
    __getattr__ = offered_by(
        __name__,
        {"Result": "sendopt.demo.result", "run_demo": "sendopt.demo.run"},
    )

__all__ = ["Result", "run_demo"]
