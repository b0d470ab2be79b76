-- Templated: {row_hash} is the same expression wherever rows are summed up.
-- Grain: one row per row of `incoming`, with the hash of its id and that of all of it. The texts of
-- all columns are read here once, for whoever asks for a hash.
select row, tenant_id, hash(tenant_id, event_id) as id_hash, {row_hash} as row_hash
from incoming
