"""The one-page report: answer, figures, tables, methods and provenance in one HTML file."""

import base64
import html
import io
import logging
import re
from pathlib import Path

import jinja2
import numpy as np
import pandas as pd

from tilt.core import contracts, tables
from tilt.core.terms import ESTIMATORS
from tilt.figures import jobs
from tilt.figures.entry import Figure, load
from tilt.figures.names import pretty
from tilt.figures.registry import FIGURES
from tilt.report import answer as report_text
from tilt.report import cell_map, designs, glossary, mediators, opening, receptors
from tilt.report import provenance as made
from tilt.report import svg as report_svg
from tilt.report.answer import CohortResults
from tilt.report.captions import caption
from tilt.report.html_tables import calibration_table, effects_table, html_table
from tilt.report.methods import citations, methods
from tilt.stats.readable import FOLDS, SCALES

log = logging.getLogger(__name__)

SVG_HEAD = 20_000  # bytes within which an SVG tells its size and description
MOST_SVG = 160_000  # bytes; a larger SVG is embedded as a palette PNG instead
PLACES = re.compile(rb' (?:d|x|y|width|height)="[^"]*"|translate\([^)]*\)')
PNG_WIDTH = 1_400
PICTURE_LEVEL = 7  # of zlib: 5 % larger than the smallest, in a seventh of its time
MOST_PICTURES = 9_000_000  # characters of all figures of a page; beyond, all are lighter pictures
LIGHT_WIDTH = 900
MOST_TABLE = 60_000  # bytes of the table of a figure that is kept in the page
MANY = 5  # cohorts beyond which the report opens with what they say together
TEMPLATE = "report.html.j2"
PARTS = (TEMPLATE, "page.css", "page.js")
TABLES = (
    *("donors", "composition", "imbalance", "tests", "methods", "specifications", "random_sets"),
    *("qc_samples", "qc_waterfall", "markers_found", "marker_expression", "detectability"),
    *("activity", "mediators", "factor_tests", "perturbations"),
    *("lineages", "inputs", "label_scores", "label_coverage", "reliability"),
    *("exposures", "contrasts", "changes", "receptor_samples"),
)


def load_cohort(folder: Path, results: CohortResults) -> CohortResults:
    """Fill the tables of a cohort from its results folder and the figures from beside it."""
    results.tables = made.read_all(folder, list(TABLES))
    figures = folder.parent / "figures" / results.cohort.name
    names = [name for name, figure in FIGURES.items() if not figure.across]
    results.figures = {n: figures / n for n in names if (figures / f"{n}.png").exists()}
    return results


def data_uri(stem: Path) -> str:
    """Figure as a data URI: the SVG where it is small, else a PNG of fewer pixels and colors."""
    svg = stem.with_suffix(".svg")
    if svg.stat().st_size <= MOST_SVG:
        return "data:image/svg+xml;base64," + base64.b64encode(shorter(svg.read_bytes())).decode()
    return picture(stem, PNG_WIDTH)


def shorter(svg: bytes) -> bytes:
    """The same drawing in a quarter fewer bytes.

    Places to 0.01 pt, short names of letters, no comments and no white space between elements.
    """
    svg = PLACES.sub(lambda found: re.sub(rb"(\.\d\d)\d+", rb"\1", found[0]), svg)
    names = dict.fromkeys(re.findall(rb'<path id="(DejaVu[^"]*)"', svg))
    short = {name: b"%d" % number for number, name in enumerate(names)}
    svg = re.sub(rb"DejaVu[\w-]+", lambda found: b"g" + short.get(found[0], found[0]), svg)
    return re.sub(rb" ?\n *", b" ", re.sub(rb"(?<=>)\s+(?=<)|<!--.*?-->\s*", b"", svg))


def lighten(figures: list[dict], folder: Path) -> int:
    """Make pictures of all figures of a page that would be too large; gives how many (in place).

    ``figures`` of :func:`figure_block`, whose files lie in ``folder``. Forty cohorts of published
    tables are 18 MB as SVG and 7 MB as pictures.
    """
    shown = [one for one in figures if one["image"]]
    if sum(len(one["image"]) for one in shown) <= MOST_PICTURES:
        return 0
    for one in shown:
        stem = folder / Path(dict(one["links"])["png"]).with_suffix("")
        one["image"] = picture(stem, LIGHT_WIDTH)
    return len(shown)


def picture(stem: Path, width: int) -> str:
    """A PNG of at most so many pixels across, with a palette, as a data URI.

    The palette covers the range of colors, so that a rare subset keeps its own, and is then moved
    to the middle of what it stands for, so that pale grays stay gray.
    """
    from PIL import Image

    image = Image.open(stem.with_suffix(".png")).convert("RGB")
    if image.width > width:
        height = round(image.height * width / image.width)
        image = image.resize((width, height), Image.Resampling.LANCZOS)
    flat = image.quantize(255, Image.Quantize.MAXCOVERAGE, dither=Image.Dither.NONE)
    place, colors = np.asarray(flat).ravel().astype(np.intp), image.split()
    sums = [np.bincount(place, np.asarray(color).ravel(), 256) for color in colors]
    means = np.stack(sums, 1) / np.maximum(np.bincount(place, minlength=256), 1)[:, None]
    flat.putpalette(means.round().astype(np.uint8).tobytes())
    buffer = io.BytesIO()
    flat.save(buffer, "PNG", compress_level=PICTURE_LEVEL)
    return "data:image/png;base64," + base64.b64encode(buffer.getvalue()).decode()


def svg_head(stem: Path) -> bytes:
    """The first bytes of the SVG of a figure: its size and description, not the drawing."""
    with stem.with_suffix(".svg").open("rb") as handle:
        return handle.read(SVG_HEAD)


def panels(stem: Path) -> str:
    """Where the panels of a figure lie, as its SVG says it (JSON); "" where it does not."""
    found = re.search(rb"<dc:description>(.*?)</dc:description>", svg_head(stem), re.S)
    return html.unescape(found[1].decode()) if found else ""


def is_narrow(stem: Path) -> bool:
    """Whether a figure is one journal column wide."""
    width = re.search(rb'width="([0-9.]+)pt"', svg_head(stem))
    return width is not None and float(width[1]) < 300


def not_shown(stem: Path) -> str:
    """Reason why a figure is a sentence, "" when it shows something."""
    plotted = stem.with_suffix(".tsv")
    if not plotted.exists():
        return ""
    with plotted.open(encoding="utf-8") as handle:
        if handle.readline().rstrip("\n") != "not_shown\treason":
            return ""
    told = tables.read(plotted, contracts.FREE, nrows=1)["reason"]
    return str(told.iloc[0]) if len(told) else ""


def figure_block(figure: Figure, stem: Path, text: str) -> dict:
    """What the template needs of one figure; ``stem``: its files, ``text``: its caption."""
    reason = not_shown(stem)
    folder = f"figures/{stem.parent.name}"
    links = [(kind, f"{folder}/{stem.name}.{kind}") for kind in jobs.FORMATS]
    image = "" if reason else data_uri(stem)
    narrow = is_narrow(stem)
    return {
        "name": figure.key,
        "title": figure.heading,
        "caption": text,
        "alt": figure.alt,
        "reason": reason,
        "image": image,
        "narrow": narrow,
        "panels": "" if reason else panels(stem),
        "links": links,
        "anchor": f"{stem.parent.name}-{figure.key}",
        "file": f"{stem.parent.name}_{figure.key}",
        "table": "" if reason else plotted(stem.with_suffix(".tsv")),
    }


def plotted(path: Path) -> str:
    """Table of what a figure shows, as text to be kept in the page; "" when it is large."""
    if not path.exists() or path.stat().st_size > MOST_TABLE:
        return ""
    return path.read_text(encoding="utf-8")


def cohort_section(results: CohortResults, cells: dict | None) -> dict:
    """Everything the page shows of one cohort; ``cells`` from :func:`cell_map.load`."""
    name, get = results.cohort.name, results.table
    drawn = [
        figure_block(FIGURES[key], stem, caption(FIGURES[key], results))
        for key, stem in results.figures.items()
    ]
    said = report_text.answer(results)
    said[2:2] = filter(None, [mediators.paragraph(results), *designs.sentences(results)])
    scatter = ""
    if len(get("composition")) and len(get("imbalance")):
        poles = results.settings["imbalance"]["poles"]
        scatter = report_svg.donor_scatter(
            get("composition"), get("imbalance"), results.cohort, poles
        )
    return {
        "name": name,
        "title": results.cohort.title,
        "simulated": results.cohort.simulated,
        "opening": opening.sentence(results),
        "dots": opening.dots(results),
        "answer": said,
        "figures": [figure for figure in drawn if not figure["reason"]],
        "not_shown": [figure for figure in drawn if figure["reason"]],
        "scatter": scatter,
        "map": cell_map.payload(cells, results.cohort) if cells else "",
        "legend": [(a, results.cohort.color(a)) for a in conditions(results)],
        "tables": cohort_tables(results),
        "skipped": skipped(get("qc_samples")),
        "noticed": noticed(get("qc_samples")),
    }


def conditions(results: CohortResults) -> list[str]:
    """The two conditions that are compared, then the others of donors that are shown."""
    seen = results.table("composition")
    others = set(seen["condition"]) if len(seen) else set()
    return [*results.cohort.arms, *sorted(others - set(results.cohort.arms))]


def skipped(samples: pd.DataFrame) -> list[tuple[str, str]]:
    """Samples that were left out, with the message of each."""
    if samples.empty:
        return []
    rows = samples[samples["status"] == "skipped"]
    return list(zip(rows["sample"], rows["message"].fillna("").astype(str), strict=True))


def noticed(samples: pd.DataFrame) -> list[tuple[str, str]]:
    """What was noticed of samples (names read otherwise, limits that say nothing), and of which.

    Notes that differ only in their numbers are one, with the first sample's numbers.
    """
    if samples.empty or "notes" not in samples:
        return []
    found: dict[str, tuple[str, list[str]]] = {}
    for row in samples.itertuples():
        for note in str(row.notes).split("; ") if isinstance(row.notes, str) and row.notes else []:
            _, names = found.setdefault(re.sub(r"\d+", "#", note), (note, []))
            names.append(str(row.sample))
    n = len(samples)
    return [
        (note, "every sample" if len(names) == n else ", ".join(names))
        for note, names in found.values()
    ]


def cohort_tables(results: CohortResults) -> list[tuple[str, str]]:
    """Heading and HTML of each table of a cohort."""
    get = results.table
    title = results.cohort.title
    out = []
    if len(get("tests")):
        tests = effects_table(get("tests"), pretty)
        out.append(("Tests", html_table(tests, f"All tests of {title}", most=400)))
    if len(get("methods")):
        others = effects_table(get("methods"), pretty)
        said = f"The same comparisons of {title} by other methods (sensitivity)"
        out.append(("Other methods", html_table(others, said, most=400)))
    out += designs.tables(results)
    if len(get("imbalance")):
        columns = ["donor", "condition", "estimator", "value", "n_cells", "estimable", "reason"]
        table = get("imbalance")[columns].fillna({"reason": ""})
        out.append(("Imbalance", html_table(table, f"Imbalance of each donor of {title}")))
    if len(get("specifications")):
        columns = ["estimator", "family", "specification", "effect", "unit", "ci_low", "ci_high"]
        columns += ["p", *FOLDS, "n_case", "n_control", "estimable", "reason"]
        table = get("specifications")[columns]
        table = table.fillna({"reason": ""})
        out.append(("Sensitivity", html_table(table, f"Specifications of {title}")))
    if len(get("detectability")):
        out.append(("Detectability", html_table(get("detectability"), "Genes of the question")))
    if len(get("qc_samples")):
        table = get("qc_samples").drop(columns=["cohort"], errors="ignore").fillna({"message": ""})
        out.append(("Samples", html_table(table, f"Samples of {title}: quality and limits")))
    out += receptors.tables(results)
    if len(get("inputs")):
        out.append(("Raw files", html_table(get("inputs"), f"Raw files of {title} with SHA-256")))
    if len(get("markers_found")):
        table = get("markers_found")
        lost = table[~table["found"]]
        out.append(("Markers not measured", html_table(lost, "Marker genes not in the matrix")))
    if len(get("donors")):
        table = get("donors").drop(columns=["cohort"], errors="ignore")
        out.append(("Donors", html_table(table, f"Donors of {title}")))
    return out


def build(
    results: list[CohortResults],
    cells: dict[str, dict],
    meta: pd.DataFrame,
    folder: Path,
    config: dict,
    benchmarks: Path,
    template: dict[str, str],
    calibration: tuple[pd.DataFrame, str] | None = None,
) -> str:
    """The page as one string of HTML that needs no other file.

    Parameters
    ----------
    results
        Cohorts with tables and figures (:func:`load_cohort`).
    cells
        By cohort, its T cells (:func:`tilt.report.cell_map.load`); absent for table cohorts.
    meta
        Effects over cohorts.
    folder
        Results folder, which has ``figures/across``.
    config
        The configuration with defaults.
    benchmarks
        Folder of benchmark files; may be absent.
    template
        Texts of report.html.j2, page.css and page.js by these names.
    calibration
        The calibration table and how it was made (:func:`tilt.stats.calibration.read`).
    """
    across_figures = [
        figure_block(one, stem, load(one.caption)(meta, len(results)) if one.caption else one.words)
        for one in FIGURES.values()
        if one.across and (stem := folder / "figures" / one.name).with_suffix(".png").exists()
    ]
    sections = [cohort_section(r, cells.get(r.cohort.name)) for r in results]
    every = [*across_figures, *(one for section in sections for one in section["figures"])]
    settings = {r.cohort.name: r.settings for r in results}
    cost = made.costs(Path(benchmarks))
    page = {
        "simulated": any(r.cohort.simulated for r in results),
        "all_simulated": all(r.cohort.simulated for r in results),
        "across": report_text.across(meta, results) if len(results) > 1 else [],
        "across_figures": [figure for figure in across_figures if not figure["reason"]],
        "across_not_shown": [figure for figure in across_figures if figure["reason"]],
        "lighter": lighten(every, folder),
        "glossary": glossary.TERMS,
        "cohorts": sections,
        "many": len(sections) > MANY,
        "meta_table": html_table(meta_shown(meta), "Effects combined over cohorts"),
        "methods": methods(config, results),
        "citations": citations(config, results),
        "versions": html_table(made.versions(), "Versions"),
        "costs": html_table(cost, "Time (s) and memory (MB) by rule"),
        "hashes": html_table(
            made.hashes(made.hashed_inputs(config, settings)), "SHA-256 of configuration and tables"
        ),
        "calibration": calibration_table(*calibration) if calibration else "",
        "config": made.config_text(config),
    }
    environment = jinja2.Environment(
        loader=jinja2.DictLoader(template),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=jinja2.StrictUndefined,
    )
    environment.filters["terms"] = glossary.marked
    text = environment.get_template(TEMPLATE).render(**page)
    log.info("report: %d cohorts, %.1f MB", len(results), len(text) / 1e6)
    return text


def meta_shown(meta: pd.DataFrame) -> pd.DataFrame:
    """The meta table with readable names, main rows first."""
    if meta.empty:
        return meta
    columns = ["quantity", "denominator", "cohort", "model", "leads", "scale", "n_cohorts"]
    columns += ["n_case", "n_control", *SCALES, "effect", "ci_low", "ci_high", "p", "tau2", "i2"]
    columns += ["pi_low", "pi_high", "method"]
    table = meta[[*columns, "estimable", "reason"]].fillna({"reason": "", "model": ""}).copy()
    first = table["quantity"].isin(ESTIMATORS)
    table = pd.concat([table[first], table[~first]])
    for column in ("quantity", "denominator"):
        table[column] = table[column].astype(str).map(pretty)
    return table
