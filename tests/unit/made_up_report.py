"""A made-up results folder and its report, for the tests of the report."""

from pathlib import Path

import made_up
import numpy as np
import pandas as pd
from tilt.figures import composition, imbalance, style
from tilt.figures.names import CohortLabel
from tilt.report import page
from tilt.report.answer import CohortResults

ROOT = Path(__file__).parents[2]
TEMPLATE = {name: (ROOT / "workflow/report" / name).read_text() for name in page.PARTS}
IMBALANCE = {
    "poles": {"tph": ["CD4_Tph_like", "CD4_Tfh_circ"], "th22": ["CD4_Th22_like"]},
    "tph_set": "TPH_BLOOD",
    "th22_set": "TH22_BLOOD",
    "min_memory_cells": 1,
    "min_pseudobulk_cells": 20,
    "min_median_th22": 2,
    "typical_th22": 0.036,
}
SETTINGS = {
    "format": "10x_dir",
    "covariates": ["age", "sex"],
    "strata": ["batch"],
    "source": "GEO GSE0",
    "citation": "Somebody 2020",
    "licence": "CC0",
    "path": "config/cohorts/demo.yaml",
    "sheet": "config/samples/demo.tsv",
    "imbalance": IMBALANCE,
    "qc": {
        "min_counts": 500,
        "min_genes": 200,
        "max_counts": None,
        "max_genes": None,
        "max_pct_mito": 20,
        "n_mads": 4,
        "doublets": {"method": "scrublet", "min_cells": 100},
    },
}
CONFIG = {
    "cohorts": ["demo"],
    "seed": 1,
    "resources": {"markers": "resources/markers.tsv"},
    "normalize": {"target_sum": 10000, "n_hvgs": 2000},
    "embed": {
        "n_pcs": 30,
        "n_neighbors": 15,
        "harmony": True,
        "resolutions": [0.5, 1.0],
        "device": "cpu",
    },
    "imbalance": IMBALANCE,
    "stats": {
        "permutations": 10000,
        "bootstraps": 2000,
        "tau_scale": 0.5,
        "min_donors": 3,
        "de_subsets": ["memory_cd4"],
        "regulon": "",
        "random_sets": 1000,
        "smallest_effect": {},
    },
}


def results(n_control=8, n_case=10, simulated=True) -> CohortResults:
    made = made_up.study(n_control, n_case, [*made_up.SUBSETS, *made_up.POLES])
    people = made["donors"]
    one = CohortResults(made_up.cohort(simulated), SETTINGS)
    one.tables = made | {
        "detectability": made_up.detectability(),
        "qc_samples": made_up.samples(people),
        "qc_waterfall": made_up.waterfall(people),
        "specifications": made_up.specifications(),
        "mediators": made_up.mediators(),
        "factor_tests": made_up.factor_tests(),
        "perturbations": made_up.perturbations()[0],
    }
    return one


def build_page(folder: Path, more: int = 0) -> Path:
    """Write ``report.html``, two figures and one sentence in ``folder``, as the workflow would.

    ``more``: number of further cohorts, which have no results.
    """
    one = results()
    get, cohort = one.table, one.cohort
    people = get("donors")
    here = folder / "figures" / "demo"
    scores = get("activity").query("signature == 'IFN1_T_CORE' and subset == 'memory_cd4'")
    drawn = {
        "imbalance": imbalance.draw(
            get("composition"),
            get("imbalance"),
            get("tests"),
            scores,
            cohort,
            made_up.LABELS,
        ),
        "composition": composition.draw(get("composition"), get("tests"), cohort),
        "lineages": composition.draw(get("composition"), get("tests"), cohort, "group"),
    }
    for name, figure in drawn.items():
        style.save(*figure, here / name)
    for name, table in one.tables.items():
        made_up.write(table, folder / "demo" / f"{name}.tsv")
    one = page.load_cohort(folder / "demo", CohortResults(cohort, SETTINGS))
    cells = {"demo": cells_of(people)}
    target = folder / "report.html"
    labels = [CohortLabel(f"more_{n}", f"More {n}", "SLE", "control") for n in range(more)]
    every = [one, *(CohortResults(label, SETTINGS) for label in labels)]
    given = (every, cells, made_up.meta(), folder, CONFIG, folder / "benchmarks", TEMPLATE)
    target.write_text(page.build(*given))
    return target


def cells_of(people, n: int = 1200) -> dict:
    """Cells of a map: 300 drawn of ``n``, with donors, conditions, states and two genes."""
    cells = made_up.umap(people, 300 // len(people) + 1).head(300)
    random = np.random.default_rng(1)
    cells["state"] = np.where(random.random(len(cells)) < 0.2, "ISG high", "none")
    values = pd.DataFrame({"PDCD1": random.gamma(1, 1, len(cells)), "tph_score": 0.1})
    values["tph_score"] = random.normal(0, 1, len(cells))
    return {"n": n, "cells": cells, "values": values.set_index(cells.index)}
