"""Score times: how likely each user answers a send there.

Owns: scores of candidate times and of the hours of the week, and the score store.
Does not own: what makes a model (learn), which time is chosen (schedule).
In: a ServableModel, a Reader, decisions.  Out: tables with `open_probability`;
weeks of 168 scores a user, and a file that maps them.
Time: candidates are instants; the hours of the week are local to the user.
"""

from sendopt.learn.model.scorer import SLOTS_A_WEEK
from sendopt.score.predict import score_candidates, score_slots
from sendopt.score.store import ScoreStore
from sendopt.score.weeks import SLOT_SCHEMA, Weeks, score_weeks

__all__ = [
    "SLOTS_A_WEEK",
    "SLOT_SCHEMA",
    "ScoreStore",
    "Weeks",
    "score_candidates",
    "score_slots",
    "score_weeks",
]
