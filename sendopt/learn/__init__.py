"""Learn how likely each user answers at each time, and judge it before it may serve.

Owns: the level-shape model, the trees on its offset, the split by time, calibration, metrics,
backtests, model cards, the registry with its champion.
Does not own: what was known when (features), who is scored and when (score), the choice (schedule).
In: a Reader.  Out: a registered ServableModel with its card, or a Backtest.
Time: a model learns from events before `as_of` only and is judged on days after those it saw.
"""

from sendopt.learn.backtest import Backtest, BacktestReport, backtest
from sendopt.learn.boosting.tree_tables import TreeTables, tree_tables
from sendopt.learn.compare import Comparison, compare
from sendopt.learn.judging.experiments import NaturalExperiments
from sendopt.learn.judging.judge import Verdict
from sendopt.learn.judging.off_policy import OffPolicyEvaluation
from sendopt.learn.model.model import ServableModel
from sendopt.learn.model.predict import CandidateScores
from sendopt.learn.model.predict import score as score_decisions
from sendopt.learn.registry.registry import Registry
from sendopt.learn.train import TrainingReport, train

__all__ = [
    "Backtest",
    "BacktestReport",
    "CandidateScores",
    "Comparison",
    "NaturalExperiments",
    "OffPolicyEvaluation",
    "Registry",
    "ServableModel",
    "TrainingReport",
    "TreeTables",
    "Verdict",
    "backtest",
    "compare",
    "score_decisions",
    "train",
    "tree_tables",
]
