"""Equivalence: whether a difference as large as the smallest one of interest is ruled out."""

from tilt.core import distributions


def tost(effect: float, se: float, df: float, margin: float) -> float:
    """P of two one-sided t tests (Schuirmann 1987, doi:10.1007/BF01068419).

    Below 0.05 just where the 90% interval of the effect lies within +- ``margin``. nan without
    ``se``.
    """
    above = distributions.t_above((effect + margin) / se, df) if se > 0 else float("nan")
    below = distributions.t_above((margin - effect) / se, df) if se > 0 else float("nan")
    return float(max(above, below))


def columns(row: dict, margin: float | None) -> dict:
    """``margin`` and ``p_equivalence`` of an estimable row (effect, se, df), where there is one."""
    if margin is None or not row.get("estimable"):
        return {}
    p = tost(row["effect"], row["se"], row["df"], margin)
    return {"margin": margin, "p_equivalence": p}
