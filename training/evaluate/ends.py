"""Held-out packages, the length left free: where the model ends, and whether `fill` says the suffix again."""

from __future__ import annotations

from typing import Any

from tqdm import tqdm

from benchmarks.humaneval import thinned
from infill.document import Snapshot
from training.evaluate.places import Place
from training.evaluate.session import Session, says_again
from training.evaluate.share import Share

UNCONNECTED, TOLD_AGAIN = 150, 150
"""Places at which ends and repetitions are looked at: each costs as much as several lines."""
GAP = 10
"""Lines that are missing after the hole where the suffix does not connect."""


async def ends(session: Session) -> dict[str, Any]:
    """Ends where the suffix does not connect, None for weights that know no EOM; what `fill` says again
    before trimming."""
    asked = thinned(session.places, session.most(TOLD_AGAIN))
    again = [await _says_again(session, place) for place in tqdm(asked, desc="suffix said again", disable=None)]
    known = session.served.filler.knows_the_end
    return {
        "mode": session.mode,
        "ends": await _unconnected(session) if known else None,
        "suffix_said_again": Share.of(again).as_json(),
    }


async def _says_again(session: Session, place: Place) -> bool:
    """Lines left free, before trimming; a search for several lines has left out those that stand below."""
    said = await session.say(place, place.prefix, place.suffix, tokens=64)
    return said is not None and says_again(said.text, place.suffix)


async def _unconnected(session: Session) -> dict[str, Any]:
    """EOM where the truth ends although the lines that follow are missing, and not yet in its middle."""
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
