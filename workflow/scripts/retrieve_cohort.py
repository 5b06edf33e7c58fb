"""Fetch the public files of a cohort into the download folder and record what came."""

import logging
from pathlib import Path

from tilt.core import logs


def main(snakemake) -> None:
    log = logs.begin(snakemake.log[0], snakemake.threads)  # before numpy is imported
    import pandas as pd

    from tilt.core import tables
    from tilt.io import retrieve

    for handler in log.handlers:
        handler.setLevel(logging.INFO)

    records = retrieve.retrieve(
        snakemake.params.entries, Path(snakemake.params.folder), snakemake.params.wanted
    )
    table = pd.DataFrame(records, columns=["file", "bytes", "sha256", "url", "version"])
    tables.write(table, snakemake.output[0])


if __name__ == "__main__":
    main(snakemake)
