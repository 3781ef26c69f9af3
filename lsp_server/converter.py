"""Lenient reading of what clients send: what they mean, where it is clear, instead of an error.

Each hook below answers a client that was seen to deviate from LSP 3.18; whatever stays unreadable is answered with
`InvalidParams` by `protocol.py`.
"""

from __future__ import annotations

import enum
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from cattrs import Converter
from lsprotocol import types
from pygls.capabilities import get_capability
from pygls.protocol import JsonRPCNotification, JsonRPCRequestMessage, default_converter

from lsp_server import kinds
from lsp_server.capabilities import VSCODE

Hook = Callable[[Any, Any], Any]

_UINTEGER_MAX = 2**31 - 1
_COLUMNS = kinds.whole(1, 16)
"""Of a level."""
_ENUMERATIONS: tuple[type[enum.Enum], ...] = (
    types.CodeActionTag,
    types.CodeActionTriggerKind,
    types.CompletionTriggerKind,
    types.DiagnosticSeverity,
    types.DiagnosticTag,
    types.TraceValue,
)
"""Those that reach us."""


def converter() -> Converter:
    """A converter for one connection (it learns which trigger kinds its client uses)."""
    lenient: Converter = default_converter()
    for kind in _ENUMERATIONS:
        lenient.register_structure_hook(kind, _known_or_as_sent)
        lenient.register_unstructure_hook(kind, lambda one: getattr(one, "value", one))
    # Inner types first: a hook for an outer one is compiled with the hooks that its fields have by then.
    # Custom methods keep their parameters as plain JSON: pygls would make named tuples of them.
    for message in (JsonRPCRequestMessage, JsonRPCNotification):
        lenient.register_structure_hook(message, lambda sent, cls: cls(**{"params": None, **sent}))
    lenient.register_structure_hook(types.ClientCapabilities, lambda sent, _: Said(sent))
    _before(lenient, types.Position, _clamped)
    _before(lenient, types.Range, lambda sent: {"start": sent[0], "end": sent[1]} if isinstance(sent, list) else sent)
    opened = _with(languageId="plaintext", version=0)
    _before(lenient, types.TextDocumentItem, lambda sent: opened(_textual(sent)))
    _before(lenient, types.VersionedTextDocumentIdentifier, _with(version=0))
    inline = _InlineContext(lenient)
    _before(lenient, types.InitializeParams, inline.introduced)
    _before(lenient, types.InlineCompletionContext, inline)
    _before(lenient, types.InlineCompletionParams, _with(context={}))
    asked: Hook = lenient.get_structure_hook(types.InlineCompletionParams)
    lenient.register_structure_hook(
        types.InlineCompletionParams, lambda sent, cls: InlineCompletionParams.of(asked(sent, cls), sent)
    )
    _before(lenient, types.DidChangeTextDocumentParams, _without_null_ranges)
    _before(lenient, types.Diagnostic, lambda sent: {**sent, "message": _plain(sent["message"])})
    _before(lenient, types.CodeActionContext, lambda sent: {**sent, "diagnostics": _readable(lenient, sent)})
    _before(lenient, types.CodeActionParams, _with(context={}))
    return lenient


def _before(lenient: Converter, cls: type, mend: Callable[[Any], Any]) -> None:
    strict: Hook = lenient.get_structure_hook(cls)
    lenient.register_structure_hook(cls, lambda sent, _: strict(mend(sent), cls))


def _with(**values: Any) -> Callable[[dict[str, Any]], dict[str, Any]]:
    """Fills in what is missing or null."""
    return lambda sent: {**sent, **{name: value for name, value in values.items() if sent.get(name) is None}}


class Said:
    """The client's capability tree, read as it is asked for: `None` for whatever is not said or not an object.

    lsprotocol's types for it are some eighty classes, whose readers take a quarter of a second to compile, and one
    value of a newer protocol in any of them would lose the whole `initialize`.
    """

    def __init__(self, sent: Any) -> None:
        self._sent = sent if isinstance(sent, dict) else {}

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(name)
        first, *rest = name.split("_")
        value = self._sent.get(first + "".join(part.capitalize() for part in rest))
        return Said(value) if isinstance(value, dict) else value


def _known_or_as_sent(sent: Any, cls: type[enum.Enum]) -> Any:
    """Newer protocols add values to old enumerations; one unknown value must not lose the whole message."""
    try:
        return cls(sent)
    except ValueError:
        return sent


def _clamped(sent: dict[str, Any]) -> dict[str, int]:
    """Some clients write "to the end" as a number beyond LSP's uinteger, others send floats."""
    return {name: min(max(int(sent[name]), 0), _UINTEGER_MAX) for name in ("line", "character")}


def _without_null_ranges(sent: dict[str, Any]) -> dict[str, Any]:
    """A change of the whole text has no range; some write that as null."""
    changes = [
        {k: v for k, v in _textual(one).items() if k != "range" or v is not None} for one in sent["contentChanges"]
    ]
    return {**sent, "contentChanges": changes}


def _textual(sent: dict[str, Any]) -> dict[str, Any]:
    """Null is no text, but is read as the word None."""
    if not isinstance(sent["text"], str):
        raise TypeError("the text of a document must be a string")
    return sent


def _plain(message: Any) -> Any:
    """What a message says that comes as MarkupContent."""
    return message.get("value") if isinstance(message, dict) else message


def _readable(lenient: Converter, context: dict[str, Any]) -> list[Any]:
    """The diagnostics that can be read; an odd one of another server must not hide the rest."""

    def readable(diagnostic: Any) -> bool:
        try:
            lenient.structure(diagnostic, types.Diagnostic)
        except Exception:
            return False
        return True

    return [diagnostic for diagnostic in context.get("diagnostics") or [] if readable(diagnostic)]


class InlineCompletionParams(types.InlineCompletionParams):
    """With the `formattingOptions` that clients of Copilot's server send, too, and ours.

    level: what the editor indents a block by; empty where the client does not say.
    """

    level: str = ""

    @classmethod
    def of(cls, asked: types.InlineCompletionParams, sent: dict[str, Any]) -> InlineCompletionParams:
        """What was asked, as it was sent."""
        params = cls(asked.context, asked.text_document, asked.position, asked.work_done_token)
        with suppress(AttributeError, KeyError, TypeError, ValueError):  # nothing that an answer needs
            options = sent["formattingOptions"]
            columns = _COLUMNS.read(options["tabSize"])
            params.level = " " * columns if options["insertSpaces"] else "\t"
        return params


class _InlineContext:
    """vscode-languageclient 9 counts trigger kinds from 0 (0 invoked, 1 automatic) and sends ranges as arrays.

    Later ones say that edits may have metadata. Of other clients the first 0 or array decides how 1 is read. A 2 says
    otherwise of any.
    """

    def __init__(self, lenient: Converter) -> None:
        self._lenient = lenient
        self._from_zero = False

    def introduced(self, sent: dict[str, Any]) -> dict[str, Any]:
        """Learn from `initialize`, which stays as it is."""
        info, said = sent.get("clientInfo"), Said(sent.get("capabilities"))
        vscode = isinstance(info, dict) and str(info.get("name")) in VSCODE
        self._from_zero = vscode and get_capability(said, "workspace.workspace_edit.metadata_support") is None
        return sent

    def __call__(self, sent: dict[str, Any]) -> dict[str, Any]:
        kind, selected = sent.get("triggerKind"), sent.get("selectedCompletionInfo")
        if kind == 0 or (isinstance(selected, dict) and isinstance(selected.get("range"), list)):
            self._from_zero = True
        elif kind == types.InlineCompletionTriggerKind.Automatic.value:
            self._from_zero = False
        invoked = 0 if self._from_zero else types.InlineCompletionTriggerKind.Invoked.value
        return {
            "triggerKind": types.InlineCompletionTriggerKind.Invoked.value
            if kind == invoked
            else types.InlineCompletionTriggerKind.Automatic.value,
            "selectedCompletionInfo": self._readable(selected),
        }

    def _readable(self, selected: Any) -> Any:
        try:
            self._lenient.structure(selected, types.SelectedCompletionInfo)
        except Exception:
            return None
        return selected
