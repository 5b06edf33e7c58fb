"""Infer the activity of transcription factors from one differential-expression table."""

from typing import Any

from tilt.core import logs

snakemake: Any  # set by Snakemake


def main(snakemake: Any) -> None:
    logs.begin(snakemake.log[0])  # before numpy is imported
    from tilt.core import tables
    from tilt.donors import factors

    tested = tables.read(snakemake.input.tested)
    statistic = tested.dropna(subset=["gene_symbol", "stat"]).set_index("gene_symbol")["stat"]
    regulon = factors.read_regulon(snakemake.input.regulon)
    scored = factors.of_statistic(statistic.astype(float), regulon, snakemake.params.factors)
    tables.write(scored, snakemake.output[0])


if __name__ == "__main__":
    main(snakemake)
