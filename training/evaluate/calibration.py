"""What the confidence of a whole line is worth: the fit of `infill.confidence.Beta` on held-out lines, its error."""

from __future__ import annotations

import math
from dataclasses import asdict, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine.checkpoint import Checkpoint, write_config
from infill.confidence import LEAST, MOST, Beta
from training.evaluate.infilling import right
from training.evaluate.session import Session

BINS = 10
Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]


async def calibration(session: Session) -> dict[str, Any]:
    """The error of the joint probability itself, of a temperature, and of the beta calibration, both fitted on one half
    of the packages and measured on the other, in turn; and the calibration fitted on all of them."""
    pairs = zip(session.places, await session.lines(), strict=True)
    asked = [(place, answer) for place, answer in pairs if answer.p is not None]
    if not asked:
        return {"n": 0}
    p = np.array([answer.p for _, answer in asked], np.float64)
    truth = np.array([right(answer, place) for place, answer in asked])
    names = sorted({place.source.package for place, _ in asked})
    half = np.array([names.index(place.source.package) % 2 == 0 for place, _ in asked])
    fitted, tempered = np.empty_like(p), np.empty_like(p)
    for learnt in (half, ~half):
        model, exponent = fit(p[learnt], truth[learnt]), fit_temperature(p[learnt], truth[learnt])
        fitted[~learnt], tempered[~learnt] = applied(model, p[~learnt]), p[~learnt] ** exponent
    crossed = 0 < half.sum() < len(half)
    return {
        "n": len(asked),
        "right": round(float(truth.mean()), 4),
        "error_raw": round(calibration_error(p, truth), 4),
        "error_temperature": round(calibration_error(tempered, truth), 4) if crossed else None,
        "error": round(calibration_error(fitted, truth), 4) if crossed else None,
        "parameters": {name: round(value, 4) for name, value in asdict(fit(p, truth)).items()},
    }


def write_parameters(checkpoint: Checkpoint, found: dict[str, Any]) -> None:
    """Put the fitted parameters into the model's `config.json`; everything else in it stays."""
    write_config(checkpoint.folder, replace(checkpoint.config, calibration=found["parameters"]))


def applied(model: Beta, p: Floats) -> Floats:
    """Confidences of joint probabilities."""
    return np.array([model(float(one)) for one in p])


def fit(p: Floats, truth: Flags) -> Beta:
    """Logistic regression of being right on log p and -log(1 - p) (Kull et al. 2017, algorithm 1): what comes out
    negative, so that confidence would fall, is left out."""
    q = np.clip(p, LEAST, MOST)
    features = np.stack([np.log(q), -np.log1p(-q), np.ones_like(q)], axis=1)
    used = [0, 1, 2]
    while (weights := _regression(features[:, used], truth))[:-1].min(initial=0.0) < 0:
        used.pop(int(np.argmin(weights[:-1])))
    a, b, c = (float(weights[used.index(i)]) if i in used else 0.0 for i in range(3))
    return Beta(a, b, c)


def _regression(x: Floats, truth: Flags) -> Floats:
    """Weights of a logistic regression, by fifty steps of Newton's method with a little damping."""
    weights = np.zeros(x.shape[1])
    for _ in range(50):
        guess = 1 / (1 + np.exp(-np.clip(x @ weights, -60, 60)))
        gradient = x.T @ (truth - guess) - 1e-3 * weights
        curve = (x * (guess * (1 - guess))[:, None]).T @ x + 1e-3 * np.eye(len(weights))
        weights = weights + np.linalg.solve(curve, gradient)
    return weights


def fit_temperature(p: Floats, truth: Flags) -> float:
    """The exponent 1/T that makes p ** (1/T) most likely, to compare with."""
    exponents = np.geomspace(0.02, 5, 200)

    def loss(exponent: float) -> float:
        q = np.clip(np.clip(p, LEAST, 1) ** exponent, 1e-6, 1 - 1e-6)
        return -float(np.where(truth, np.log(q), np.log1p(-q)).sum())

    return float(min(exponents, key=loss))


def calibration_error(p: Floats, truth: Flags, bins: int = BINS) -> float:
    """Expected calibration error over bins of equal count (Naeini et al. 2015)."""
    order = np.argsort(p, kind="stable")
    parts = [part for part in np.array_split(order, bins) if len(part)]
    error = float(sum(len(part) * abs(p[part].mean() - truth[part].mean()) for part in parts) / len(p))
    return 0.0 if math.isnan(error) else error
