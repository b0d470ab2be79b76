-- presence
-- Grain: one row per (user, UTC hour of the day) with a session, of the users asked about and of a
-- sample of those whose zone is known.
-- Reads: event, user_zone, asked (input: user_id).  Params: $as_of, $since, $sample.
-- Sessions only: when a user opens something also tells when somebody sent it. Being there in one
-- hour of one day counts once, however often.
with hours as (
    select distinct user_id, epoch_us(occurred_at) // 3600000000 as hour
    from event
    where event_type = 'session' and occurred_at >= $since and occurred_at < $as_of
),
known as (
    select user_id, timezone
    from user_zone($as_of)
    where user_id in (select user_id from hours)
    order by md5(user_id), user_id
    limit $sample
)
select
    p.user_id,
    (p.hour % 24)::integer as utc_hour,
    count(*)::double as hours,
    any_value(k.timezone) as timezone,
    any_value(a.user_id) is not null as asked
from hours p
left join known k using (user_id)
left join asked a using (user_id)
where k.user_id is not null or a.user_id is not null
group by p.user_id, utc_hour
order by p.user_id, utc_hour
