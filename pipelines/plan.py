"""Plan a campaign and let its sends go out; run it again and nothing is sent twice.

python pipelines/plan.py TENANT CAMPAIGN.json
"""

import sys
from pathlib import Path

from sendopt import strict_json
from sendopt.app import App, open_app
from sendopt.records import TenantId


def main(app: App, tenant_id: TenantId, campaign: Path) -> None:
    """Scores + rules ─► planned sends."""
    report = app.as_owner_of(tenant_id).campaigns.put(
        strict_json.loads(campaign.read_bytes()), commit=True
    )
    print(report.campaign_id, dict(report.counts))


if __name__ == "__main__":
    main(open_app(), TenantId(sys.argv[1]), Path(sys.argv[2]))
