"""All genes of PyDESeq2 at once: the fits that it makes gene by gene, in arrays.

PyDESeq2 (0.5.4) hands each gene to scipy's optimizer through joblib. Here Newton steps, roots and
Wald tests of a block of genes are one computation, in one thread, without shared memory. What it
gains is measured in tests/benchmark/README.md; tests hold its numbers to PyDESeq2's.
"""

from collections.abc import Callable, Iterator
from typing import Literal

import numpy as np
import pandas as pd
from pydeseq2 import utils
from pydeseq2.default_inference import DefaultInference
from scipy.optimize import elementwise
from scipy.special import digamma, gammaln

from tilt.core import distributions

RIDGE = 1e-6  # on the diagonal of X'WX, as DESeq2 (Love 2014, doi:10.1186/s13059-014-0550-8) has it
BLOCK = 4_000_000  # numbers in an array of one block of genes
# The search for dispersions as DESeq2 has it: gain of the last step, share of the promised fall,
# steps at most, and the log dispersions between which it moves.
GAIN, ENOUGH, MOST_STEPS, SEARCHED = 1e-6, 1e-4, 100, (-30.0, 10.0)
FLAT = 1e-6  # a dispersion up to here is none: a hundred times the least one that DESeq2 looks at
STEP = 0.5  # first step from the start to a bracket of the log dispersion; doubled as needed


class AllGenes(DefaultInference):
    """PyDESeq2's inference with genes in blocks.

    Shapes: ``counts``, ``mu`` donors by genes; ``design_matrix`` donors by coefficients, of full
    rank; dispersions one a gene. What is overridden returns what PyDESeq2's own returns.
    """

    def lin_reg_mu(
        self,
        counts: np.ndarray,
        size_factors: np.ndarray,
        design_matrix: np.ndarray,
        min_mu: float,
    ) -> np.ndarray:
        """Means by least squares of normalized counts, at least ``min_mu``."""
        design, size = np.asarray(design_matrix, float), np.asarray(size_factors)[:, None]
        return np.maximum(size * (design @ np.linalg.lstsq(design, counts / size)[0]), min_mu)

    def irls(
        self,
        counts: np.ndarray,
        size_factors: np.ndarray,
        design_matrix: np.ndarray,
        disp: np.ndarray,
        min_mu: float,
        beta_tol: float,
        min_beta: float = -30,
        max_beta: float = 30,
        optimizer: Literal["BFGS", "L-BFGS-B"] = "L-BFGS-B",
        maxiter: int = 250,
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
        """Coefficients, means, leverages and convergence of each gene's log-linear model.

        Genes that diverge go to PyDESeq2's own solver.
        """
        design, size = np.asarray(design_matrix, float), np.asarray(size_factors, float)
        parts = []
        for block in _blocks(counts.shape[1], design):
            y, dispersion = np.asarray(counts[:, block], float), np.asarray(disp)[block]
            beta, diverged = _newton(
                y, size, design, dispersion, min_mu, beta_tol, max_beta, maxiter
            )
            converged = np.ones(len(block), bool)
            for i in np.flatnonzero(diverged):
                beta[:, i], _, _, converged[i] = utils.irls_solver(
                    y[:, i],
                    size,
                    design,
                    dispersion[i],
                    min_mu,
                    beta_tol,
                    min_beta,
                    max_beta,
                    optimizer,
                    maxiter,
                )
            mean = size[:, None] * np.exp(design @ beta)
            weight = _weight(np.maximum(mean, min_mu), dispersion)
            inverse = np.linalg.inv(_information(design, weight) + RIDGE * np.eye(design.shape[1]))
            leverage = weight * np.einsum("ij,gjk,ik->ig", design, inverse, design, optimize=True)
            parts.append((beta, mean, leverage, converged))
        beta, mean, leverage, converged = (np.hstack(part) for part in zip(*parts, strict=True))
        return beta.T, mean, leverage, converged

    def alpha_mle(
        self,
        counts: np.ndarray,
        design_matrix: np.ndarray,
        mu: np.ndarray,
        alpha_hat: np.ndarray,
        min_disp: float,
        max_disp: float,
        prior_disp_var: float | None = None,
        cr_reg: bool = True,
        prior_reg: bool = False,
        optimizer: Literal["BFGS", "L-BFGS-B"] = "L-BFGS-B",
    ) -> tuple[np.ndarray, np.ndarray]:
        """Dispersions of highest likelihood (with a prior: of highest posterior).

        With a prior the slope is 0 there. Without one the likelihood of many genes is flat toward
        no dispersion, and how far the search goes decides whether a gene counts for the trend: it
        stops as DESeq2's does, by :func:`_line_search`.
        """
        design = np.asarray(design_matrix, float)
        limits = np.log(min_disp), np.log(max_disp)
        found = []
        for block in _blocks(counts.shape[1], design):
            y, mean = np.asarray(counts[:, block], float), np.asarray(mu[:, block], float)
            center = np.log(np.asarray(alpha_hat, float)[block])
            prior = 1 / prior_disp_var if prior_reg and prior_disp_var else 0.0

            def slope(
                x: np.ndarray,
                gene: np.ndarray,
                y: np.ndarray = y,
                mean: np.ndarray = mean,
                center: np.ndarray = center,
                prior: float = prior,
            ) -> np.ndarray:
                value = _slope(y[:, gene], mean[:, gene], x)
                if cr_reg:
                    value += _cox_reid_slope(design, mean[:, gene], x)
                return value + prior * (x - center[gene])

            def height(
                x: np.ndarray, gene: np.ndarray, y: np.ndarray = y, mean: np.ndarray = mean
            ) -> np.ndarray:
                value = _minus_log_likelihood(y[:, gene], mean[:, gene], np.exp(x))
                return value + (_cox_reid(design, mean[:, gene], x) if cr_reg else 0)

            start = np.clip(center, *limits)
            if prior_reg:
                found.append(_downhill(slope, start, limits))
            else:
                found.append(np.clip(_line_search(height, slope, start), *limits))
        return np.exp(np.concatenate(found)), np.ones(counts.shape[1], bool)

    def dispersion_trend_gamma_glm(
        self, covariates: pd.Series, targets: pd.Series
    ) -> tuple[np.ndarray, np.ndarray, bool]:
        """Trend of dispersions over means, as in DESeq2 of genes that have one (above ``FLAT``)."""
        use = targets > FLAT
        coefficients, _, converged = super().dispersion_trend_gamma_glm(
            covariates[use], targets[use]
        )
        return coefficients, coefficients[0] + coefficients[1] * covariates.to_numpy(), converged

    def wald_test(
        self,
        design_matrix: np.ndarray,
        disp: np.ndarray,
        lfc: np.ndarray,
        mu: np.ndarray,
        ridge_factor: np.ndarray,
        contrast: np.ndarray,
        lfc_null: np.ndarray | float,
        alt_hypothesis: str | None = None,
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Two-sided p values, Wald statistics and standard errors of a contrast.

        Raises NotImplementedError for ``alt_hypothesis``.
        """
        if alt_hypothesis is not None:
            raise NotImplementedError("a null hypothesis that is an interval")
        design, errors = np.asarray(design_matrix, float), []
        for block in _blocks(mu.shape[1], design):
            weight = _weight(np.asarray(mu)[:, block], np.asarray(disp)[block])
            information = _information(design, weight)
            side = np.linalg.inv(information + ridge_factor) @ contrast
            errors.append(np.sqrt(np.einsum("gj,gjk,gk->g", side, information, side)))
        error = np.concatenate(errors)
        statistic = (np.asarray(lfc) - lfc_null) @ contrast / error
        return 2 * distributions.normal_above(np.abs(statistic)), statistic, error


def _blocks(n_genes: int, design: np.ndarray) -> Iterator[np.ndarray]:
    """Genes in blocks of which an array by donors, or by pairs of coefficients, is bounded."""
    size = max(1, BLOCK // max(len(design), design.shape[1] ** 2))
    for start in range(0, n_genes, size):
        yield np.arange(start, min(start + size, n_genes))


def _weight(mean: np.ndarray, dispersion: np.ndarray) -> np.ndarray:
    return mean / (1 + mean * dispersion)


def _information(design: np.ndarray, weight: np.ndarray) -> np.ndarray:
    """X'WX of each gene (genes by coefficients by coefficients)."""
    k = design.shape[1]
    products = (design[:, :, None] * design[:, None, :]).reshape(len(design), k * k)
    return (weight.T @ products).reshape(-1, k, k)


def _minus_log_likelihood(y: np.ndarray, mean: np.ndarray, dispersion: np.ndarray) -> np.ndarray:
    size = 1 / dispersion
    one = gammaln(y + 1) + gammaln(size) - gammaln(y + size)
    one += size * np.log(dispersion) + (y + size) * np.log(mean + size) - y * np.log(mean)
    return one.sum(axis=0)


def _newton(
    y: np.ndarray,
    size_factors: np.ndarray,
    design: np.ndarray,
    dispersion: np.ndarray,
    min_mu: float,
    tolerance: float,
    most: float,
    n_steps: int,
) -> tuple[np.ndarray, np.ndarray]:
    """Coefficients (coefficients by genes) and which genes diverge; each stops on its own.

    A gene stops when its deviance changes by less than ``tolerance`` of itself, and diverges when a
    coefficient is beyond ``most`` or after ``n_steps``.
    """
    n_genes, ridge = y.shape[1], RIDGE * np.eye(design.shape[1])
    size = size_factors[:, None]
    beta = np.linalg.lstsq(design, np.log(y / size + 0.1))[0]
    deviance, diverged = np.full(n_genes, 1000.0), np.zeros(n_genes, bool)
    running = np.arange(n_genes)
    for step in range(1, n_steps + 1):
        counts, alpha = y[:, running], dispersion[running]
        mean = np.maximum(size * np.exp(design @ beta[:, running]), min_mu)
        weight = _weight(mean, alpha)
        working = np.log(mean / size) + (counts - mean) / mean
        right = (weight * working).T @ design
        new = np.linalg.solve(_information(design, weight) + ridge, right[..., None])[..., 0].T
        bad = (np.abs(new) > most).any(axis=0) | (step == n_steps)
        diverged[running[bad]] = True
        running, new, counts, alpha = running[~bad], new[:, ~bad], counts[:, ~bad], alpha[~bad]
        if not len(running):
            break
        beta[:, running] = new
        mean = np.maximum(size * np.exp(design @ new), min_mu)
        now = -2 * _minus_log_likelihood(counts, mean, alpha)
        change = np.abs(now - deviance[running]) / (np.abs(now) + 0.1)
        deviance[running] = now
        running = running[change > tolerance]
        if not len(running):
            break
    return beta, diverged


def _slope(y: np.ndarray, mean: np.ndarray, log_dispersion: np.ndarray) -> np.ndarray:
    """Slope of the negative log likelihood on the log dispersion."""
    size = np.exp(-log_dispersion)
    one = digamma(size) - digamma(y + size) + np.log1p(mean / size) + (y - mean) / (mean + size)
    return -size * one.sum(axis=0)


def _cox_reid(design: np.ndarray, mean: np.ndarray, log_dispersion: np.ndarray) -> np.ndarray:
    """Half the log determinant of X'WX."""
    information = _information(design, _weight(mean, np.exp(log_dispersion)))
    return 0.5 * np.linalg.slogdet(information)[1]


def _cox_reid_slope(design: np.ndarray, mean: np.ndarray, log_dispersion: np.ndarray) -> np.ndarray:
    """Slope of :func:`_cox_reid` on the log dispersion."""
    dispersion = np.exp(log_dispersion)
    weight = _weight(mean, dispersion)
    inverse = np.linalg.inv(_information(design, weight))
    change = _information(design, -(weight**2))
    return 0.5 * (inverse * change).sum(axis=(1, 2)) * dispersion


def _line_search(height: Callable, slope: Callable, start: np.ndarray) -> np.ndarray:
    """Minimum of ``height(x, gene)`` by steps along the slope, each kept if it falls enough.

    The search of DESeq2 (Love 2014, doi:10.1186/s13059-014-0550-8; Armijo's rule): a step that does
    not fall by a share of what the slope promises is halved; it ends with a step that gains less
    than ``GAIN``.
    """
    x, genes = start.copy(), np.arange(len(start))
    now, along = height(x, genes), slope(x, genes)
    step, kept = np.ones(len(x)), np.zeros(len(x), int)
    running = genes
    for _ in range(MOST_STEPS):
        to = np.clip(x[running] - step[running] * along[running], *SEARCHED)
        length = np.abs(to - x[running])
        new = height(to, running)
        falls = new <= now[running] - ENOUGH * length * np.abs(along[running])
        step[running[~falls]] /= 2
        moved, new, to = running[falls], new[falls], to[falls]
        gain = now[moved] - new
        x[moved], now[moved] = to, new
        kept[moved] += 1
        along[moved] = slope(to, moved)
        step[moved] = np.minimum(1.1 * step[moved], 1.0)
        step[moved[kept[moved] % 5 == 0]] /= 2
        running = np.setdiff1d(running, moved[gain < GAIN])
        if not len(running):
            break
    return x


def _downhill(slope: Callable, start: np.ndarray, limits: tuple[float, float]) -> np.ndarray:
    """Where ``slope(x, gene)`` is 0, from ``start`` in the direction in which it falls to it."""
    genes = np.arange(len(start))
    toward = -np.sign(slope(start, genes))
    near, far, x = start.copy(), start.copy(), start.copy()
    open_, step = np.flatnonzero(toward), STEP
    bracketed = np.zeros(len(start), bool)
    while len(open_):
        near[open_] = far[open_]
        far[open_] = np.clip(far[open_] + step * toward[open_], *limits)
        crossed = slope(far[open_], open_) * toward[open_] >= 0
        at_limit = ~crossed & np.isin(far[open_], limits)
        bracketed[open_[crossed]] = True
        x[open_[at_limit]] = far[open_[at_limit]]
        open_, step = open_[~crossed & ~at_limit], 2 * step
    inside = np.flatnonzero(bracketed)
    ends = np.minimum(near, far)[inside], np.maximum(near, far)[inside]

    def of_any_shape(at: np.ndarray, gene: np.ndarray) -> np.ndarray:
        return slope(np.ravel(at), np.ravel(gene)).reshape(np.shape(at))

    root = elementwise.find_root(of_any_shape, ends, args=(inside,), tolerances={"xatol": 1e-8})
    x[inside] = root.x
    return x
