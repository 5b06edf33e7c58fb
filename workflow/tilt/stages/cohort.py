"""What is done with the cells of one cohort: gathered, labeled, put together."""

from collections.abc import Mapping

import anndata as ad
import pandas as pd

from tilt.cells import gather
from tilt.core.contracts import RELIABILITY
from tilt.core.terms import ABOUT_SAMPLE
from tilt.labels import annotate, author_labels, label_quality, reliability


def sample_tables(
    rows: pd.DataFrame, summaries: list[dict], cells: pd.DataFrame, cohort: str
) -> dict[str, pd.DataFrame]:
    """Tables of the samples of a cohort.

    Parameters
    ----------
    rows
        The sample sheet, one row a sample.
    summaries
        What became of each sample (:func:`tilt.stages.sample.process`), with status and inputs.
    cells
        Every barcode that was read: sample, donor, kept, lineage and metrics.
    cohort
        Name of the cohort.

    Returns
    -------
    By name: waterfall, samples, lineages, inputs (raw files).
    """
    about = rows.assign(cohort=cohort)[ABOUT_SAMPLE]
    inputs = [{"sample": s["sample"], **file} for s in summaries for file in s.get("inputs", [])]
    return {
        "waterfall": gather.waterfall(summaries, about),
        "lineages": gather.lineage_counts(cells),
        "samples": gather.sample_table(summaries, about),
        "inputs": pd.DataFrame(inputs),
    }


def label_tables(
    found: annotate.Annotation,
    cells: ad.AnnData,
    author: pd.Series,
    markers: pd.DataFrame,
    label_map: Mapping[str, str],
    labels_lead: bool,
    alone: annotate.Annotation | None = None,
    proteins: pd.DataFrame | None = None,
) -> dict[str, pd.DataFrame]:
    """Labels of a cohort's cells, and every table that says how good they are.

    Parameters
    ----------
    found
        Own labels (:func:`tilt.labels.annotate.label`) of ``cells`` (cells x genes of the panel).
    author
        Labels of the authors by cell; empty text where there are none.
    markers
        The marker table.
    label_map
        What the authors' labels mean; they lead where it is given and ``labels_lead`` is true.
    alone
        Own labels made without antibody tags, in a cohort that has them.
    proteins
        Log evidence of the tags (cells x labels); ``alone`` is held against it.

    Returns
    -------
    By name: labels, scores, found, agreement, confusion, sure, coverage, reliability, expression,
    detectability.
    """
    labels, meant, truth = found.labels, None, None
    if label_map:
        meant = author_labels.translate(author, label_map, markers)
        if labels_lead:
            labels = author_labels.lead(found.labels, meant, markers)
        levels = author_labels.by_level(found.labels, meant, markers)
        truth = label_quality.of_t_cells(levels, markers)
    held = [pd.DataFrame(columns=list(RELIABILITY.columns))]
    agreement, confusion = author_labels.compare(author, found.labels, meant, markers)
    best = label_quality.likeliest(found.labels, found.scores, markers)
    if truth is not None:
        held.append(reliability.of_labels(best, found.scores, truth, markers, "authors"))
    if alone is not None and proteins is not None:
        own = label_quality.likeliest(alone.labels, alone.scores, markers)
        told = reliability.by_proteins(proteins, markers)
        held.append(reliability.of_labels(own, alone.scores, told, markers, "proteins"))
    return {
        "labels": labels,
        "agreement": agreement,
        "confusion": confusion,
        "scores": found.scores,
        "found": found.markers_found,
        "sure": label_quality.histograms(found.labels, best),
        "coverage": label_quality.coverage(found.labels, best, truth),
        "reliability": pd.concat(held[1:] or held, ignore_index=True),
        "expression": annotate.marker_expression(cells, labels, markers),
        "detectability": annotate.detectability(cells, labels),
    }
