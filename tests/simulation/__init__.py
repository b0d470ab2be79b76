"""A simulated day: the whole service on a virtual clock, with a seed that repeats every run.

    python -m simulation 17                  one seed, told as a story
    python -m simulation.hunt --seeds 2000   many, and the bugs that are planted

`docs/decisions/0037-simulated-day.md` says what is simulated and what is not.
"""
