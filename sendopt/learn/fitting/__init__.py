"""Fit a model to the past that ends at one instant."""
