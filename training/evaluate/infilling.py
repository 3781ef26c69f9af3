"""Held-out packages: exact match of the rest of the line."""

from __future__ import annotations

from collections import defaultdict
from typing import Any

from training.evaluate.places import Place
from training.evaluate.session import Answer, Session, speed
from training.evaluate.share import Share


async def infilling(session: Session) -> dict[str, Any]:
    """Exact match by language and by kind of cursor, and what it cost."""
    found = await session.lines()
    groups: dict[str, list[bool]] = defaultdict(list)
    for place, answer in zip(session.places, found, strict=True):
        was_right = session.judge(
            f"{place.source.package} {place.path} {place.kind}", place, answer, right(answer, place)
        )
        for name in (place.language, f"{place.language} {place.kind}"):
            groups[name].append(was_right)
    return {
        "mode": session.mode,
        "packages": len({place.source.package for place in session.places}),
        "exact": {name: Share.of(flags).as_json() for name, flags in sorted(groups.items())},
        **speed(found),
    }


def right(answer: Answer, place: Place) -> bool:
    """The text equals the truth up to white space at its end."""
    return answer.text.rstrip() == place.truth.rstrip()
