"""`textDocument/codeAction`, `codeAction/resolve` and `redraft.fix`: in-place repair as quick fix and as rewrite, and
what follows from a renaming by hand.

Listing asks the model nothing. The model runs in resolve, or in the command for clients that cannot resolve an edit; a
click is always answered: by an edit, or by one sentence that says why there is none.
"""

from __future__ import annotations

import asyncio
import zlib
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any, NoReturn

from lsprotocol import types
from pygls.exceptions import JsonRpcContentModified, JsonRpcException

from lsp_server import positions, progress
from lsp_server.session import Question, Session

if TYPE_CHECKING:
    from infill.document import Snapshot
    from infill.edits import Edit
    from infill.repair import Repair

FIX = "redraft.fix"
KINDS = [types.CodeActionKind.QuickFix, types.CodeActionKind.RefactorRewrite]
OPTIONS = types.CodeActionOptions(code_action_kinds=KINDS, resolve_provider=True)

DEADLINE = 2.0
"""Seconds after which a click is answered: some editors wait for that and do nothing else."""
_PROGRESS_AFTER = 0.3
_OFF = "redraft is off here or has no model yet; try again in a moment."
_OVERTAKEN = "redraft: this fix was asked for once more, and the newer click is answered."
_TITLE_MOST = 60
_DIAGNOSTICS_MOST = 8
_NAMED_MOST = 8
"""Titles of a range, and names of messages that are tried in a fix."""
_REWRITE_MOST = 120
"""Lines of a selection that one click looks at, a dozen after the other until DEADLINE."""

Offer = types.CodeAction | types.Command


# ---- list


async def code_action(session: Session, params: types.CodeActionParams) -> list[Offer]:
    """One title per place that diagnostics in the range tell of, whichever servers found it, and one for a selection.

    Editors ask at every cursor stop: a bare cursor tells where to warm the cache.
    """
    from infill.region import MOST_LINES, reported

    asked = session.question(params.text_document.uri)
    if asked is None or not session.settings.fix or asked.preferences.denies(asked.snapshot):
        return []
    snapshot = asked.snapshot
    start, end = positions.to_span(snapshot, params.range, session.encoding)
    if start == end:
        session.ahead.warm(asked, start)
    if not session.capabilities.takes_fixes:
        return []
    offers: list[Offer] = []
    if _wanted(types.CodeActionKind.QuickFix, params.context.only):
        offers += await _following(session, asked, start, end)
        for told in _overlapping(session, snapshot, params.context.diagnostics, start, end):
            title = f"redraft: fix “{_short(told[0].message)}”"
            place = positions.to_span(snapshot, told[0].range, session.encoding)
            span = _first(snapshot, reported(snapshot, *place), MOST_LINES)
            offers.append(_offer(session, snapshot, title, types.CodeActionKind.QuickFix, span, told))
    if start < end and _wanted(types.CodeActionKind.RefactorRewrite, params.context.only):
        span = _first(snapshot, (start, end), _REWRITE_MOST)
        what = "the selection" if span[1] == end else f"the first {_REWRITE_MOST} lines of the selection"
        title = f"redraft: rewrite {what}"
        offers.append(_offer(session, snapshot, title, types.CodeActionKind.RefactorRewrite, span, []))
    return offers


async def _following(session: Session, asked: Question, start: int, end: int) -> list[types.CodeAction]:
    """What a name that was changed by hand leaves behind, all of it, on the lines that have the old name or the new."""
    from infill import next_edit

    if not (session.settings.next_edit and session.capabilities.action_literals):
        return []
    snapshot = asked.snapshot
    found = await asyncio.to_thread(next_edit.following, snapshot, asked.others)
    lines = range(snapshot.line_of(start), snapshot.line_of(end) + 1)
    if found is None or not any(snapshot.line_of(at) in lines for at in found.places):
        return []
    count, renamed = len(found.changes), found.renamed
    title = f"redraft: rename {count} more {_short(renamed.old)} to {_short(renamed.new)}"
    edit = _workspace_edit(session, snapshot, found.changes)
    return [types.CodeAction(title=title, kind=types.CodeActionKind.QuickFix, edit=edit)]


def _first(snapshot: Snapshot, span: tuple[int, int], lines: int) -> tuple[int, int]:
    """No more than so many lines of a span."""
    start, end = span
    last = min(snapshot.line_of(start) + lines, snapshot.line_count) - 1
    return start, min(end, snapshot.line_range(last)[1])


def _wanted(kind: types.CodeActionKind, only: Sequence[types.CodeActionKind | str] | None) -> bool:
    """Kinds are hierarchical: `refactor` asks for `refactor.rewrite` too."""
    asked = [one.value if isinstance(one, types.CodeActionKind) else one for one in only or ()]
    return not asked or any(one in ("", kind.value) or kind.value.startswith(f"{one}.") for one in asked)


def _overlapping(
    session: Session, snapshot: Snapshot, diagnostics: Sequence[types.Diagnostic], start: int, end: int
) -> list[list[types.Diagnostic]]:
    """What touches [start, end], the worst first; what tells of the same lines and of the same characters or in the
    same words together, because a fix looks at whole lines. A hint with a tag only has code drawn in another way."""
    found: list[list[types.Diagnostic]] = []
    for one in sorted(diagnostics, key=_severity):
        first, last = positions.to_span(snapshot, one.range, session.encoding)
        tagged = one.tags and one.severity == types.DiagnosticSeverity.Hint
        if first <= end and start <= last and not tagged:
            told = next((told for told in found if _same(told[0], one)), None)
            if told is not None:
                told.append(one)
            elif len(found) < _DIAGNOSTICS_MOST:
                found.append([one])
    return found


def _severity(one: types.Diagnostic) -> int:
    """1 for the worst, also where nobody says it in numbers."""
    return one.severity if isinstance(one.severity, int) and one.severity else types.DiagnosticSeverity.Error


def _same(one: types.Diagnostic, other: types.Diagnostic) -> bool:
    """Whether both tell of the same lines, and of the same characters or in the same words."""
    a, b = one.range, other.range
    lines = (a.start.line, a.end.line) == (b.start.line, b.end.line)
    return lines and (one.message == other.message or a.start == b.start or (a.start < b.end and b.start < a.end))


def _short(message: str) -> str:
    line = " ".join(message.split())
    return line if len(line) <= _TITLE_MOST else line[: _TITLE_MOST - 1] + "…"


def _offer(
    session: Session,
    snapshot: Snapshot,
    title: str,
    kind: types.CodeActionKind,
    span: tuple[int, int],
    told: Sequence[types.Diagnostic],
) -> Offer:
    """A literal to be resolved where the client can; else with a command that asks the client to apply the edit.

    told: what diagnostics say of the place, the worst of them first.
    """
    wrong, named = bool(told) and _is_error(session, snapshot, told[0], span), _named(told) if told else None
    data = asdict(Target(snapshot.uri, snapshot.version, *span, _checksum(snapshot.text[slice(*span)]), wrong, named))
    able = session.capabilities
    if not able.action_literals:
        return types.Command(title=title, command=FIX, arguments=[data])
    return types.CodeAction(
        title=title,
        kind=kind,
        diagnostics=list(told) or None,
        tags=[types.CodeActionTag.LlmGenerated] if able.llm_generated_tag else None,
        data=data if able.action_resolve else None,
        command=None if able.action_resolve else types.Command(title=title, command=FIX, arguments=[data]),
    )


def _is_error(session: Session, snapshot: Snapshot, one: types.Diagnostic, span: tuple[int, int]) -> bool:
    """Whether a diagnostic says that code is wrong where the span begins."""
    begins = positions.to_span(snapshot, one.range, session.encoding)[0]
    return one.severity == types.DiagnosticSeverity.Error and begins == span[0]


def _named(told: Sequence[types.Diagnostic]) -> tuple[str, ...]:
    """What the messages name."""
    from infill.slips import named

    related = ((more.message for more in one.related_information or ()) for one in told)
    messages = (said for one, more in zip(told, related, strict=True) for said in (one.message, *more))
    return tuple(dict.fromkeys(name for message in messages for name in named(message)))[:_NAMED_MOST]


# ---- resolve


@dataclass(frozen=True, slots=True)
class Target:
    """What an offered action is about: code points [start, end) of one version of a document, and what stood there.

    The checksum tells a document that was closed and came back with the same version and another text. wrong: whether a
    tool says that an error begins at `start`. named: what messages name; None for a selection.
    """

    uri: str
    version: int
    start: int
    end: int
    checksum: int
    wrong: bool
    named: tuple[str, ...] | None

    @classmethod
    def of(cls, data: Any) -> Target | None:
        """The target in an action's data or a command's argument, or None when the data is not ours."""
        try:
            version, start, end, checksum = (int(data[name]) for name in ("version", "start", "end", "checksum"))
            named = tuple(map(str, data["named"])) if data.get("named") is not None else None
            return cls(str(data["uri"]), version, start, end, checksum, data.get("wrong") is True, named)
        except (KeyError, TypeError, ValueError):
            return None


async def resolve(session: Session, action: types.CodeAction) -> types.CodeAction:
    """The action with its edit; without one, and with a message to the user, when there is no better text."""
    target = Target.of(action.data)
    if target is not None:
        action.edit = await _edit(session, target)
    return action


async def fix(session: Session, arguments: Sequence[Any]) -> None:
    """The same as a command: the client is asked to apply the edit."""
    target = Target.of(arguments[0] if arguments else None)
    if target is None:
        session.show("redraft: this fix is not understood; ask for code actions again.", types.MessageType.Warning)
        return
    edit = await _edit(session, target)
    if edit is not None:
        session.work.in_background(_apply(session, edit))


async def _apply(session: Session, edit: types.WorkspaceEdit) -> None:
    """Some clients answer only once the command is answered: nobody may wait for this."""
    try:
        answer = await session.client.workspace_apply_edit_async(types.ApplyWorkspaceEditParams(edit, label="redraft"))
        reason = None if answer.applied else answer.failure_reason or "it does not say why"
    except JsonRpcException as error:
        reason = error.message
    if reason is not None:
        session.show(f"redraft: the editor did not apply this fix ({reason}).", types.MessageType.Warning)


async def _edit(session: Session, target: Target) -> types.WorkspaceEdit | None:
    from infill.repair import Repair

    span = session.documents.carried(target.uri, target.version, target.start, target.end)
    now = session.documents.get(target.uri)
    if span is None or now is None or _checksum(now.text[slice(*span)]) != target.checksum:
        _refuse(session)
    asked = session.question(target.uri)
    if asked is None or _why_not(session, target.uri):
        session.show(_why_not(session, target.uri))
        return None
    allowed, overtaken = (lambda: not _why_not(session, target.uri)), Repair(reason=_OVERTAKEN)
    found = _repair(session, asked, span, target)
    repair = await session.work.newest(target.uri, "fix", found, overtaken, allowed, span)
    if session.documents.get(target.uri) is not now:
        _refuse(session)
    if reason := _why_not(session, target.uri):
        session.show(reason)
        return None
    if not repair.edits:
        session.show(repair.reason or "redraft found no better text here.")
        return None
    session.tally.fixed(asked.snapshot)
    return _workspace_edit(session, asked.snapshot, repair.edits)


def _why_not(session: Session, uri: str) -> str:
    """Why no fix may be looked for in a document now, in one sentence; nothing when it may."""
    if not session.settings.fix:
        return "redraft fixes nothing while `redraft.fix.enable` is false; set it to true and try again."
    return _OFF if session.question(uri) is None else ""


async def _repair(session: Session, asked: Question, span: tuple[int, int], target: Target) -> Repair:
    from infill.region import Told
    from infill.repair import Repair

    told = None if target.named is None else Told(target.wrong, target.named)
    deadline = min(asked.preferences.deadline or DEADLINE, DEADLINE)
    preferences = replace(asked.preferences, mode="quality", deadline=deadline)  # `redraft.mode` is of completions
    try:
        with progress.shown(session, "redraft: looking for a better text", after=_PROGRESS_AFTER):
            repair = await asked.completer.repair(
                asked.snapshot, *span, others=asked.others, preferences=preferences, told=told
            )
    except Exception as error:
        session.failed(error)
        return Repair(reason=f"redraft failed on this fix ({type(error).__name__}: {error}); its log says more.")
    session.count(f"fix {asked.place}", asked.since, repair.report, repair.reason)
    return repair


def _checksum(text: str) -> int:
    return zlib.crc32(text.encode("utf-8", "surrogatepass"))


def _refuse(session: Session) -> NoReturn:
    message = "redraft: the code has changed since this fix was offered; ask for code actions again."
    session.show(message)
    raise JsonRpcContentModified(message)


def _workspace_edit(session: Session, snapshot: Snapshot, changes: Sequence[Edit]) -> types.WorkspaceEdit:
    """Computed from this snapshot; clients refuse it when their document is another version."""
    edits = positions.to_edits(snapshot, changes, session.encoding)
    if not session.capabilities.document_changes:
        return types.WorkspaceEdit(changes={snapshot.uri: edits})
    document = types.OptionalVersionedTextDocumentIdentifier(snapshot.uri, snapshot.version)
    return types.WorkspaceEdit(document_changes=[types.TextDocumentEdit(document, edits)])
