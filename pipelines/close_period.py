"""Close a month and show its statement; closing again shows the same.

python pipelines/close_period.py TENANT 2026-10
"""

import sys

from sendopt.app import App, open_app
from sendopt.records import TenantId


def main(app: App, tenant_id: TenantId, period: str) -> None:
    """Responses ─► charges ─► ledger ─► statement."""
    app.rounds.settle()
    closing = app.as_owner_of(tenant_id).statements.close(period)
    print(closing.document)
    print(closing.sha256)


if __name__ == "__main__":
    main(open_app(), TenantId(sys.argv[1]), sys.argv[2])
