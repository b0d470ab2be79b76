"""Curves over the local day: 48 half hours that close into a circle."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Curves = NDArray[np.float64]  # (..., half hours of the day)


def gaussian(bandwidth_hours: float, size: int = 48) -> NDArray[np.float64]:
    """Return the circulant matrix that smooths with a Gaussian; rows sum to 1."""
    steps = np.arange(size)
    apart = np.minimum(steps, size - steps) * 24.0 / size
    kernel = np.exp(-0.5 * (apart / bandwidth_hours) ** 2)
    index = (np.arange(size)[:, None] - np.arange(size)[None, :]) % size
    matrix: NDArray[np.float64] = kernel[index] / kernel.sum()
    return matrix


def ahead(density: Curves, reach_hours: float) -> Curves:
    """Return the mass in [start, start + reach) of every half hour's start.

    >>> ahead(np.array([1.0, 0.0, 0.0, 0.0]), reach_hours=9.0).tolist()  # six hours each
    [1.0, 0.0, 0.0, 0.5]
    """
    whole, part = divmod(reach_hours * density.shape[-1] / 24.0, 1.0)
    mass: Curves = part * np.roll(density, -int(whole), axis=-1)
    for step in range(int(whole)):
        mass = mass + np.roll(density, -step, axis=-1)
    return mass


def at(
    curves: Curves,
    row: NDArray[np.intp],
    day_type: NDArray[np.intp],
    half_hours: NDArray[np.float64],
) -> NDArray[np.float64]:
    """Interpolate `curves` (rows, day types, half hours), whose values hold at whole half hours."""
    size = curves.shape[-1]
    before = np.floor(half_hours).astype(np.intp)
    part = half_hours - before
    left = curves[row, day_type, before % size]
    right = curves[row, day_type, (before + 1) % size]
    value: NDArray[np.float64] = left * (1.0 - part) + right * part
    return value
