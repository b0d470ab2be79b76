"""Say what a choice of time was worth, and how sure that is.

Owns: the statistics of rewards, probabilities and lifts, on plain arrays.
Does not own: models (learn), where outcomes are kept (log, state).
In: arrays of outcomes, scores, propensities and users.  Out: estimates with intervals.
Users, never rows, are the unit of every interval: a user's moments hang together.
"""
