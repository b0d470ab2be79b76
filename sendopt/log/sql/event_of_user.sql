-- Templated: a table takes no parameters. What a reader of one user sees in place of the view.
-- What a send caused belongs to it, whoever is named with it.
create temporary table event as
with own as materialized (
    select * from every_event where user_id = {user_id}
)
select * from own
union all
select e.*
from every_event e
semi join (select send_id from own where event_type = 'send') s using (send_id)
where e.event_type not in ('send', 'session') and e.user_id <> {user_id}
