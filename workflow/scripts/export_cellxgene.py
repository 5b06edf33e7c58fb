"""Write the T cells of a finished cohort as CELLxGENE's schema wants them.

    python workflow/scripts/export_cellxgene.py config/cohorts/NAME.yaml

Reads results/NAME/tcells.h5ad in the current folder and writes results/NAME/cellxgene.h5ad, with
the terms under `cellxgene` of the cohort file (docs/scanpy.md). The whole object is held in memory.
"""

import argparse
import sys
from pathlib import Path

import anndata
import pandas as pd

TILT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(TILT))

from tilt.config import check, messages, user_files
from tilt.core import tables
from tilt.stages import cellxgene


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("cohort", type=Path, help="the cohort file (config/cohorts/NAME.yaml)")
    parser.add_argument("--results", type=Path, default=Path("results"), help="results folder")
    given = parser.parse_args()
    cohort, problems = user_files.read_yaml(given.cohort)
    problems = problems or messages.violations(cohort, messages.schema("cohort"), given.cohort)
    if problems:
        sys.exit(check.report(problems))
    folder = given.results / cohort["name"]
    source = folder / "tcells.h5ad"
    if not source.is_file():
        sys.exit(f"{source} is not there. Fix: run the cohort first, or name --results")
    table = pd.read_csv(TILT.parent / "resources/cell_terms.tsv", sep="\t", comment="#")
    terms = dict(zip(table["label"], table["term"], strict=True))
    try:
        made, notes = cellxgene.exported(
            anndata.read_h5ad(source), cohort.get("cellxgene", {}), terms, cohort["title"]
        )
    except cellxgene.NoTerms as error:
        sys.exit(str(error))
    except OSError as error:
        sys.exit(f"{source} cannot be read ({error}). Fix: delete it and run the cohort again")
    with tables.atomic(folder / "cellxgene.h5ad") as part:
        made.write_h5ad(part, compression="gzip")
    for note in notes:
        print(f"note: {note}")
    print(f"{made.n_obs} cells x {made.n_vars} genes: {folder / 'cellxgene.h5ad'}")
    print(f"check it: cellxgene-schema validate {folder / 'cellxgene.h5ad'}")


if __name__ == "__main__":
    main()
