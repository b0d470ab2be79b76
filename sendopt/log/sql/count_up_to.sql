-- How many events a reader sees, counted no further than $most.
select count(*) from (select 1 from event limit $most)
