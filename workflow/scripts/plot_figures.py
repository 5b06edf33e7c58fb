"""Draw the figures of a job, which the registry of figures lists."""

import gc
from typing import Any

from tilt.core import logs

snakemake: Any  # set by Snakemake


def main(snakemake: Any) -> None:
    """Draw what the params name; numerical libraries are loaded once their threads are set."""
    logs.begin(snakemake.log[0])
    gc.set_threshold(50_000)  # a drawing is many small objects that stay: a tenth of the time

    from tilt.figures.registry import FIGURES
    from tilt.stages import figures

    names = snakemake.params.figures
    targets = {name: snakemake.output[FIGURES[name].key] for name in names}
    inputs = dict(snakemake.input.items())
    figures.draw_all(targets, inputs, snakemake.params.cohorts, snakemake.params.settings)


if __name__ == "__main__":
    main(snakemake)
