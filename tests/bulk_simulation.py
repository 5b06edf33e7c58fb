"""Single cells drawn from bulk profiles of sorted blood cells, independent of the marker table.

Profiles are those of Monaco 2019 (PMID:30726743) in the folder TILT_REAL_DATA. Unlike
:mod:`tilt.simulate`, no level of a type is made by hand; only the two rare poles, which nobody
sorted, are a sorted type with the genes of their publications raised. Every gene has a platform
factor (bulk and single-cell protocols disagree), every donor and donor x type its own
deviations, and a share of the counts is ambient.
"""

import os
from pathlib import Path

import anndata as ad
import numpy as np
import pandas as pd
from scipy import sparse

PROFILES = "Monaco_GSE107011_30types_pTPM_wide.csv.gz"
TYPES = {
    "naive CD4 T-cell": "CD4_Naive",
    "Memory CD4 T-cell Th1": "CD4_Th1",
    "Memory CD4 T-cell Th2": "CD4_Th2",
    "Memory CD4 T-cell Th17": "CD4_Th17",
    "Memory CD4 T-cell Th1/Th17": "CD4_Th1_17",
    "Memory CD4 T-cell TFH": "CD4_Tfh_circ",
    "Terminal effector memory CD4 T-cell": "CD4_CTL",
    "T-reg": "Treg",
    "naive CD8 T-cell": "CD8_Naive",
    "Central memory CD8 T-cell": "CD8_CM",
    "Effector memory CD8 T-cell": "CD8_EM_GZMK",
    "Terminal effector memory CD8 T-cell": "CD8_TEMRA_GZMH",
    "MAIT T-cell": "MAIT",
    "Non-Vd2 gdTCR": "Vd1",
    "Vd2 gdTCR": "Vd2",
}
OTHERS = {
    "naive B-cell": "B",
    "Plasmablast": "Plasma",
    "NK-cell": "NK",
    "classical monocyte": "Mono_classical",
    "non-classical monocyte": "Mono_nonclassical",
    "myeloid DC": "cDC",
    "plasmacytoid DC": "pDC",
}
# Base and raised genes of the poles: Duhen 2009 (doi:10.1038/ni.1767) and Eyerich 2009
# (PMC2786807) for Th22; Rao 2017 (PMID:28150777) for Tph.
POLES = {
    "CD4_Th22_like": (
        ("Memory CD4 T-cell Th17", "Memory CD4 T-cell Th2"),
        "CCR10 CCR6 CCR4 FUT7 AHR CD96",
        "CXCR3 KLRB1 RORC CXCR5 PDCD1",
    ),
    "CD4_Tph_like": (
        ("Memory CD4 T-cell Th1", "Memory CD4 T-cell TFH"),
        "PDCD1 MAF TIGIT ICOS CCR2 CCR5 PRDM1 CXCR6",
        "CXCR5 CCR7 SELL",
    ),
}
RAISED, AT_LEAST, LOWERED = 8.0, 150.0, 0.1  # fold, transcripts per million, fold
BLOOD = {
    "CD4_Naive": 0.30,
    "CD4_Th1": 0.05,
    "CD4_Th2": 0.05,
    "CD4_Th17": 0.05,
    "CD4_Th1_17": 0.04,
    "CD4_Tfh_circ": 0.04,
    "CD4_CTL": 0.02,
    "Treg": 0.05,
    "CD8_Naive": 0.13,
    "CD8_CM": 0.05,
    "CD8_EM_GZMK": 0.07,
    "CD8_TEMRA_GZMH": 0.07,
    "MAIT": 0.03,
    "Vd1": 0.01,
    "Vd2": 0.02,
    "CD4_Th22_like": 0.01,
    "CD4_Tph_like": 0.01,
}
PLATFORM_SD, DONOR_SD, DONOR_TYPE_SD = 0.7, 0.2, 0.15  # gene-wise, log scale
AMBIENT = 0.05  # share of counts
SIZE = 4.0  # of the negative binomial: variance = mean + mean^2 / SIZE


def profiles() -> pd.DataFrame:
    """Transcripts per million, genes (symbols) x labels of tilt and lineages."""
    path = Path(os.environ["TILT_REAL_DATA"]) / PROFILES
    bulk = pd.read_csv(path).drop(columns="Gene").groupby("Gene name").sum()
    out = bulk[list(TYPES | OTHERS)].rename(columns=TYPES | OTHERS)
    for label, (base, up, down) in POLES.items():
        level = np.exp(np.log(bulk[list(base)] + 0.5).mean(axis=1)) - 0.5
        up, down = up.split(), down.split()
        level[up] = np.maximum(RAISED * level[up], AT_LEAST)
        level[down] *= LOWERED
        out[label] = level.clip(lower=0)
    return out[out.max(axis=1) >= 1]


def cells(
    shares: dict[str, float],
    n_donors: int = 6,
    n_cells: int = 800,
    depth: float = 2500,
    seed: int = 0,
    platform_sd: float = PLATFORM_SD,
) -> ad.AnnData:
    """Cells of ``n_donors`` donors, ``n_cells`` each, at ``depth`` median counts.

    ``shares`` of the types (any scale), the same in every donor. Returns cells x genes, raw CSR
    counts; var gene_symbol; obs truth, donor, n_counts (over all genes).
    """
    table = profiles()
    rng = np.random.default_rng(seed)
    level = table[list(shares)].to_numpy().T * np.exp(rng.normal(0, platform_sd, len(table)))
    level /= level.sum(1, keepdims=True)
    weight = np.array(list(shares.values())) / sum(shares.values())
    ambient = weight @ level
    blocks, obs = [], []
    for donor in range(n_donors):
        moved = level * np.exp(rng.normal(0, DONOR_SD, level.shape[1]))
        moved = moved * np.exp(rng.normal(0, DONOR_TYPE_SD, level.shape))
        moved /= moved.sum(1, keepdims=True)
        rate = (1 - AMBIENT) * moved + AMBIENT * ambient
        kind = rng.choice(len(weight), n_cells, p=weight)
        total = depth * np.exp(rng.normal(0, 0.4, n_cells))
        mean = total[:, None] * rate[kind]
        blocks.append(sparse.csr_matrix(rng.poisson(mean * rng.gamma(SIZE, 1 / SIZE, mean.shape))))
        obs.append(pd.DataFrame({"truth": np.array(list(shares))[kind], "donor": f"d{donor}"}))
    counts = sparse.vstack(blocks, format="csr").astype(np.int32)
    frame = pd.concat(obs, ignore_index=True)
    frame.index = [f"cell{i}" for i in range(len(frame))]
    frame["n_counts"] = np.asarray(counts.sum(1), dtype=float).ravel()
    var = pd.DataFrame({"gene_symbol": table.index}, index=table.index)
    return ad.AnnData(counts, obs=frame, var=var)
