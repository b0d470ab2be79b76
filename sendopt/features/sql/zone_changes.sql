-- zone_changes
-- Grain: one row per (zone, instant from which its clocks are offset_us ahead of UTC), in order;
-- the first row of a zone is at $from_s.
-- Reads: zone (input: timezone, number).
-- Params: $from_s, $until_s (seconds since 1970, $until_s excluded).
-- Since 1970 no zone has changed its clocks twice within six days, and never within a second, so
-- looking every six days, then at hours, minutes and seconds finds every change exactly.
with looked as (
    select
        z.number,
        z.timezone,
        t.at_s,
        epoch_us(timezone(z.timezone, to_timestamp(t.at_s))) - t.at_s * 1000000 as offset_us
    from zone z
    cross join range($from_s, $until_s + 518400, 518400) t(at_s)
),
changed as materialized (
    select number, timezone, at_s, offset_us
    from looked
    qualify offset_us <> lag(offset_us) over (partition by number order by at_s)
),
hour as materialized (
    select c.number, c.timezone, c.offset_us, min(c.at_s - h.back_s) as at_s
    from changed c
    cross join range(0, 518400, 3600) h(back_s)
    where epoch_us(timezone(c.timezone, to_timestamp(c.at_s - h.back_s)))
        - (c.at_s - h.back_s) * 1000000 = c.offset_us
    group by c.number, c.timezone, c.offset_us, c.at_s
),
minute as materialized (
    select c.number, c.timezone, c.offset_us, min(c.at_s - m.back_s) as at_s
    from hour c
    cross join range(0, 3600, 60) m(back_s)
    where epoch_us(timezone(c.timezone, to_timestamp(c.at_s - m.back_s)))
        - (c.at_s - m.back_s) * 1000000 = c.offset_us
    group by c.number, c.timezone, c.offset_us, c.at_s
),
second as (
    select c.number, c.offset_us, min(c.at_s - s.back_s) as at_s
    from minute c
    cross join range(0, 60) s(back_s)
    where epoch_us(timezone(c.timezone, to_timestamp(c.at_s - s.back_s)))
        - (c.at_s - s.back_s) * 1000000 = c.offset_us
    group by c.number, c.offset_us, c.at_s
)
select number, at_s * 1000000 as from_us, offset_us
from looked
where at_s = $from_s
union all
select number, at_s * 1000000 as from_us, offset_us
from second
order by number, from_us
