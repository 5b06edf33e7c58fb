"""Time and memory of the whole workflow against a plain scanpy script on the same cells.

    python tests/benchmark/scale.py --cells 30000 --donors 15 --out scale_30000.tsv
    python tests/benchmark/scale.py --cells 1260000 --donors 261 --out scale_1260000.tsv
    python tests/benchmark/scale.py --cells 5000000 --donors 1000 --bounded --out scale_5000000.tsv

Simulates a cohort (one h5ad), runs the workflow from it to the report, then the script. Beside
``--out`` (task, metric, value, target) it writes ``*.rules.tsv`` and a figure: seconds and peak
memory by rule. With ``--compare`` (the ``--out`` of a run with other cells) it tells how each rule
grows; with ``--rivals`` it runs other packages on the same cells (``*.rivals.tsv`` and their
steps, see scale_rivals.py). Peak memory is what the largest job held (its own count at its end),
not a sample of it.
"""

import argparse
import ast
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pandas as pd

ROOT = Path(__file__).parents[2]
sys.path[:0] = [str(Path(__file__).parent), str(ROOT / "workflow")]

import scale_cohort  # noqa: E402
import scale_figure  # noqa: E402
import scale_rivals  # noqa: E402
from tilt.core import machine  # noqa: E402

# Largest cohort for which a target holds -> peak memory of the largest job (MB), ours / plain.
TARGETS = {30_000: (500, 0.55), 240_000: (800, 0.18), 1_260_000: (3_000, None)}
TARGETS |= {5_000_000: (6_000, None)}
MINUTES = {1_260_000: 16}
PLAIN_MB_PER_CELL = 0.042  # 9.9 GB for 235,000 cells: the script is not started without this


def run_workflow(folder: Path, cores: int, bounded: bool) -> float:
    """Run Snakemake in ``folder`` from the raw file to the report; gives seconds.

    ``bounded``: the files of split samples go once all samples are done.
    """
    command = [sys.executable, "-m", "snakemake", "-s", str(ROOT / "Snakefile")]
    command += ["--configfile", "config.yaml", "--cores", str(cores), "--benchmark-extended"]
    began = time.time()
    with open(folder / "snakemake.log", "w") as log:
        done = subprocess.Popen(command, cwd=folder, stdout=log, stderr=log)
        while done.poll() is None:
            time.sleep(0.2)
            if bounded and list(folder.glob("logs/*/gather_cohort.log")):
                shutil.rmtree(folder / "results/scale/raw", ignore_errors=True)
    if done.returncode:
        raise SystemExit(f"the workflow stopped; see {folder / 'snakemake.log'}")
    return time.time() - began


def jobs(folder: Path) -> pd.DataFrame:
    """One row a job: rule, seconds, cpu_seconds, max_rss_mb, input_mb, mem_mb asked for."""
    rows = []
    for path in sorted((folder / "benchmarks").rglob("*.tsv")):
        one = pd.read_csv(path, sep="\t").iloc[-1]
        log = folder / "logs" / path.relative_to(folder / "benchmarks").with_suffix(".log")
        told = re.findall(r"peak memory (\d+) MB", log.read_text() if log.exists() else "")
        inputs = [folder / name for name in ast.literal_eval(one["input_size_mb"])]
        asked = re.search(r"'mem_mb': (\d+)", str(one["resources"]))
        rows.append(
            {
                "rule": re.sub(r"^process_samples_.*", "process_sample", one["rule_name"]),
                "seconds": one["s"],
                "cpu_seconds": one["cpu_time"],
                "max_rss_mb": max([one["max_rss"], *map(float, told)]),
                "input_mb": machine.size_mb(path for path in inputs if path.exists()),
                "mem_mb": int(asked[1]) if asked else np.nan,
            }
        )
    return pd.DataFrame(rows)


def by_rule(table: pd.DataFrame) -> pd.DataFrame:
    """Jobs, seconds in all and of the longest, memory of the largest: one row a rule."""
    grouped = table.groupby("rule")
    summary = pd.DataFrame(
        {
            "jobs": grouped.size(),
            "seconds": grouped["seconds"].sum(),
            "longest_s": grouped["seconds"].max(),
            "max_rss_mb": grouped["max_rss_mb"].max(),
            "input_mb": grouped["input_mb"].max(),
            "mem_mb": grouped["mem_mb"].max(),
        }
    )
    return summary.sort_values("seconds", ascending=False).reset_index()


def growth(rules: pd.DataFrame, cells: int, other: pd.DataFrame, other_cells: int) -> pd.DataFrame:
    """Add the exponents of time and memory in cells, from two runs: 1 = in proportion."""
    both = rules.merge(other, on="rule", suffixes=("", "_other"), how="left")
    span = np.log(cells / other_cells)
    for name, column in (("time_exponent", "seconds"), ("memory_exponent", "max_rss_mb")):
        rules[name] = (np.log(both[column] / both[f"{column}_other"]) / span).round(2)
    return rules


def run_plain(folder: Path) -> pd.DataFrame:
    """Run the plain script; its steps with seconds and memory."""
    script = Path(__file__).with_name("plain_scanpy.py")
    out = folder / "plain.tsv"
    subprocess.run([sys.executable, str(script), str(folder / "cohort.h5ad"), str(out)], check=True)
    return pd.read_csv(out, sep="\t")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--cells", type=int, required=True)
    parser.add_argument("--donors", type=int, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--plain", choices=["auto", "no"], default="auto")
    parser.add_argument(
        "--rivals",
        action="store_true",
        help="also other packages, installed by pip (needs the net)",
    )
    parser.add_argument("--compare", type=Path, help="--out of a run with other cells")
    parser.add_argument(
        "--bounded", action="store_true", help="keep the disk small, for millions of cells"
    )
    parser.add_argument("--cores", type=int, default=2)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--folder", type=Path, help="working folder, kept (default: beside --out)")
    options = parser.parse_args()

    folder = (options.folder or options.out.with_suffix(".run")).resolve()
    shutil.rmtree(folder, ignore_errors=True)
    began = time.time()
    about = scale_cohort.write(folder, options.cells, options.donors, options.seed, options.bounded)
    size = f"{about['cells']} cells"
    rows = [
        (size, "donors", about["donors"], ""),
        (size, "genes per cell", about["genes_per_cell"], ""),
        (size, "seconds to simulate", time.time() - began, ""),
    ]
    ours = run_workflow(folder, options.cores, options.bounded)
    table = jobs(folder)
    rules = by_rule(table)
    memory, ratio = TARGETS.get(options.cells, ("", None))
    minutes = MINUTES.get(options.cells)
    rows.append((size, "workflow, seconds", ours, f"<= {minutes * 60}" if minutes else ""))
    rows.append(
        (size, "peak memory of the largest job, MB", table["max_rss_mb"].max(), f"<= {memory}")
    )
    rows.append(
        (
            size,
            "jobs that held more than they asked for",
            int((table["max_rss_mb"] > table["mem_mb"]).sum()),
            "0",
        )
    )
    rows.append((size, "milliseconds per cell", 1000 * ours / about["cells"], ""))
    if options.compare:
        other = pd.read_csv(options.compare, sep="\t")
        value = other.set_index("metric")["value"]
        times = 1000 * ours / about["cells"] / value["milliseconds per cell"]
        task = f"{size} against {other['task'][0]}"
        rows.append((task, "time per cell, ratio", times, "<= 1.2"))
        before = pd.read_csv(options.compare.with_suffix(".rules.tsv"), sep="\t")
        rules = growth(rules, about["cells"], before, int(other["task"][0].split()[0]))
    if options.plain == "auto" and machine.memory_mb() > PLAIN_MB_PER_CELL * about["cells"]:
        plain = run_plain(folder)
        seconds = plain["seconds"].sum()
        rows.append((size, "plain scanpy, seconds", seconds, ""))
        rows.append((size, "plain scanpy, peak memory, MB", plain["max_rss_mb"].max(), ""))
        rows.append(
            (
                size,
                "workflow / plain scanpy, time",
                ours / seconds,
                f"<= {ratio:.2f}" if ratio else "",
            )
        )
        plain.to_csv(options.out.with_suffix(".plain.tsv"), sep="\t", index=False)
    else:
        rows.append(
            (size, "plain scanpy, MB needed (not run)", PLAIN_MB_PER_CELL * about["cells"], "")
        )
    if options.rivals:
        rivals, steps = scale_rivals.run(folder, options.cores)
        rivals["workflow / rival, time"] = ours / rivals["seconds"]
        rivals.to_csv(options.out.with_suffix(".rivals.tsv"), sep="\t", index=False)
        steps.to_csv(options.out.with_suffix(".rivals_steps.tsv"), sep="\t", index=False)
        print(rivals.round(2).to_string(index=False))
    found = pd.DataFrame(rows, columns=["task", "metric", "value", "target"])
    found.to_csv(options.out, sep="\t", index=False)
    rules.round(1).to_csv(options.out.with_suffix(".rules.tsv"), sep="\t", index=False)
    table.to_csv(options.out.with_suffix(".jobs.tsv"), sep="\t", index=False)
    scale_figure.draw(rules, f"{about['cells']:,} cells", options.out.with_suffix(".figure"))
    print(found.to_string(index=False))
    print(rules.round(1).to_string(index=False))


if __name__ == "__main__":
    main()
