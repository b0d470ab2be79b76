-- What each data file held when it was written, and of each append a checksum of its rows: what the
-- log must still hold, written down apart from what it does hold. Rows are only ever added.
create table data_file (
    path   varchar not null,  -- below the folder of the data
    bytes  bigint  not null,
    sha256 varchar not null   -- of the whole file, in hexadecimal
);

-- Of each append and tenant the sum of the rows' hashes, modulo 2^63 - 1, in whatever order they
-- come. No column of `batch`: DuckLake drops what the catalog holds of a table of another form, under
-- the feet of whoever reads it.
create table batch_checksum (
    tenant_id varchar not null,
    checksum  bigint  not null
);

-- Of what earlier releases appended, as it is now: one row for all of a tenant's appends.
insert into batch_checksum
select
    tenant_id,
    (sum(hash(
        tenant_id, event_id, user_id, event_type, occurred_at, send_id, campaign_id, variant_id,
        message_type, channel, platform, timezone, propensity, attributes
    )) % 9223372036854775807)::bigint
from event
group by tenant_id;
