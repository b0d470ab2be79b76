select distinct tenant_id from batch order by tenant_id
