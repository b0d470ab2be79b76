insert into batch
select tenant_id, count(*)
from incoming
anti join verdict using (row)
group by tenant_id
