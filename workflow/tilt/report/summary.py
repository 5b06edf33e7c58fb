"""What a finished run says on the console: cells and donors, the headline of each cohort, where."""

from pathlib import Path

from tilt.core.text import count, number
from tilt.figures.names import CohortLabel, describe, pretty
from tilt.report import answer, provenance
from tilt.report.answer import CohortResults

TABLES = ["donors", "lineages", "qc_waterfall", "tests"]


def lines(folder: Path, cohorts: dict[str, dict]) -> list[str]:
    """Lines of the summary, from the results folder and the settings of each cohort.

    A cohort without a table of tests is not finished and is left out, and so is the report when
    it is not there; the list is empty when nothing is finished.
    """
    out, finished = [], []
    for name, settings in cohorts.items():
        found = provenance.read_all(folder / name, TABLES)
        if "tests" in found:
            results = CohortResults(CohortLabel(**describe(settings)), settings, found)
            simulated = " (simulated)" if results.cohort.simulated else ""
            out += [f"{name}{simulated}: {cells(results)}", f"  {headline(results)}"]
            finished.append(results)
    meta = provenance.read_all(folder, ["meta"])
    if meta and len(finished) > 1:
        out.append(answer.across(meta["meta"], finished)[0])
    report = folder / "report.html"
    if report.exists():
        out.append(f"report: {report} ({report.stat().st_size / 1e6:.1f} MB)")
    return out


def cells(results: CohortResults) -> str:
    """Barcodes read, cells kept, T cells, and donors in the sheet and in the comparison."""
    waterfall, lineages = results.table("qc_waterfall"), results.table("lineages")
    donors = results.table("donors")
    parts = ["a published table of counts"]
    if len(waterfall):
        read = waterfall.groupby("sample")["n_left"].max().sum()
        kept = waterfall.groupby("sample").tail(1)["n_left"].sum()
        t_cells = lineages.loc[lineages["lineage"] == "T", "n"].sum()
        parts = [f"{number(read)} barcodes read", f"{number(kept)} cells kept"]
        parts += [f"{number(t_cells)} T cells"]
    by_arm = answer.arms(results)
    told = ", ".join(f"{number(n)} {arm}" for arm, n in by_arm.items())
    if len(donors):  # the list is not there when only some tables were asked for
        parts.append(f"{count(donors['donor'].nunique(), 'donor')} ({told})")
    return ", ".join(parts)


def headline(results: CohortResults) -> str:
    """The primary comparison with interval, p and the donors it could use."""
    cohort, tests = results.cohort, results.table("tests")
    row = answer.primary_row(tests)
    if row is None:
        return "no comparison of the imbalance was declared"
    name = pretty(row.quantity)
    if not row.estimable or row.effect != row.effect:
        return f"{name}: not estimable, {answer.clean(row.reason)}"
    n = f"{int(row.n_case)} {cohort.case}, {int(row.n_control)} {cohort.control} donors"
    told = answer.direction(row, cohort.case, cohort.control)
    return f"{name}: {answer.interval(row)}, {answer.p_words(row)}, {n}: {told}"
