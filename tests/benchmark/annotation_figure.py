"""Coverage against accuracy of the benchmark's tasks, beside a simple method."""

import pandas as pd
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from tilt.core.text import number
from tilt.figures import style
from tilt.figures.names import DARK, GRAY

TILT = "tilt"
BASELINE = "marker score over 15 neighbors"
COLORS = {TILT: "#332288", BASELINE: "#DDAA33"}
LEAST = 0.1  # coverage below which the few cells left are of one or two kinds
QUALITY = {"accuracy": "-", "macro_f1": (0, (3, 1.2))}
MARK = {"ls": "", "marker": "D", "ms": 3.2, "mec": DARK, "mew": 0.5}


def draw(curves: pd.DataFrame) -> tuple[Figure, pd.DataFrame]:
    """A panel a task: accuracy and macro-F1 of the cells called, by their share.

    ``curves``: task, method, and the columns of :func:`tilt.labels.label_quality.curve`.
    """
    tasks = list(dict.fromkeys(curves["task"]))
    rows = -(-len(tasks) // 3)
    title = "coverage against accuracy of labels, against sorted, clustered or simulated truth"
    fig = style.figure(None, title, "double", 52 * rows + 22)
    axes = fig.subplots(rows, 3, squeeze=False)
    for ax, letter, task in zip(axes.flat, "abcdefghi", tasks, strict=False):
        part = curves[curves["task"] == task]
        style.mark(ax, letter, f"{task}, n = {number(part['n_truth'].max())}")
        shown = part[part["truth_coverage"] >= LEAST]
        for method, lines in shown.groupby("method"):
            cuts, usual = lines[lines["rule"] == "margin"], lines[lines["rule"] == "default"]
            cuts = cuts.sort_values("truth_coverage")
            for quality, dashes in QUALITY.items():
                x, y = 100 * cuts["truth_coverage"], 100 * cuts[quality]
                ax.plot(x, y, color=COLORS[method], ls=dashes)
                if method == TILT:
                    x, y = 100 * usual["truth_coverage"], 100 * usual[quality]
                    ax.plot(x, y, **MARK, color=COLORS[method])
        ax.set_xlim(0, 102)
        ax.set_ylim(100 * shown[list(QUALITY)].min().min() - 3, 101.5)
        ax.yaxis.set_major_locator(style.few_ticks(5))
        style.plain_ticks(ax.yaxis)
        ax.grid(color="#F0F0F0", lw=0.4)
        ax.set_axisbelow(True)
    for ax in axes.flat[len(tasks) :]:
        ax.set_axis_off()
    for ax in axes[-1]:
        ax.set_xlabel("coverage: share of cells called (%)")
    for ax in axes[:, 0]:
        ax.set_ylabel("right among the called (%)")
    keys = [Line2D([], [], color=color, label=name) for name, color in COLORS.items()]
    keys += [
        Line2D([], [], color=GRAY, ls=dashes, label=name.replace("macro_f1", "macro-F1"))
        for name, dashes in QUALITY.items()
    ]
    keys.append(Line2D([], [], **MARK, color=COLORS[TILT], label="default of tilt"))
    fig.legend(handles=keys, loc="outside lower left", ncols=5)
    front = ["task", "method"]
    return fig, curves[[*front, *[c for c in curves if c not in front]]]
