"""Write every user's open probability by hour of the local week.

python pipelines/score.py TENANT OUT.parquet
"""

import sys
from pathlib import Path

import pyarrow.parquet as pq

from sendopt.app import App, open_app
from sendopt.records import TenantId


def main(app: App, tenant_id: TenantId, out: Path) -> None:
    """Champion + log ─► scores."""
    scores = app.score_slots(tenant_id)
    pq.write_table(scores, out, compression="zstd")
    print(f"{len(scores):,} scores in {out}")


if __name__ == "__main__":
    main(open_app(), TenantId(sys.argv[1]), Path(sys.argv[2]))
