"""Write every user's open probability by hour of the local week, for the API and to a file.

python pipelines/score.py TENANT OUT.parquet
"""

import sys
from pathlib import Path

from sendopt.app import App, open_app
from sendopt.records import TenantId


def main(app: App, tenant_id: TenantId, out: Path) -> None:
    """Champion + log ─► scores."""
    report = app.as_owner_of(tenant_id).scores.compute(out=out)
    print(f"{report.users:,} users of model {report.model_version} in {report.store} and {out}")


if __name__ == "__main__":
    main(open_app(), TenantId(sys.argv[1]), Path(sys.argv[2]))
