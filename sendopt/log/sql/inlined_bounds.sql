-- Templated: names are no values. Grain: one row per tenant of whom the catalog holds rows of a table
-- itself: how many, and of each column in how many of them it is, its least value and its most.
select {tenant_id}, count(*), {bounds}
from {metadata}.{table}
where end_snapshot is null
group by all
