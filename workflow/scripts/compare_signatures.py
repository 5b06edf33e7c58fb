"""Which genes every two signatures share: a predictor must not hold genes of the outcome."""

from tilt import logs

log = logs.begin(snakemake.log[0], snakemake.threads)

from tilt import activity, genes, tables

shared = activity.overlaps(genes.read_signatures(snakemake.input[0]))
pairs = shared[(shared["set_a"] != shared["set_b"]) & (shared["n_shared"] > 0)]
log.info("%d pairs of sets share genes", len(pairs))
tables.write(shared, snakemake.output[0])
