"""Public archives in small: simulated cells under the exact names and in the layouts of each."""

import csv
import gzip
import io
import tarfile
from pathlib import Path

import anndata as ad
import numpy as np
import pandas as pd
import yaml
from scipy import sparse
from tilt.genes import tables as gene_tables
from tilt.simulate import cohort as simulate
from tilt.simulate import write

ROOT = Path(__file__).parents[1]
COHORTS = (
    "gse285773",
    "gse135779_children",
    "gse135779_adults",
    "perez2022_cohort4",
    "gse96583_interferon",
)


def shipped(name: str, per_arm: int) -> tuple[dict, list[dict]]:
    """A cohort file as shipped, and rows from all over each arm of its sheet.

    At least two donors an arm of GSE96583, as its lanes hold several.
    """
    cohort = yaml.safe_load((ROOT / f"config/cohorts/{name}.yaml").read_text())
    with open(ROOT / cohort["samples"], newline="") as handle:
        rows = list(csv.DictReader(handle, delimiter="\t"))
    chosen = []
    for arm in ("control", "case"):
        mine = [row for row in rows if row["condition"] == cohort["contrast"][arm]]
        n = min(len(mine), max(per_arm, 2 if "cell_table" in cohort else 1))
        chosen += [mine[i * len(mine) // n] for i in range(n)]
    return cohort, chosen


def build(web: Path, per_arm: int, n_cells: int) -> dict[str, int]:
    """Write every archive to the folder ``web``; returns cells per sample."""
    params = simulate.read_parameters(ROOT / "resources/demo/demo_pbmc.yaml")
    params = simulate.override(params, n_cells=n_cells)
    tables = (
        gene_tables.read_markers(ROOT / "resources/markers.tsv"),
        gene_tables.read_signatures(ROOT / "resources/signatures.tsv"),
    )
    members: dict[str, dict[str, bytes]] = {"GSE285773": {}, "GSE135779": {}}
    expected = {}
    for name in COHORTS:
        _, rows = shipped(name, per_arm)
        sheet = pd.DataFrame(rows).assign(case=lambda t: t["condition"])
        sheet["condition"] = sheet["condition"].replace({"stim": "SLE", "ctrl": "control"})
        parts = list(simulate.cohort(params, sheet, *tables, seed=3))
        expected |= {row["sample"]: n_cells for row in rows}
        if name == "perez2022_cohort4":
            _write_release(parts, rows, web / "perez2022.h5ad")
        elif name == "gse96583_interferon":
            expected |= _write_lanes(parts, rows, web)
        else:
            for part, row in zip(parts, rows, strict=True):
                into = members["GSE285773" if name == "gse285773" else "GSE135779"]
                into |= _triplet(part, row["prefix"], name == "gse285773")
            if name != "gse285773":
                write.write_genes(parts[0].var, web / "GSE135779_genes.tsv.gz")
    for series, files in members.items():
        write_tar(web / f"{series}_RAW.tar", files)
    return expected


def write_tar(path: Path, files: dict[str, bytes]) -> None:
    """An uncompressed tar of these files, as GEO makes them."""
    with tarfile.open(path, "w") as tar:
        for name, data in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))


def _codes(part: ad.AnnData) -> list[str]:
    return [name.rsplit("_", 1)[1] for name in part.obs_names]


def _packed(text: str | bytes) -> bytes:
    return gzip.compress(text.encode() if isinstance(text, str) else text, 1, mtime=0)


def _triplet(part: ad.AnnData, prefix: str, with_features: bool) -> dict[str, bytes]:
    files = {
        f"{prefix}_barcodes.tsv.gz": _packed("".join(f"{c}\n" for c in _codes(part))),
        f"{prefix}_matrix.mtx.gz": _packed(write.matrix_market(part.X)),
    }
    if with_features:
        table = write.features(part.var).to_csv(sep="\t", header=False, index=False)
        files[f"{prefix}_features.tsv.gz"] = _packed(table)
    return files


def _write_lanes(parts: list[ad.AnnData], rows: list[dict], web: Path) -> dict[str, int]:
    """GSE96583 batch 2: two lanes, a table of cells, and barcodes that occur in both lanes."""
    n_cells, n_donors = parts[0].n_obs, len(parts) // 2
    codes = [code for part in parts[:n_donors] for code in _codes(part)]
    n = len(codes)
    kinds = np.where(
        np.arange(n) % 10 == 9, np.where(np.arange(n) % 20 == 9, "doublet", "ambs"), ""
    )
    kinds[kinds == ""] = "singlet"
    lines, files, expected = [], {}, {}
    for condition, prefix in (("ctrl", "GSM2560248_2.1"), ("stim", "GSM2560249_2.2")):
        mine = [i for i, row in enumerate(rows) if row["condition"] == condition]
        counts = sparse.vstack([parts[i].X for i in mine])
        files[f"{prefix}.mtx.gz"] = _packed(write.matrix_market(counts))
        names = "".join(f"{code}\n" for code in codes)
        files[f"{prefix.split('_')[0]}_barcodes.tsv.gz"] = _packed(names)
        donors = [rows[i]["donor"] for i in mine for _ in range(n_cells)]
        for i, (code, donor) in enumerate(zip(codes, donors, strict=True)):
            name = code if condition == "ctrl" else f"{code}1"  # the authors' -11
            cells = (name, "0.1", "0.2", donor, condition, "5", "CD4 T cells", kinds[i])
            lines.append("\t".join(cells) + "\n")
        for number, i in enumerate(mine):
            at = slice(number * n_cells, (number + 1) * n_cells)
            expected[rows[i]["sample"]] = int((kinds[at] == "singlet").sum())
    head = "tsne1\ttsne2\tind\tstim\tcluster\tcell\tmultiplets\n"
    (web / "GSE96583_batch2.total.tsne.df.tsv.gz").write_bytes(_packed(head + "".join(lines)))
    write.write_genes(parts[0].var, web / "GSE96583_batch2.genes.tsv.gz")
    write_tar(web / "GSE96583_RAW.tar", files)
    return expected


def _write_release(parts: list[ad.AnnData], rows: list[dict], path: Path) -> None:
    """The CELLxGENE release: counts in raw/X, adjusted X, categoricals, NaN, other cohorts."""
    counts = sparse.vstack([part.X for part in parts], format="csr").astype(np.float32)
    n_cells = parts[0].n_obs
    donor = np.repeat([row["donor"] for row in rows], n_cells)
    case = np.repeat([row["condition"] == "SLE" for row in rows], n_cells)
    obs = pd.DataFrame(
        {
            "donor_id": pd.Categorical(donor),
            "Processing_Cohort": pd.Categorical(["4.0"] * len(donor)),
            "disease_state": pd.Categorical(np.where(case, "managed", "na")),
            "author_cell_type": pd.Categorical(["T4"] * len(donor)),
            "ct_cov": pd.Categorical([None, "T4_naive"] * (len(donor) // 2)),
            "library_uuid": pd.Categorical(["lib"] * len(donor)),
        },
        index=[f"{code}-{i}" for i, part in enumerate(parts) for code in _codes(part)],
    )
    # the same donors in another processing cohort, and cells of a donor who is not in the sheet
    other = obs.iloc[:100].copy()
    other["Processing_Cohort"] = pd.Categorical(["2.0"] * 100)
    stranger = obs.iloc[:30].copy()
    stranger["donor_id"] = pd.Categorical(["FLARE001"] * 30)
    rest = [frame.set_axis(frame.index + f"-{i}") for i, frame in enumerate((other, stranger))]
    obs = pd.concat([obs, *rest])
    for name in ("donor_id", "Processing_Cohort", "disease_state", "author_cell_type", "ct_cov"):
        obs[name] = pd.Categorical(obs[name])
    counts = sparse.vstack([counts, counts[:100], counts[:30]], format="csr")
    order = np.random.default_rng(0).permutation(len(obs))
    obs, counts = obs.iloc[order], counts[order]
    var = pd.DataFrame(
        {"feature_name": pd.Categorical(parts[0].var["gene_symbol"])}, index=parts[0].var_names
    )
    adjusted = counts.copy()
    adjusted.data = np.log1p(adjusted.data) - 1.3
    full = ad.AnnData(adjusted, obs=obs, var=var)
    full.raw = ad.AnnData(counts, obs=obs, var=var)
    full.write_h5ad(path)
