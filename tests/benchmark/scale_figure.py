"""Time and memory by rule, as a figure."""

from pathlib import Path

import pandas as pd
from tilt.figures import style

FLOOR_S = 1.0  # rules that took less in all are not drawn


def draw(rules: pd.DataFrame, title: str, stem: Path) -> None:
    """Write ``stem``.pdf, .svg, .png and .tsv: seconds in all and peak memory of each rule."""
    shown = rules[rules["seconds"] >= FLOOR_S].iloc[::-1]
    fig = style.figure(None, f"whole workflow, {title}", height=18 + 4 * len(shown))
    time, memory = fig.subplots(1, 2, sharey=True)
    labels = [f"{rule} ({jobs})" for rule, jobs in zip(shown["rule"], shown["jobs"], strict=True)]
    time.barh(labels, shown["seconds"], color="#0072B2")
    time.set_xlabel("seconds, all jobs of a rule (number of jobs)")
    memory.barh(labels, shown["max_rss_mb"], color="#E69F00")
    memory.plot(shown["mem_mb"], labels, "|", color="black", label="asked for")
    memory.set_xlabel("peak memory of the largest job, MB")
    memory.legend(loc="lower right")
    style.save(fig, shown, stem)
