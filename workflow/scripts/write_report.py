"""The report: one page of HTML with the answer, the figures, and how they were made."""

from pathlib import Path
from typing import Any

from tilt.core import logs

snakemake: Any  # set by Snakemake


def main(snakemake: Any) -> None:
    log = logs.begin(snakemake.log[0], logs.DRAWN)  # before numpy is imported
    from tilt.core import tables
    from tilt.report import page as report
    from tilt.stats import calibration
    from tilt.figures.names import CohortLabel, describe
    from tilt.report import cell_map
    from tilt.report.answer import CohortResults

    folder = Path(snakemake.params.results)
    results, cells = [], {}
    for name, settings in snakemake.params.cohorts.items():
        one = CohortResults(CohortLabel(**describe(settings)), settings)
        results.append(report.load_cohort(folder / name, one))
        if name in snakemake.params.with_cells:
            conditions = {row["sample"]: row["condition"] for row in settings["samples"]}
            cells[name] = cell_map.load(folder / name, conditions, snakemake.params.config["seed"])
    page = report.build(
        results,
        cells,
        tables.read(snakemake.input.meta),
        folder,
        snakemake.params.config,
        Path(snakemake.params.benchmarks),
        {Path(part).name: Path(part).read_text() for part in snakemake.input.template},
        calibration.read(snakemake.input.calibration),
    )
    with tables.atomic(snakemake.output[0]) as part:
        part.write_text(page)
    log.info("written, %.1f MB", len(page.encode()) / 1e6)


if __name__ == "__main__":
    main(snakemake)
