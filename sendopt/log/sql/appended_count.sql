-- Templated: names and versions are no values.
select coalesce(sum(event_count), 0)::bigint
from {lake}.main.batch at (version => {snapshot})
where tenant_id = {tenant_id}
