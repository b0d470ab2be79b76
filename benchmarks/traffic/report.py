"""Write the page and the graph of a soak."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import matplotlib as mpl
import numpy as np
from matplotlib import pyplot as plt
from page import machine, table
from scipy import stats

from traffic.samples import Sample, percentile, totals

_WARM_UP = 0.25  # of the run: caches and pools fill
_BLOCKS = 12  # whose means stand for the rest: samples within one resemble each other
_ROWS = 12
_HEAD = (
    "minutes",
    "memory, MB",
    "files",
    "threads",
    "healthz p99, ms",
    "good a second",
    "refused a second",
)


def write(page: Path, samples: list[Sample], said: str) -> None:
    """Write the page, and its graph beside it."""
    graph = page.with_suffix(".svg")
    draw(samples, graph)
    health = [each for sample in samples for each in sample.interval.health]
    median, late = (f"{percentile(health, share) * 1000:.1f} ms" for share in (0.5, 0.99))
    counts = totals(samples)
    cpu = samples[-1].usage.cpu - samples[0].usage.cpu
    text = f"""# Soak

Printed by `make soak` on {machine()}, which other programs shared:
`sendopt run` for {samples[-1].minutes:.0f} minutes of mixed traffic: events, campaigns, clicks,
reports, opt-outs, best times, explanations, lift reports, metrics, hostile requests, slow clients,
and now and then a burst beyond what may wait.

{slope(samples)}

{counts["good"]:,} requests were answered, {counts["refused"]:,} refused with 429 or 503,
{counts["failed"]:,} failed. `/healthz` was asked {len(health):,} times: p50 {median}, p99 {late}.
The service computed for {cpu:,.0f} s. {said}

![memory, files, threads, health and requests over time]({graph.name})

{table(_HEAD, _rows(samples))}
"""
    page.write_text(text, "utf-8")
    print(text)


def slope(samples: list[Sample]) -> str:
    """Say how fast memory grows after the warm-up, with its interval: by means of blocks."""
    minutes = np.array([sample.minutes for sample in samples])
    memory = np.array([sample.usage.memory for sample in samples])
    late = minutes >= _WARM_UP * minutes[-1]
    hours = np.array([block.mean() for block in np.array_split(minutes[late] / 60, _BLOCKS)])
    means = np.array([block.mean() for block in np.array_split(memory[late], _BLOCKS)])
    fitted = stats.linregress(hours, means)
    reach = stats.t.ppf(0.975, _BLOCKS - 2) * fitted.stderr
    return (
        f"After the first quarter resident memory changed by {fitted.slope:+.1f} MB an hour "
        f"({fitted.slope - reach:+.1f} to {fitted.slope + reach:+.1f}, 95 %, from the means of "
        f"{_BLOCKS} blocks); it was {memory[late].min():.0f} to {memory[late].max():.0f} MB."
    )


def draw(samples: list[Sample], path: Path) -> None:
    """Draw every figure over time."""
    minutes = [sample.minutes for sample in samples]
    panels: tuple[tuple[str, list[float]], ...] = (
        ("memory, MB", [sample.usage.memory for sample in samples]),
        ("files", [float(sample.usage.files) for sample in samples]),
        ("threads", [float(sample.usage.threads) for sample in samples]),
        ("healthz p99, ms", [sample.health_p99 for sample in samples]),
        ("good a second", [sample.goodput for sample in samples]),
        ("refused a second", [sample.refused for sample in samples]),
    )
    with mpl.rc_context({"svg.hashsalt": "soak", "font.size": 8}):
        figure, axes = plt.subplots(len(panels), sharex=True, figsize=(8, 9), layout="constrained")
        for axis, (title, values) in zip(axes, panels, strict=True):
            axis.plot(minutes, values, linewidth=0.8)
            axis.set_ylabel(title)
            axis.set_ylim(bottom=0)
            axis.grid(alpha=0.3)
        axes[-1].set_xlabel("minutes")
        figure.savefig(path, metadata={"Date": None})
        plt.close(figure)


def _rows(samples: list[Sample]) -> list[tuple[str, ...]]:
    edges = np.linspace(0, len(samples), min(_ROWS, len(samples)) + 1).astype(int)
    rows: list[tuple[str, ...]] = []
    for first, end in pairwise(edges):
        part = samples[first:end]
        length = sum(sample.length for sample in part)
        health = [each for sample in part for each in sample.interval.health]
        rows.append(
            (
                f"{part[-1].minutes:.1f}",
                f"{max(sample.usage.memory for sample in part):.0f}",
                f"{max(sample.usage.files for sample in part)}",
                f"{max(sample.usage.threads for sample in part)}",
                f"{percentile(health, 0.99) * 1000:.1f}",
                f"{sum(sample.interval.good for sample in part) / length:.1f}",
                f"{sum(sample.interval.refused for sample in part) / length:.1f}",
            )
        )
    return rows
