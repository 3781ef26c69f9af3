"""Prompts that carry another model's fill-in-the-middle tokens -> prefix, suffix, path and other files.

Clients without a `suffix` field write the tokens of the model they think they talk to. Each family below has three:
before the prefix, before the suffix, and the last one, after which the model writes.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from infill.filler import Snippet
from lsp_server.door.call import Call


@dataclass(frozen=True, slots=True)
class Marks:
    """The tokens of a family of models. middle: empty where the prompt simply ends with the prefix. file: a pattern of
    what stands before the path of another file. padded: a space inside the tokens belongs to them."""

    prefix: str
    suffix: str
    middle: str
    file: str = ""
    padded: bool = False


FAMILIES = (
    Marks(
        "<|fim_prefix|>", "<|fim_suffix|>", "<|fim_middle|>", r"<\|file_sep\|>"
    ),  # Qwen2.5-Coder, CodeGemma, Granite 4
    Marks(
        "<fim_prefix>", "<fim_suffix>", "<fim_middle>", "<(?:file_sep|filename)>"
    ),  # StarCoder, Granite code, StableCode, Mellum
    Marks("<｜fim▁begin｜>", "<｜fim▁hole｜>", "<｜fim▁end｜>"),  # DeepSeek-Coder
    Marks("<|fim_begin|>", "<|fim_hole|>", "<|fim_end|>"),  # the same, in the spelling of some clients
    Marks("<PRE>", "<SUF>", "<MID>", padded=True),  # CodeLlama
    Marks("<|code_prefix|>", "<|code_suffix|>", "<|code_middle|>"),  # GLM, CodeGeeX
    Marks("<[fim-prefix]>", "<[fim-suffix]>", "<[fim-middle]>"),  # Seed-Coder
    Marks("[PREFIX]", "[SUFFIX]", ""),  # Codestral
)
_EMPTY = ("<|endoftext|>", "<|end_of_text|>")
"""What some clients write where there is nothing (Continue's Inception provider)."""
_CODESTRAL_FILE = re.compile(r"^\+\+\+\+\+ (.+)\n", re.MULTILINE)


def told(prompt: str, suffix: str | None) -> Call:
    """What a prompt says. With a suffix of its own, or without anybody's tokens, it is the text before the hole."""
    if suffix in _EMPTY:
        suffix = ""
    return (None if suffix else hole(prompt)) or _with_files(prompt, suffix or "")


def hole(prompt: str) -> Call | None:
    """What a prompt says in the tokens of a family; None where it has none."""
    return next((found for marks in FAMILIES if (found := _between(prompt, marks))), None)


def _between(prompt: str, marks: Marks) -> Call | None:
    """Prefix and suffix in either order, or None. The last token must end the prompt, unless the prefix comes after it
    (StarCoder's way to write the suffix first); text that merely mentions a token is thus left alone."""
    body, mark, after = prompt.rpartition(marks.middle) if marks.middle else (prompt, "", "")
    at, to = body.find(marks.prefix), body.find(marks.suffix)
    if (marks.middle and not mark) or min(at, to) < 0 or (not marks.middle and body[:to].strip(" <s>\n")):
        return None
    if at < to:
        before, prefix, suffix = body[:at], body[at + len(marks.prefix) : to], body[to + len(marks.suffix) :]
    else:
        before, suffix, prefix = body[:to], body[to + len(marks.suffix) : at], body[at + len(marks.prefix) :]
    if prefix and after.strip():
        return None
    if marks.padded:
        prefix, suffix = prefix.removeprefix(" ").removesuffix(" "), suffix.removesuffix(" ")
    files = [part.partition("\n") for part in re.split(marks.file, before)[1:]] if marks.file else []
    if not files:
        return _with_files(prefix + after, suffix)
    path = files.pop()[0].strip() if not files[-1][2].strip() else ""
    snippets = tuple(Snippet(name.strip(), text) for name, _, text in files if text.strip())
    return Call(prefix + after, suffix, path, snippets=snippets)


def _with_files(prefix: str, suffix: str) -> Call:
    """Codestral's clients put other files before the prefix, each under `+++++ path`; the last is the file itself."""
    first, *parts = _CODESTRAL_FILE.split(prefix)
    if first or not parts:
        return Call(prefix, suffix)
    files = list(zip(parts[::2], parts[1::2], strict=True))
    path, own = files.pop()
    return Call(own, suffix, path, snippets=tuple(Snippet(name, text) for name, text in files if text.strip()))
