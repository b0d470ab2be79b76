-- How many events each append stored, by tenant: what the log must hold, written down apart from
-- what it does hold. Rows are only ever added.
create table batch (
    tenant_id   varchar not null,
    event_count bigint  not null
);

insert into batch
select tenant_id, count(*)
from event
group by tenant_id;
