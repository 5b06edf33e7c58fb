"""Infer the activity of transcription factors from one differential-expression table."""

from tilt.core import logs


def main(snakemake) -> None:
    logs.begin(snakemake.log[0], snakemake.threads)  # before numpy is imported
    from tilt.core import tables
    from tilt.donors import activity

    tested = tables.read(snakemake.input.tested)
    statistic = tested.dropna(subset=["gene_symbol", "stat"]).set_index("gene_symbol")["stat"]
    regulon = activity.read_regulon(snakemake.input.regulon)
    scored = activity.factor_activity(statistic.astype(float), regulon, snakemake.params.factors)
    tables.write(scored, snakemake.output[0])


if __name__ == "__main__":
    main(snakemake)
