-- Templated: {checksum} is the same expression wherever rows are summed up.
-- Grain: one row per tenant of whom something is stored.
select tenant_id, count(*) as event_count, {checksum} as checksum
from incoming
anti join verdict using (row)
group by tenant_id
