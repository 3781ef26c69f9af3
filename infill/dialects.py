"""What serving engines speak: a `FillRequest` -> a path and a JSON body, and a JSON answer -> texts. No network here.

One row a kind in `KINDS`. Sources: OpenAI's legacy completions (`prompt`, `suffix`), Mistral's and Inception's
`/v1/fim/completions` and Inception's `/v1/edit/completions` by their OpenAPI documents, llama.cpp's `/infill`, chat
completions as SGLang and vLLM serve them. SGLang ignores `suffix` and vLLM refuses it, so those two are asked by chat,
with what stands after the cursor first: typing then changes the end of the prompt only, and the engine's prefix cache
keeps the rest.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from infill.filler import Filled, FillError, FillRequest
from infill.languages import language
from infill.prompt import short_path

PREFIX_MOST, SUFFIX_MOST = 12_000, 4_000
"""Characters sent of each side; what is farther from the cursor is cut off at a line end."""
LINE_MOST = 1_000
"""Characters of a line that are asked for anew because a hole lies within it."""
FENCE_TOKENS = 16
"""What a chat model spends on the fence around its answer."""
VARIED = 0.4
"""Temperature where several answers are wanted; one answer is the most probable one."""

UNFINISHED = ("length", "abort", "content_filter", "error")
"""Reasons to stop (`finish_reason`) after which a text is not whole."""

Body = dict[str, Any]
LIKELIEST: Body = {"temperature": 0.0, "stream": False}


@dataclass(frozen=True, slots=True)
class Form:
    """One endpoint. path: under the base address, or from the server's root with a slash before it. body: the request's
    own fields. read: the answer's text -> the text of the hole, None for one that does not fit it. fields: those of
    every request; a server may refuse others than its documentation names. several: whether it can be asked for more
    than one answer. choices: an answer -> its choices in OpenAI's form."""

    path: str
    body: Callable[[FillRequest], Body]
    read: Callable[[str, FillRequest], str | None]
    fields: Mapping[str, Any] = field(default_factory=LIKELIEST.copy)
    several: bool = False
    choices: Callable[[object], object] = lambda answer: answer.get("choices") if isinstance(answer, dict) else None


@dataclass(frozen=True, slots=True)
class Kind:
    """How one kind of server completes and how it repairs; extra: fields that each of its requests has besides."""

    complete: Form
    repair: Form
    extra: Mapping[str, Any] = field(default_factory=dict)

    def form(self, request: FillRequest) -> Form:
        """The endpoint for this request."""
        return self.complete if request.draft is None else self.repair

    def body(self, request: FillRequest, model: str) -> Body:
        """The JSON object to send. Raises FillError when the text cannot be asked about in this form."""
        form = self.form(request)
        count = request.alternatives if form.several else 1
        common = {"model": model} if model else {}
        several = {"n": count, "temperature": VARIED} if count > 1 else {}
        size = {"max_tokens": request.limits.tokens}
        return {**common, **size, **form.fields, **several, **form.body(request), **self.extra}

    def texts(self, answer: object, request: FillRequest) -> tuple[Filled, ...]:
        """The texts of an answer, as many as were asked for at most. Raises FillError when it is none of this form."""
        choices = self.form(request).choices(answer)
        if not isinstance(choices, list) or not choices:
            raise FillError("answered JSON without a choice in it; check redraft.remote.kind")
        texts: dict[str, Filled] = {}
        for choice in choices[: request.alternatives]:
            text = self.form(request).read(_content(choice), request)
            if text is not None:
                filled = _filled(text, choice.get("finish_reason"), request.limits.lines)
                texts.setdefault(filled.text, filled)
        return tuple(texts.values())


def _content(choice: object) -> str:
    """The text of a choice: `text` of a completion, `message.content` of a chat; null is an empty one."""
    if not isinstance(choice, dict):
        raise FillError("answered a choice that is no object; check redraft.remote.kind")
    message, content = choice.get("message"), choice.get("text")
    if content is None and isinstance(message, dict):
        content = message.get("content") or ""
    if not isinstance(content, str):
        raise FillError("answered a choice without text; check redraft.remote.kind")
    try:
        content.encode()
    except UnicodeError:
        raise FillError("answered a text with half a character") from None
    return content.replace("\r\n", "\n")


def _filled(text: str, finish_reason: object, lines: int) -> Filled:
    enough = 0 < lines <= text.count("\n")
    if enough:
        text = "\n".join(text.split("\n")[:lines])
    return Filled(text, None, None, enough or finish_reason not in UNFINISHED)


# ---- both sides of the hole


def _before(request: FillRequest) -> str:
    """The nearest part of the prefix, from a line start on."""
    if len(request.prefix) <= PREFIX_MOST:
        return request.prefix
    near = request.prefix[-PREFIX_MOST:]
    return near[near.find("\n") + 1 :]


def _after(request: FillRequest) -> str:
    """The nearest part of the suffix, whole lines."""
    if len(request.suffix) <= SUFFIX_MOST:
        return request.suffix
    near = request.suffix[:SUFFIX_MOST]
    return near[: near.rfind("\n") + 1] or near


def _name(request: FillRequest) -> str:
    """The file's name; what stands above its folder is nobody's business."""
    return short_path(request.path) or "untitled"


def _broken_line(request: FillRequest) -> tuple[str, str]:
    """What stands on the hole's first line before it, and on its last line after it. Raises FillError when that is more
    than a server should write anew."""
    head, tail = request.prefix[request.prefix.rfind("\n") + 1 :], request.suffix.partition("\n")[0]
    if len(head) + len(tail) > LINE_MOST:
        raise FillError("cannot be asked to repair so long a line", unfit=True)
    return head, tail


# ---- fill in the middle


def _sides(request: FillRequest) -> Body:
    """`prompt` and `suffix`; snippets of other files and the file's own name stand before the prefix as comments, where
    the language has a sign for them."""
    sign = language(request.language).line_comment
    others = (f"{short_path(one.path)}:\n{one.text}\n" for one in request.snippets)
    remarks = [line for text in (*others, _name(request)) for line in text.split("\n")] if sign else []
    prompt = "\n".join([*(f"{sign} {line}".rstrip() for line in remarks), _before(request)])
    stop = {"stop": ["\n"]} if request.limits.lines == 1 else {}
    suffix = _after(request)
    return {"prompt": prompt, **({"suffix": suffix} if suffix else {}), **stop}


def _as_is(content: str, request: FillRequest) -> str:
    return content


COMPLETIONS = Form("completions", _sides, _as_is, several=True)
FIM = Form("fim/completions", _sides, _as_is)


# ---- llama.cpp's own endpoint: its OpenAI-style one refuses a suffix


def _infill(request: FillRequest) -> Body:
    """Snippets have a field of their own, and the server puts the model's own marks between the parts."""
    extra = [{"filename": short_path(one.path), "text": one.text} for one in request.snippets]
    stop = {"stop": ["\n"]} if request.limits.lines == 1 else {}
    sides = {"input_prefix": _before(request), "input_suffix": _after(request), "input_extra": extra, "prompt": ""}
    return {**sides, "n_predict": request.limits.tokens, "cache_prompt": True, **stop}


def _contents(answer: object) -> object:
    if not isinstance(answer, dict) or "content" not in answer:
        return None
    return [{"text": answer["content"], "finish_reason": "length" if answer.get("stop_type") == "limit" else "stop"}]


INFILL = Form("/infill", _infill, _as_is, choices=_contents)


# ---- chat

_RULE = "Answer with {what} and nothing else, in one fenced code block. Repeat nothing that stands before or after it."
_FENCED = re.compile(r"```[^\n`]*\n(.*?)(?:\n?```|\Z)", re.DOTALL)


def _chat(request: FillRequest) -> Body:
    lines = "one line" if request.limits.lines == 1 else f"at most {request.limits.lines or 40} lines"
    return _conversation(
        request,
        f"You complete code in an editor. {_RULE.format(what='the text that belongs at the cursor')} Write {lines}.",
        _section("Text after the cursor", _after(request)) + _section("Text before the cursor", _before(request)),
    )


def _chat_repair(request: FillRequest) -> Body:
    """The whole lines of the hole are asked for anew: a chat model keeps to lines better than to columns."""
    head, tail = _broken_line(request)
    before, after = _before(request), _after(request)
    return _conversation(
        request,
        f"You repair code in an editor. {_RULE.format(what='the corrected lines')} Change as little as you can.",
        _section("Text after the lines", after.removeprefix(tail))
        + _section("Text before the lines", before.removesuffix(head))
        + _section("Lines to correct", f"{head}{request.draft}{tail}"),
    )


def _conversation(request: FillRequest, system: str, user: str) -> Body:
    others = "".join(_section(short_path(one.path), one.text) for one in request.snippets)
    named = f"File {_name(request)} ({request.language or 'text'})\n\n"
    messages = [{"role": "system", "content": system}, {"role": "user", "content": others + named + user}]
    return {"messages": messages, "max_tokens": request.limits.tokens + FENCE_TOKENS}


def _section(title: str, text: str) -> str:
    return f"{title}:\n<text>\n{text}\n</text>\n\n"


def _fenced(content: str, request: FillRequest) -> str:
    """What stands in the first fence, closed or not; an answer without one is taken whole."""
    found = _FENCED.search(content)
    return found.group(1) if found else content


def _fenced_lines(content: str, request: FillRequest) -> str | None:
    return _within(_fenced(content, request), request)


def _within(lines: str, request: FillRequest) -> str | None:
    """The hole's part of its whole lines; None when the answer changes what stands outside of it."""
    head, tail = _broken_line(request)
    lines = lines.rstrip("\n")
    if not (lines.startswith(head) and lines.endswith(tail) and len(lines) >= len(head) + len(tail)):
        return None
    return lines[len(head) : len(lines) - len(tail)]


CHAT = Form("chat/completions", _chat, _fenced)
CHAT_REPAIR = Form("chat/completions", _chat_repair, _fenced_lines)


# ---- Inception's edit endpoint

_TAGS = ("recently_viewed_code_snippets", "recently_viewed_code_snippet", "current_file_content", "code_to_edit",
         "edit_diff_history")  # fmt: skip
_CURSOR = "<|cursor|>"
_OWN = re.compile(rf"<\|/?(?:{'|'.join(_TAGS)}|cursor)\|>")


def _edit(request: FillRequest) -> Body:
    """One user message of nested tags: the snippets, the file with the lines to edit in it, the history (none)."""
    texts = (request.prefix, request.suffix, request.draft or "", *(snippet.text for snippet in request.snippets))
    if any(_OWN.search(text) for text in texts):
        raise FillError("cannot be asked about text that holds its own marks", unfit=True)
    draft, (head, tail) = request.draft or "", _broken_line(request)
    before, after = _before(request), _after(request)
    cursor = min((start for start, _ in request.suspects), default=len(draft))
    code = f"{head}{draft[:cursor]}{_CURSOR}{draft[cursor:]}{tail}\n"
    snippets = "".join(
        _tagged("recently_viewed_code_snippet", f"code_snippet_file_path: {short_path(one.path)}\n{one.text}\n")
        for one in request.snippets
    )
    file = (
        f"current_file_path: {_name(request)}\n{before.removesuffix(head)}"
        f"{_tagged('code_to_edit', code)}{after.removeprefix(tail).removeprefix(chr(10))}\n"
    )
    told = (
        _tagged("recently_viewed_code_snippets", snippets)
        + _tagged("current_file_content", file)
        + _tagged("edit_diff_history", "")
    )
    return {"messages": [{"role": "user", "content": told}]}


def _tagged(tag: str, text: str) -> str:
    return f"<|{tag}|>\n{text}<|/{tag}|>\n"


def _edited(content: str, request: FillRequest) -> str | None:
    """The edited lines, fenced or bare; the one word `None` says that nothing is to be changed."""
    lines = _fenced(content, request).replace(_CURSOR, "")
    return None if lines.strip() == "None" else _within(lines, request)


EDIT = Form("edit/completions", _edit, _edited, {"temperature": 0.0})
INCEPTION_FIM = Form(FIM.path, _sides, _as_is, {"stream": False})


KINDS: Mapping[str, Kind] = {
    "completions": Kind(COMPLETIONS, COMPLETIONS),
    "llama.cpp": Kind(INFILL, INFILL),
    "fim": Kind(FIM, FIM),
    "mercury-edit": Kind(INCEPTION_FIM, EDIT),
    "sglang": Kind(CHAT, CHAT_REPAIR),
    "vllm": Kind(CHAT, CHAT_REPAIR, {"chat_template_kwargs": {"enable_thinking": False}}),
}
"""`completions`: OpenAI-style with suffix (DeepSeek, Ollama, another `redraft serve`). A repair leaves the doubtful
lines out and fills the hole anew, like that of `llama.cpp` and of `fim`: Mistral. `mercury-edit`: Inception, whose edit
endpoint repairs. `sglang`, `vllm`: chat, for LLaDA2.x and DiffusionGemma."""
