"""Learn how likely each user answers at each time, and judge it before it may serve.

Owns: the level-shape model, the trees on its offset, the split by time, calibration, metrics,
backtests, model cards, the registry with its champion.
Does not own: what was known when (features), who is scored and when (score), the choice (schedule).
In: a Reader.  Out: a registered ServableModel with its card, or a Backtest.
Time: a model learns from events before `as_of` only and is judged on days after those it saw.
`train.train`, `backtest.backtest` and `compare.compare` tell its stories. What stands here is
imported at its first use: who scores does not wait for what learns.
"""

from typing import TYPE_CHECKING

from sendopt.first_use import offered_by

if TYPE_CHECKING:
    from sendopt.learn.backtest import Backtest, BacktestReport
    from sendopt.learn.boosting.tree_tables import TreeTables, tree_tables
    from sendopt.learn.compare import Comparison
    from sendopt.learn.judging.experiments import NaturalExperiments
    from sendopt.learn.judging.judge import Judgement
    from sendopt.learn.judging.off_policy import OffPolicyEvaluation
    from sendopt.learn.model.model import ServableModel
    from sendopt.learn.model.predict import CandidateScores, score_decisions
    from sendopt.learn.registry.registry import Registry
    from sendopt.learn.train import MayServe, TrainingReport
else:
    __getattr__ = offered_by(
        __name__,
        {
            "Backtest": "sendopt.learn.backtest",
            "BacktestReport": "sendopt.learn.backtest",
            "CandidateScores": "sendopt.learn.model.predict",
            "Comparison": "sendopt.learn.compare",
            "MayServe": "sendopt.learn.train",
            "NaturalExperiments": "sendopt.learn.judging.experiments",
            "OffPolicyEvaluation": "sendopt.learn.judging.off_policy",
            "Registry": "sendopt.learn.registry.registry",
            "ServableModel": "sendopt.learn.model.model",
            "TrainingReport": "sendopt.learn.train",
            "TreeTables": "sendopt.learn.boosting.tree_tables",
            "Judgement": "sendopt.learn.judging.judge",
            "score_decisions": "sendopt.learn.model.predict",
            "tree_tables": "sendopt.learn.boosting.tree_tables",
        },
    )

__all__ = [
    "Backtest",
    "BacktestReport",
    "CandidateScores",
    "Comparison",
    "Judgement",
    "MayServe",
    "NaturalExperiments",
    "OffPolicyEvaluation",
    "Registry",
    "ServableModel",
    "TrainingReport",
    "TreeTables",
    "score_decisions",
    "tree_tables",
]
