"""Train a tenant's model on its log, judge it, and let it serve if it is better.

python pipelines/train.py TENANT     (SENDOPT_HOME and the other settings from the environment)
"""

import sys

from sendopt.app import App, open_app
from sendopt.records import TenantId


def main(app: App, tenant_id: TenantId) -> None:
    """Log ─► features ─► learn ─► registry."""
    report = app.as_owner_of(tenant_id).models.train(progress=print)
    print(report.card)


if __name__ == "__main__":
    main(open_app(), TenantId(sys.argv[1]))
