"""Text to token ids and back: byte-level BPE whose reserved ids no text can reach."""

from __future__ import annotations

import codecs
import json
import re
from bisect import bisect_left
from collections.abc import Callable, Collection, Mapping, Sequence
from functools import cache, cached_property
from pathlib import Path
from typing import Any

import numpy as np
import tokenizers
from numpy.typing import NDArray

from engine.canvas import ABSENT, ControlIds
from engine.task import Vocabulary

QWEN2_WORDS = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)
"""What Qwen2's tokenizer takes as words before it looks for tokens."""
RESERVED = 17
"""Ids 0 to 16 of our own vocabulary are markers of the base (control tokens of ours among them): no text."""


class Tokenizer:
    """Byte-level BPE. Every text survives `decode(encode(text))`, but for lone surrogates, which become U+FFFD.

    names: the ids that stand for no text, and what they are called; RESERVED of them where nobody says. text_of: the
    bytes of a token as the vocabulary spells it.
    """

    def __init__(
        self,
        bpe: tokenizers.Tokenizer,
        names: Mapping[int, str] | None = None,
        text_of: Callable[[str], bytes] | None = None,
    ) -> None:
        text_of = text_of or byte_level
        self._bpe = bpe
        spelled = {index: token for token, index in bpe.get_vocab().items()}
        self._names = {index: spelled[index] for index in range(RESERVED)} if names is None else dict(names)
        self._special = {name: index for index, name in self._names.items()}
        known = {*spelled, *self._names}
        self.size: int = max(known) + 1
        if self.size > 2 * len(known):  # every id takes memory
            raise ValueError(f"its {len(known)} tokens have ids up to {self.size - 1}")
        self.token_bytes: list[bytes] = [
            b"" if index in self._names else text_of(spelled.get(index, "")) for index in range(self.size)
        ]
        pieces = bpe.pre_tokenizer.pre_tokenize_str("):\n    x") if bpe.pre_tokenizer is not None else []
        self.joins_line_ends: bool = all(start != 2 for _, (start, _) in pieces)
        self.reserved = frozenset(self._names) | {index for index, text in enumerate(self.token_bytes) if not text}

    @classmethod
    def load(cls, path: Path | str, control: Collection[int] = ()) -> Tokenizer:
        """Read a `tokenizer.json`: byte-level BPE, or BPE that falls back to bytes (Gemma); or the `vocab.json` of one
        of Qwen2's kind that was released without. Raises ValueError for what cannot be read and for other kinds.

        Special tokens become names: a user's text that spells one is only text. So do added tokens whose ids are among
        `control`, because some releases do not call their mask special (SDAR). Normal forms of Unicode and limits of
        length are left out, because they change text.
        """
        try:
            raw = json.loads(Path(path).read_text(encoding="utf-8"))
            raw = _qwen2(Path(path).parent, raw) if Path(path).name == "vocab.json" else raw
            special = [token for token in raw["added_tokens"] if token["special"] or token["id"] in control]
            names = {token["id"]: token["content"] for token in special}
            falls_back = bool(raw["model"].get("byte_fallback"))
            plain = raw | {"normalizer": raw["normalizer"] if falls_back else None}
            plain |= dict.fromkeys(("post_processor", "truncation", "padding"))
            plain["added_tokens"] = [token for token in raw["added_tokens"] if token["id"] not in names]
            kept = {token["content"]: token["id"] for token in plain["added_tokens"]}  # the library would renumber them
            plain["model"] = raw["model"] | {"vocab": _without(raw["model"]["vocab"], names) | kept}
            spelled = byte_fallback if falls_back else byte_level

            def text_of(token: str) -> bytes:
                return token.encode() if token in kept else spelled(token)

            return cls(tokenizers.Tokenizer.from_str(json.dumps(plain)), names or None, text_of)
        except KeyError as error:
            raise ValueError(f"{path} is not a byte-level tokenizer ({error}); redraft reads no other.") from error
        except (KeyboardInterrupt, SystemExit):
            raise
        except BaseException as error:  # the library raises bare Exception, and its panics are not even that
            raise ValueError(f"{path} is not a readable tokenizer ({error}); install the model again.") from error

    def encode(self, text: str) -> list[int]:
        """Ids of the text. Whatever it spells, the name of a control token too, it is only text."""
        try:
            text.encode()
        except UnicodeEncodeError:
            text = text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
        return list(self._bpe.encode(text, add_special_tokens=False).ids)

    def marked(self, text: str) -> list[int]:
        """Ids of a text of ours, in which the names of reserved tokens stand for them (a chat form)."""
        parts = re.split(f"({'|'.join(map(re.escape, self._special))})", text) if self._special else [text]
        ids = [[self._special[part]] if part in self._special else self.encode(part) for part in parts]
        return [index for part in ids for index in part]

    def check(self, control: ControlIds, rows: int) -> None:
        """Raises ValueError unless these weights can be this tokenizer's: `rows` tokens, few of them to spare, and
        control tokens that stand for no text."""
        if not self.size <= rows <= 2 * self.size:
            raise ValueError(
                f"its tokenizer has {self.size} tokens and its weights {rows}: they do not belong together."
            )
        strange = sorted(index for index in control.never_text - {ABSENT} if index not in self.reserved)
        if strange:
            raise ValueError(
                f"token {strange[0]}, which config.json gives a meaning, is text or nothing in its tokenizer: they do "
                "not belong together."
            )

    def decode(self, ids: Sequence[int]) -> str:
        """Text of the ids. Reserved ids and such as have no token (weights may have rows to spare) vanish; a character
        cut at the end vanishes, a broken one inside is U+FFFD."""
        decoder = codecs.getincrementaldecoder("utf-8")("replace")
        return decoder.decode(b"".join(self._bytes(index) for index in ids))

    def pieces(self, ids: Sequence[int]) -> list[str]:
        """Each id by itself, readable: its text, or the name of a reserved one. For traces."""
        return [self._names.get(index) or self._bytes(index).decode("utf-8", "replace") for index in ids]

    def _bytes(self, index: int) -> bytes:
        return self.token_bytes[index] if 0 <= index < self.size else b""

    @cached_property
    def newlines(self) -> NDArray[np.int64]:
        """Line breaks in each id's text: (V,)."""
        return np.array([piece.count(b"\n") for piece in self.token_bytes], dtype=np.int64)

    def vocabulary(self, rows: int) -> Vocabulary:
        """What decoding has to know of weights with `rows` tokens; those beyond the tokenizer's are never text."""
        lines = np.pad(self.newlines, (0, rows - self.size))
        return Vocabulary(lines, self.reserved | frozenset(range(self.size, rows)))

    def healing(self, text: str, ids: Sequence[int]) -> NDArray[np.int64] | None:
        """What may follow ids that are the beginning of `text` (token healing): ids, ascending, whose bytes begin with
        the rest of its bytes or are the rest's beginning. None once all of it stands."""
        rest = text.encode("utf-8", "replace")[sum(len(self._bytes(index)) for index in ids) :]
        if not rest:
            return None
        order, keys = self._sorted
        first = bisect_left(keys, rest)
        last = bisect_left(keys, rest + b"\xff" * 8, lo=first)  # no UTF-8 holds the byte 0xff
        begun = (bisect_left(keys, rest[:size]) for size in range(1, len(rest)))
        shorter = [at for size, at in enumerate(begun, 1) if at < len(keys) and keys[at] == rest[:size]]
        return np.sort(np.concatenate([order[shorter], order[first:last]]))

    @cached_property
    def _sorted(self) -> tuple[NDArray[np.int64], list[bytes]]:
        texts = (index for index in range(self.size) if index not in self.reserved)
        order = sorted(texts, key=self.token_bytes.__getitem__)
        return np.array(order, dtype=np.int64), [self.token_bytes[index] for index in order]


def _qwen2(folder: Path, vocabulary: Mapping[str, int]) -> dict[str, Any]:
    """What would stand in the `tokenizer.json` of a folder whose tokenizer is in Qwen2's files."""
    lines = (folder / "merges.txt").read_text(encoding="utf-8").splitlines()
    merges = [line for line in lines if " " in line and not line.startswith("#version:")]
    told = json.loads((folder / "tokenizer_config.json").read_text(encoding="utf-8"))["added_tokens_decoder"]
    level = {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": False, "use_regex": False}
    split = {"type": "Split", "pattern": {"Regex": QWEN2_WORDS}, "behavior": "Isolated", "invert": False}
    return {
        "version": "1.0", "truncation": None, "padding": None, "normalizer": None, "post_processor": None,
        "added_tokens": [{**token, "id": int(index)} for index, token in told.items()],
        "pre_tokenizer": {"type": "Sequence", "pretokenizers": [split, level]},
        "decoder": level,
        "model": {"type": "BPE", "vocab": vocabulary, "merges": merges},
    }  # fmt: skip


def _without(vocabulary: Mapping[str, int], added: Mapping[int, str]) -> dict[str, int]:
    """A vocabulary without what was added to it; some releases list such a token in both places."""
    return {token: index for token, index in vocabulary.items() if added.get(index) != token}


def byte_level(token: str) -> bytes:
    """A token as GPT-2's kind spells it. Raises KeyError for one that is not spelled so."""
    letters = byte_of_letter()
    return bytes([letters[letter] for letter in token])


def byte_fallback(token: str) -> bytes:
    """A token as SentencePiece's kind spells it: spaces are U+2581, a byte that is no character is <0x..>."""
    if len(token) == 6 and token.startswith("<0x") and token.endswith(">"):
        return bytes([int(token[3:5], 16)])
    return token.replace("\u2581", " ").encode()


@cache
def byte_of_letter() -> dict[str, int]:
    """Byte-level BPE (GPT-2) spells bytes in printable letters: printable Latin-1 as itself, the rest from U+0100."""
    plain = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    others = [byte for byte in range(256) if byte not in plain]
    return {chr(byte): byte for byte in plain} | {chr(0x100 + k): byte for k, byte in enumerate(others)}
