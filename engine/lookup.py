"""Guesses for decoding left to right: code repeats itself, so what followed the last tokens before may follow again.

Prompt lookup decoding (LLMA, Yang et al. 2023, arXiv 2304.04487): one forward checks a whole guess and gives the token
after what was right of it, so nothing is answered that would not be answered without.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

SHORTEST = 2
"""Tokens of a match below which it is chance: a guess costs a fifth of a forward and more."""


def continuation(ids: NDArray[np.int64], most: int) -> tuple[int, ...]:
    """What followed the longest earlier match of the text's last tokens, the latest of equals.

    ids: int64 (N,), the text so far. A guess is as long as its match, which counts at most `most` tokens: chance
    matches are short, and copies long. Where it reaches the end of the text it goes round: the text repeats itself.
    """
    ends = np.flatnonzero(ids[:-1] == ids[-1:])
    matched = 0
    while len(ends) and matched < most:
        matched, longest = matched + 1, ends
        ends = ends[ends >= matched]
        ends = ends[ids[ends - matched] == ids[-1 - matched]]
    if matched < SHORTEST:
        return ()
    return tuple(np.resize(ids[longest[-1] + 1 :], matched).tolist())
