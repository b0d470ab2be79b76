insert into batch_checksum select tenant_id, checksum from total
