-- doubtful_chances
-- Grain: one row.
-- Reads: event.  Params: $until_us.
-- Propensities before $until_us that contradict each other or the times of their sends, and an
-- example of each. The service's own sends (s_...) carry the chance that was drawn by.
with logged as (
    select distinct user_id, send_id, occurred_at, propensity
    from event
    where event_type = 'send' and propensity is not null and not starts_with(send_id, 's_')
        and epoch_us(occurred_at) < $until_us
),
summed as (
    select user_id, send_id, sum(propensity) as total
    from logged
    group by all
    having count(distinct occurred_at) > 1 and total > 1.000001
),
moved as (
    select user_id from logged group by user_id having count(distinct hour(occurred_at)) > 1
)
select
    (select count(*) from logged) as logged,
    (select count(*) from logged where propensity = 1) as certain,
    (select count(*) from moved) as moved_users,
    (select min(user_id) from moved) as moved_user,
    (select count(*) from summed) as summed_sends,
    (select min({'user_id': user_id, 'send_id': send_id, 'total': total}) from summed) as summed
