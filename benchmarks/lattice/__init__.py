"""Planted tenants with known truth, and how well the hour is chosen for them.

worlds      the lattice: every tenant, its mechanism, the half it belongs to
world       what a tenant consists of
habit       the shape of a day around its peak
local_time  local clocks of many users at once
cohort      users as drawn: their peak at any instant, their zone, their level
sends       when the sender sends
answers     what comes back, and the planted probability
recording   what the log shows of it: machines, batches, clocks, repeats
tenant      all of it, written as a log and as decisions
rules       the simple rules that the choice has to hold against
stack       the rules and ours, weighted by what users answered
figures     what a choice and a probability are worth
judge       one world, through the command as a user runs it
cases       real logs whose outcomes are known
page        docs/choice.md
"""
