"""Fetch the public files of a cohort into the download folder and record what came."""

import logging
from pathlib import Path
from typing import Any

from tilt.core import logs

snakemake: Any  # set by Snakemake


def main(snakemake: Any) -> None:
    log = logs.begin(snakemake.log[0])  # before numpy is imported
    import pandas as pd

    from tilt.core import contracts, tables
    from tilt.io import retrieve

    for handler in log.handlers:
        handler.setLevel(logging.INFO)

    records = retrieve.retrieve(
        snakemake.params.entries, Path(snakemake.params.folder), snakemake.params.wanted
    )
    table = pd.DataFrame(records, columns=list(contracts.RETRIEVED.columns))
    tables.write(table, snakemake.output[0])


if __name__ == "__main__":
    main(snakemake)
