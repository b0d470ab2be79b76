-- Templated: {checksum} sums up hashes as it does wherever that is done.
-- Grain: one row per tenant of whom something is stored.
select tenant_id, count(*) as event_count, {checksum} as checksum
from hashed
anti join verdict using (row)
group by tenant_id
