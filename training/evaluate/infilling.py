"""Held-out packages: exact match of the rest of the line; where the model ends; whether it says the suffix again."""

from __future__ import annotations

from collections import defaultdict
from typing import Any

from tqdm import tqdm

from infill.document import Snapshot
from training.evaluate.places import Place, thinned
from training.evaluate.session import Answer, Session, says_again, speed
from training.evaluate.share import Share

UNCONNECTED, TOLD_AGAIN = 150, 150
"""Places at which ends and repetitions are looked at: each costs as much as several lines."""
GAP = 10
"""Lines that are missing after the hole where the suffix does not connect."""


async def infilling(session: Session) -> dict[str, Any]:
    """Exact match by language and by kind of cursor, ends, repetitions, and what it cost."""
    found = await session.lines()
    groups: dict[str, list[bool]] = defaultdict(list)
    for place, answer in zip(session.places, found, strict=True):
        was_right = session.judge(
            f"{place.source.package} {place.path} {place.kind}", place, answer, right(answer, place)
        )
        for name in (place.language, f"{place.language} {place.kind}"):
            groups[name].append(was_right)
    asked = thinned(session.places, session.most(TOLD_AGAIN))
    again = [await _says_again(session, place) for place in tqdm(asked, desc="suffix said again", disable=None)]
    return {
        "mode": session.mode,
        "packages": len({place.source.package for place in session.places}),
        "exact": {name: Share.of(flags).as_json() for name, flags in sorted(groups.items())},
        "suffix_said_again": Share.of(again).as_json(),
        "ends": await ends(session),
        **speed(found),
    }


def right(answer: Answer, place: Place) -> bool:
    """The text equals the truth up to white space at its end."""
    return answer.text.rstrip() == place.truth.rstrip()


async def _says_again(session: Session, place: Place) -> bool:
    """Lines left free, before any trimming."""
    said = await session.say(place, place.prefix, place.suffix, tokens=64)
    return said is not None and says_again(said.text, place.suffix)


async def ends(session: Session) -> dict[str, Any] | None:
    """EOM where the truth ends although the lines that follow are missing, and not yet in its middle; None for weights
    that know no EOM."""
    if not session.served.filler.knows_the_end:
        return None
    asked = [place for place in session.places if len(place.truth.strip()) >= 4 and is_unit(place)]
    asked = thinned(asked, session.most(UNCONNECTED))
    at_end, early = [], []
    for place in tqdm(asked, desc="ends", disable=None):
        at_end.append(await _ends(session, place, 1.0))
        early.append(await _ends(session, place, 0.5))
    right_place = [end and not soon for end, soon in zip(at_end, early, strict=True)]
    return {
        "right": Share.of(right_place).as_json(),
        "at_the_end": Share.of(at_end).as_json(),
        "too_early": Share.of(early).as_json(),
    }


def is_unit(place: Place) -> bool:
    """Whether a statement ends with the line: the header of a block and an open bracket, here or lines above, go on."""
    end = place.at + len(place.truth.rstrip())
    syntax = Snapshot.open(place.path, 0, place.language, place.source.text).syntax(end)
    return syntax is not None and any(
        node.type.endswith(("statement", "declaration")) and syntax.range_of(node)[1] == end
        for node in syntax.nodes_around(end - 1)
    )


async def _ends(session: Session, place: Place, share: float) -> bool:
    """Whether the model ends the middle once that share of the truth is written."""
    written = place.truth[: round(share * len(place.truth))]
    suffix = "\n" + "\n".join(place.suffix.split("\n")[1 + GAP :])
    said = await session.say(place, place.prefix + written, suffix, tokens=8)
    return said is None or (said.finished and not said.text)
