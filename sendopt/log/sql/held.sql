-- Templated: names and versions are no values; {checksum} as in totals.
select count(*), coalesce({checksum}, 0)
from {lake}.main.event at (version => {snapshot})
where tenant_id = {tenant_id}
