"""Curves on the circle of the day, and solvers that say when they have found no solution."""
