insert into batch select tenant_id, event_count from total
