"""Combine the effects of all cohorts, every donor counted once."""

from typing import Any

from tilt.core import logs

snakemake: Any  # set by Snakemake


def main(snakemake: Any) -> None:
    log = logs.begin(snakemake.log[0])  # before numpy is imported
    import pandas as pd

    from tilt.core import tables
    from tilt.stages import across

    given, params, studies = snakemake.input, snakemake.params, []
    for i, about in enumerate(params.cohorts):
        activity = [f for f in given.activity if f.split("/")[-2] == about["name"]]
        tests = pd.concat([tables.read(given.tests[i]), tables.read(given.methods[i])])
        paths = (given.composition[i], given.imbalance[i], *activity)
        studies.append(across.Study(about, tests, *map(tables.read, paths)))
    combined = across.combine(studies, params.stats, params.seed)
    log.info("%d cohorts, %d rows", len(studies), len(combined))
    tables.write(combined, snakemake.output[0])


if __name__ == "__main__":
    main(snakemake)
