"""Colors and display names that are the same in every figure, table and exported object.

Needs no plotting library. Conditions take blue and vermilion of the Okabe-Ito palette
(doi:10.1038/nmeth.1618); subsets take one hue a family, the two poles of the imbalance its
strongest tones. Color is never the only sign: subsets also carry their name.
"""

import colorsys
import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tilt.core.terms import (
    CLONE_D50,
    CLONE_EXPANDED,
    CLONE_GINI,
    INTERFERON_SET,
    ISG_HIGH,
    MAIT_CHAIN,
    MEASURED,
    NKT_CHAIN,
    UNASSIGNED,
    WORKING_SET,
)
from tilt.core.text import figures

if TYPE_CHECKING:
    import pandas as pd

CONTROL_COLOR = "#0072B2"
CASE_COLOR = "#D55E00"
GRAY = "#8A8A8A"
LIGHT = "#D9D9D9"
DARK = "#333333"

SUBSET_COLORS = {
    "T": "#3E6E9E",
    "CD4": "#3B6FA8",
    "CD8": "#C9971C",
    "CD4_Naive": "#C9D6E4",
    "CD4_CM": "#7FA6CB",
    "CD4_Th1": "#2A4FA8",
    "CD4_Th2": "#9AD6B8",
    "CD4_Th17": "#35A79C",
    "CD4_Th1_17": "#77862B",
    "CD4_Th22_like": "#00625A",
    "CD4_Tfh_circ": "#F08A5D",
    "CD4_Tph_like": "#B2182B",
    "CD4_Treg_naive": "#C39BD9",
    "CD4_Treg_eff": "#7F4BA0",
    "CD4_CTL": "#20202E",
    "CD8_Naive": "#F2E1AE",
    "CD8_CM": "#F0CB45",
    "CD8_EM_GZMK": "#C98F12",
    "CD8_TEMRA_GZMH": "#8A6914",
    "CD8_Tex_like": "#574210",
    "MAIT": "#F3A9C4",
    "Vd1": "#EE6FB4",
    "Vd2": "#98195C",
    "gdT": "#CC79A7",
    "NKT_like": "#6D4C41",
    "ILC": "#A98F83",
    "dnT": "#B5B5A8",
    "B": "#6A994E",
    "Plasma": "#A7C957",
    "NK": "#8C564B",
    "Mono_classical": "#BC4749",
    "Mono_nonclassical": "#E09F9F",
    "cDC": "#9467BD",
    "pDC": "#C5B0D5",
    "Platelet": "#E3B23C",
    "RBC": "#7B241C",
    "Progenitor": "#B8A99A",
    UNASSIGNED: "#DDDDDD",
    "tph_high": "#B2182B",
    "th22_high": "#00625A",
    ISG_HIGH: "#E69F00",
}
SPARE_COLORS = (  # of batches and donors: none that could be taken for a condition
    "#54A24B",
    "#B279A2",
    "#EECA3B",
    "#72B7B2",
    "#9D755D",
    "#D67195",
    "#79706E",
    "#3F6B4C",
    "#6A4C93",
    "#A7C957",
)
STEP_COLORS = (
    "#882255",
    "#CC6677",
    "#DDCC77",
    "#999933",
    "#44AA99",
    "#88CCEE",
    "#332288",
    "#AA4499",
    "#661100",
    "#6699CC",
)
NAMES = {
    "CD4_Naive": "CD4 naive",
    "CD4_CM": "CD4 central memory",
    "CD4_Th1": "CD4 Th1",
    "CD4_Th2": "CD4 Th2",
    "CD4_Th17": "CD4 Th17",
    "CD4_Th1_17": "CD4 Th1/17",
    "CD4_Th22_like": "CD4 Th22-like",
    "CD4_Tfh_circ": "CD4 Tfh (circulating)",
    "CD4_Tph_like": "CD4 Tph-like",
    "CD4_Treg_naive": "CD4 Treg naive",
    "CD4_Treg_eff": "CD4 Treg effector",
    "CD4_CTL": "CD4 cytotoxic",
    "CD8_Naive": "CD8 naive",
    "CD8_CM": "CD8 central memory",
    "CD8_EM_GZMK": "CD8 effector GZMK+",
    "CD8_TEMRA_GZMH": "CD8 TEMRA GZMH+",
    "CD8_Tex_like": "CD8 exhausted-like",
    "Vd1": "γδ T Vδ1",
    "Vd2": "γδ T Vδ2",
    "gdT": "γδ T",
    "dnT": "double-negative T",
    "NKT_like": "NKT-like",
    "T": "T cells",
    "CD4": "CD4 T cells",
    "CD8": "CD8 T cells",
    "B": "B cells",
    "Plasma": "plasma cells",
    "NK": "NK cells",
    "Mono_classical": "classical monocytes",
    "Mono_nonclassical": "non-classical monocytes",
    "cDC": "conventional dendritic cells",
    "pDC": "plasmacytoid dendritic cells",
    "Platelet": "platelets",
    "RBC": "red blood cells",
    "Progenitor": "progenitors",
    "tph_high": "Tph-score high",
    "th22_high": "Th22-score high",
    ISG_HIGH: "interferon-high",
    WORKING_SET: "memory CD4 T cells",
    "cd4": "CD4 T cells",
    "t": "T cells",
    "pbmc": "all PBMC",
    **{name: about.title for name, about in MEASURED.items()},
    INTERFERON_SET: "Type I interferon",
    "AHR_T_CORE": "AHR core targets",
    "AHR_T_EXT": "AHR extended targets",
    "AP1_JUN": "AP-1 / JUN",
    "IFNB": "interferon-beta response",
    "AHR_AGONIST": "AHR agonist response",
    "JUN_TARGETS": "targets of JUN",
    "TPH_BLOOD": "Tph program",
    "TH22_BLOOD": "Th22 program",
    "TFH_CIRC": "Tfh program",
    "HANDLING_IEG": "Handling (early genes)",
    "GLUCOCORTICOID_PROXY": "Glucocorticoid proxy",
    "IFN1_ISG7": "Interferon, seven genes",
    "IFN2_CONTROL": "Type II interferon",
    "COLD_STORAGE": "Cold storage",
    "NAIVE_CD4": "Naive CD4",
    CLONE_EXPANDED: "cells of expanded clones",
    CLONE_GINI: "Gini index of clones",
    CLONE_D50: "D50 of clones",
    MAIT_CHAIN: "invariant MAIT chain",
    NKT_CHAIN: "invariant NKT chain",
}
INDICES = {"sledai", "sledai_2k", "bilag", "c3", "c4"}  # written in capitals as exposures


@dataclass(frozen=True)
class CohortLabel:
    """What figures and report need to know of a cohort."""

    name: str
    title: str
    case: str
    control: str
    simulated: bool = False

    @property
    def arms(self) -> tuple[str, str]:
        """Conditions in the order in which they are drawn."""
        return self.control, self.case

    @property
    def label(self) -> str:
        """Title, saying so when the data are simulated."""
        told = "simulated" in self.title.lower()
        return self.title + (" · simulated data" if self.simulated and not told else "")

    def own(self, table: "pd.DataFrame") -> "pd.DataFrame":
        """Rows of a table of units that are of the two conditions compared."""
        inside = table["condition"].isin(self.arms)
        return table if inside.all() else table[inside]

    def color(self, condition: str) -> str:
        """Color of a condition, the same in every figure."""
        return {self.control: CONTROL_COLOR, self.case: CASE_COLOR}.get(condition, GRAY)


def describe(settings: dict) -> dict:
    """Fields of :class:`CohortLabel` from a cohort's settings, as plain values for rule params."""
    return {
        "name": settings["name"],
        "title": settings.get("title") or settings["name"],
        "case": settings["contrast"]["case"],
        "control": settings["contrast"]["control"],
        "simulated": bool(settings.get("simulated")),
    }


def subset_color(label: str) -> str:
    """Color of a subset; a label not in the table gets one that depends on its name only."""
    if label in SUBSET_COLORS:
        return SUBSET_COLORS[label]
    digest = hashlib.sha256(label.encode()).digest()
    light = (0.38, 0.52, 0.68)[digest[2] % 3]
    red, green, blue = colorsys.hls_to_rgb(digest[0] / 256, light, 0.35 + digest[1] / 640)
    return f"#{round(255 * red):02X}{round(255 * green):02X}{round(255 * blue):02X}"


def pretty(label: str) -> str:
    """Name of a subset, denominator, estimator or signature as it is written in a figure."""
    return NAMES.get(label, str(label).replace("_", " "))


def exposure(column: str) -> str:
    """Name of an exposure: indices and complement in capitals, other columns as words."""
    return column.upper() if column.lower() in INDICES else pretty(column)


def subset_order(labels: Iterable[str]) -> list[str]:
    """Labels in the fixed order of the color table, unknown ones after it, unassigned last."""
    known = {label: place for place, label in enumerate(SUBSET_COLORS)}
    last = len(known)
    return sorted(set(labels), key=lambda x: (x == UNASSIGNED, known.get(x, last), str(x)))


def times(fold: float) -> str:
    """A fold to two figures, to three next to 1: which side of 1 it lies on is seen."""
    if fold < 0.095 or fold >= 100:
        return figures(fold)
    return f"{fold:.2f}" if fold < 1.095 else f"{fold:.1f}"


def p_text(p: float) -> str:
    """P value as it is written in figures and text."""
    if p != p:
        return "not given"
    return "< 0.0001" if p < 1e-4 else f"= {p:.2g}" if p < 0.0995 else f"= {p:.2f}"
