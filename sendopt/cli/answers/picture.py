"""Why a user's best time is what it is, drawn."""

from __future__ import annotations

from pathlib import Path

from matplotlib.figure import Figure

from sendopt.app.explain import ExplainedUser
from sendopt.score.explain_picture import draw


def write(told: ExplainedUser, path: Path) -> None:
    """Draw into `path`, as the kind of picture that its suffix names."""
    figure = Figure(figsize=(13, 5), layout="constrained")
    draw(told.explanation, told.standing, figure)
    figure.savefig(path, dpi=120)
