"""Charge for billable clicks and responses, and account for every one that was not.

Owns: rate cards, metering, statements, closing, the ledger, the second computation from the log.
Does not own: which click counts (track), money's rounding (money).
In: Click, Response, RateCard.  Out: Charge, Statement, Closing, ledger entries.
Time: periods are calendar months in UTC; a fact belongs to the period of its `occurred_at`, or,
if that is closed already, to the next open one, as an adjustment that says so.
"""

from sendopt.bill.charging import ChargeReport, charge_billable
from sendopt.bill.close import Closing, closable, close_period, find_closing
from sendopt.bill.rates import put_rate_card
from sendopt.bill.recompute import late_events, recompute
from sendopt.bill.statement import Line, Statement, statement

__all__ = [
    "ChargeReport",
    "Closing",
    "Line",
    "Statement",
    "charge_billable",
    "closable",
    "close_period",
    "find_closing",
    "late_events",
    "put_rate_card",
    "recompute",
    "statement",
]
