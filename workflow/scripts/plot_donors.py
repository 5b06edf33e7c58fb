"""Figures in which each point is a donor: composition, the imbalance, activity."""

from tilt.core import logs

log = logs.begin(snakemake.log[0], snakemake.threads)

from pathlib import Path

import pandas as pd

from tilt.core import contracts, tables
from tilt.figures import activity, composition, imbalance, style
from tilt.figures.names import Cohort

cohort = Cohort(**snakemake.params.cohort)
names = ("composition", "imbalance", "tests", "donors", "permuted")
shares, values, tests, donors, permuted = (tables.read(snakemake.input[name]) for name in names)
given = snakemake.input.get("activity")
scores = tables.read(given) if given else pd.DataFrame(columns=list(contracts.ACTIVITY.columns))
drawn = {
    "composition": composition.draw(shares, tests, cohort, "subset"),
    "lineages": composition.draw(shares, tests, cohort, "group"),
    "imbalance": imbalance.draw(
        shares,
        values,
        tests,
        activity.donor_scores(scores),
        cohort,
        donors,
        snakemake.params.poles,
        permuted,
    ),
    "interferon": activity.draw_interferon(scores, tests, cohort),
    "activity": activity.draw_all(scores, tests, cohort),
}
for name, (figure, table) in drawn.items():
    style.save(figure, table, Path(snakemake.output[name]).with_suffix(""))
log.info("%d donors, %d tests", len(donors), len(tests))
