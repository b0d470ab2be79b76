-- Everything that happened, of every tenant. Rows are only ever added.
create table event (
    tenant_id    varchar     not null,
    event_id     varchar     not null,  -- unique within the tenant; the appender sees to it
    user_id      varchar     not null,
    event_type   varchar     not null,
    occurred_at  timestamptz not null,
    send_id      varchar,
    campaign_id  varchar,
    variant_id   varchar,
    message_type varchar,
    channel      varchar,
    platform     varchar,
    timezone     varchar,
    propensity   double,
    attributes   varchar     not null   -- a JSON object
);

-- A tenant's reader opens that tenant's files and no others.
alter table event set partitioned by (tenant_id);
