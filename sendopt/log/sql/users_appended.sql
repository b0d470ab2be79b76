-- Templated: the lake's functions take no parameters.
-- Grain: one row per user of whom a snapshot from {first} to {snapshot} added an event, by user_id.
select distinct user_id
from ducklake_table_insertions('{lake}', 'main', 'event', {first}, {snapshot})
where tenant_id = {tenant_id}
order by user_id
