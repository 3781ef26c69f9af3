"""Text to token ids and back: byte-level BPE whose reserved ids no text can reach."""

from __future__ import annotations

import codecs
from bisect import bisect_left
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path

import numpy as np
import tokenizers
from numpy.typing import NDArray

RESERVED = 17
"""Ids 0 to 16 are markers of the base vocabulary (control tokens of ours among them): they stand for no text."""


class Tokenizer:
    """Byte-level BPE. Every text survives `decode(encode(text))`, but for lone surrogates, which become U+FFFD."""

    def __init__(self, bpe: tokenizers.Tokenizer) -> None:
        self._bpe = bpe
        self.size: int = bpe.get_vocab_size()
        byte_of = byte_of_letter()
        names = {index: token for token, index in bpe.get_vocab().items()}
        self._names = [names[index] for index in range(RESERVED)]
        self.token_bytes: list[bytes] = [b""] * RESERVED + [
            bytes([byte_of[letter] for letter in names[index]]) for index in range(RESERVED, self.size)
        ]

    @classmethod
    def load(cls, path: Path | str) -> Tokenizer:
        """Read a `tokenizer.json`. Raises ValueError when it cannot be read."""
        try:
            return cls(tokenizers.Tokenizer.from_file(str(path)))
        except Exception as error:  # the library raises bare Exception
            raise ValueError(f"{path} is not a readable tokenizer ({error}); install the model again.") from error

    def encode(self, text: str) -> list[int]:
        """Ids of the text. Whatever it spells, the name of a control token too, it is only text."""
        try:
            text.encode()
        except UnicodeEncodeError:
            text = text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
        return list(self._bpe.encode(text, add_special_tokens=False).ids)

    def decode(self, ids: Sequence[int]) -> str:
        """Text of the ids. Reserved ids vanish; a character cut at the end vanishes, a broken one inside is U+FFFD."""
        decoder = codecs.getincrementaldecoder("utf-8")("replace")
        return decoder.decode(b"".join(self.token_bytes[index] for index in ids))

    def pieces(self, ids: Sequence[int]) -> list[str]:
        """Each id by itself, readable: its text, or the name of a reserved one. For traces."""
        return [
            self._names[index] if index < RESERVED else self.token_bytes[index].decode("utf-8", "replace")
            for index in ids
        ]

    @cached_property
    def newlines(self) -> NDArray[np.int64]:
        """Line breaks in each id's text: (V,)."""
        return np.array([piece.count(b"\n") for piece in self.token_bytes], dtype=np.int64)

    def starting_with(self, text: str) -> NDArray[np.int64]:
        """Ids, ascending, whose bytes begin with those of `text` (token healing); every text id for an empty text."""
        head = text.encode("utf-8", "replace")
        order, keys = self._sorted
        first = bisect_left(keys, head)
        last = bisect_left(keys, head + b"\xff" * 8, lo=first)  # no UTF-8 holds the byte 0xff
        return np.sort(order[first:last])

    @cached_property
    def _sorted(self) -> tuple[NDArray[np.int64], list[bytes]]:
        order = sorted(range(RESERVED, self.size), key=self.token_bytes.__getitem__)
        return np.array(order, dtype=np.int64), [self.token_bytes[index] for index in order]


def byte_of_letter() -> dict[str, int]:
    """Byte-level BPE (GPT-2) spells bytes in printable letters: printable Latin-1 as itself, the rest from U+0100."""
    plain = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    others = [byte for byte in range(256) if byte not in plain]
    return {chr(byte): byte for byte in plain} | {chr(0x100 + k): byte for k, byte in enumerate(others)}
