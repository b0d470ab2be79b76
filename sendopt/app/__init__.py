"""Thread the beads: open the stores once, and carry each noun from one stage to the next.

Owns: what is opened, in which order, with which settings; the steps of a use case.
Does not own: any rule. A rule that is found here belongs into a stage.
In: Settings, Clock.  Out: App, the one object behind the API, the commands and the notebooks.
"""

from sendopt.settings import tame_libraries

# LightGBM and MLflow read their environment when they are imported, which the next line does.
tame_libraries()

from sendopt.app.app import App, open_app  # noqa: E402

__all__ = ["App", "open_app"]
