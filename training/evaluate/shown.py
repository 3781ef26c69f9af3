"""What an editor shows by default at held-out places, how often that is right, and what its confidence is worth."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from tqdm import tqdm

from infill.complete import DEFAULTS, Completer
from infill.document import Snapshot
from training.evaluate.calibration import calibration_error
from training.evaluate.session import Session
from training.evaluate.share import Share

PATIENT = replace(DEFAULTS, deadline=None)
"""What is shown should not depend on the machine."""


async def shown(session: Session) -> dict[str, Any]:
    """The share of places where something is shown; of these, the share where the missing rest of the line begins with
    it, and the error of the probability that came with it; and the share of all missing characters that right proposals
    bring."""
    completer = Completer(session.served.filler)
    right, confidences, brought = list[bool](), list[float](), 0
    for place in tqdm(session.places, desc="shown", disable=None):
        uri = f"file:///{place.source.package}/{place.at}/{place.path}"  # nothing is remembered from another place
        snapshot = Snapshot.open(uri, 0, place.language, place.prefix + place.suffix)
        answer = await completer.complete(snapshot, len(place.prefix), preferences=PATIENT)
        for one in answer.suggestions:
            right.append(place.truth.startswith(one.text))
            confidences.append(1.0 if one.confidence is None else one.confidence)
            brought += right[-1] * len(one.text)
    return {
        "shown": Share(len(right), len(session.places)).as_json(),
        "right": Share.of(right).as_json(),
        "error": round(calibration_error(np.array(confidences), np.array(right)), 4) if right else None,
        "brought": Share(brought, sum(len(place.truth) for place in session.places)).as_json(),
    }
