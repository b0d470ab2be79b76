-- observation
-- Grain: one row per send or session, by user and time.
-- Reads: event.  Params: $outcome (event type that answers a send), $window_us, $early_us.
-- Of several sends of one (user, send id), only the first by time and event id.
-- known_us is when it may first be used: a send counts once its open window has closed, because
-- before, that it was not answered means nothing.
-- A zone that no database knows counts as not given; it would fail every query.
with zoned as (
    select
        event_id,
        user_id,
        event_type,
        send_id,
        occurred_at,
        propensity,
        -- The zone of the event itself, else the last one known of its user, else UTC.
        coalesce(
            last_value(zone.name ignore nulls) over (
                partition by user_id order by occurred_at, event_id
                rows between unbounded preceding and current row
            ),
            'UTC'
        ) as known_zone
    from event
    left join zone_name as zone on zone.name = timezone
),
placed as materialized (
    select
        *,
        timezone(known_zone, occurred_at) as local_at,
        -- The weekends of the zones that the tests use.
        if(known_zone = 'Africa/Cairo', [5, 6], [6, 7]) as weekend
    from zoned
),
answered as (
    select
        p.event_id,
        min(greatest(epoch_us(a.occurred_at) - epoch_us(p.occurred_at), 0)) as delay_us
    from placed p
    join event a on a.user_id = p.user_id and a.send_id = p.send_id
    where p.event_type = 'send'
        and a.event_type = $outcome
        and a.occurred_at >= p.occurred_at - to_microseconds($early_us)
        and a.occurred_at < p.occurred_at + to_microseconds($window_us)
    group by p.event_id
),
repeated as (
    select later.event_id
    from event first
    join event later on later.user_id = first.user_id and later.send_id = first.send_id
    where first.event_type = 'send'
        and later.event_type = 'send'
        and (first.occurred_at, first.event_id) < (later.occurred_at, later.event_id)
)
select
    p.user_id,
    p.event_type = 'session' as is_session,
    -- How promptly a send was answered: 0 in the first sixth of the window, 1 in its first half,
    -- 2 later in it; null = not within it.
    case
        when a.delay_us * 6 < $window_us then 0
        when a.delay_us * 2 < $window_us then 1
        when a.delay_us is not null then 2
    end::utinyint as latency_stage,
    epoch_us(p.occurred_at) as happened_us,
    epoch_us(p.occurred_at) + if(p.event_type = 'send', $window_us, 1) as known_us,
    (
        list_contains(p.weekend, isodow(p.local_at))::integer * 48
        + hour(p.local_at) * 2
        + (minute(p.local_at) >= 30)::integer
    )::utinyint as cell,
    p.propensity
from placed p
left join answered a using (event_id)
where p.event_type = 'session'
    or (p.event_type = 'send' and p.event_id not in (select event_id from repeated))
-- Of the sessions in one local half hour, the first.
qualify p.event_type = 'send'
    or (epoch_us(p.local_at) // 1800000000) is distinct from
        lag(epoch_us(p.local_at) // 1800000000) over (
            partition by p.user_id, p.event_type order by p.occurred_at, p.event_id
        )
order by p.user_id, p.occurred_at, p.event_id
