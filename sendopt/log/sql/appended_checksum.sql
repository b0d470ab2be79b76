-- Templated: names and versions are no values.
select (coalesce(sum(checksum), 0) % 9223372036854775807)::bigint
from {lake}.main.batch_checksum at (version => {snapshot})
where tenant_id = {tenant_id}
