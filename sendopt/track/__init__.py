"""Record what comes back for a send, and judge what counts.

Owns: signed links, the rules by which clicks are counted, responses, receipts, opt-outs.
Does not own: what is charged (bill), where a link leads (fixed at the send, in state).
In: requests for links, reports of devices and servers.  Out: Click, Response, and their Events.
Time: instants are UTC; a send's answers count from its hand-over until before the window's end.
"""

from sendopt.track.clicks import Redirect, follow_link
from sendopt.track.links import LinkSigner
from sendopt.track.reports import record_by_token, record_own_report, record_report
from sendopt.track.responses import ResponseVerdict
from sendopt.track.rules import RULES, RULES_VERSION, ClickRequest

__all__ = [
    "RULES",
    "RULES_VERSION",
    "ClickRequest",
    "LinkSigner",
    "Redirect",
    "ResponseVerdict",
    "follow_link",
    "record_by_token",
    "record_own_report",
    "record_report",
]
