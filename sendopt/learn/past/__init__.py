"""Which part of the past teaches, tunes and judges, and how its rows are grouped."""
