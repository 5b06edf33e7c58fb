"""Draw the figures of a job, which the registry of figures lists."""

from typing import Any

from tilt.core import logs

snakemake: Any  # set by Snakemake


def main(snakemake: Any) -> None:
    """Draw what the params name; numerical libraries are loaded once their threads are set."""
    logs.begin(snakemake.log[0], logs.DRAWN)

    from tilt.figures.registry import FIGURES
    from tilt.stages import figures

    names = snakemake.params.figures
    targets = {name: snakemake.output[FIGURES[name].key] for name in names}
    inputs = dict(snakemake.input.items())
    figures.draw_all(targets, inputs, snakemake.params.cohorts, snakemake.params.settings)


if __name__ == "__main__":
    main(snakemake)
