"""A language server that finds one kind of mistake: the word `value` where `values` was meant. Speaks over stdio."""

from __future__ import annotations

import re

from lsprotocol import types
from pygls.lsp.server import LanguageServer

server = LanguageServer("linter", "1")


@server.feature(types.TEXT_DOCUMENT_DID_OPEN)
def opened(params: types.DidOpenTextDocumentParams) -> None:
    """Say what is wrong with a file."""
    found = [
        types.Diagnostic(
            types.Range(types.Position(row, match.start()), types.Position(row, match.end())),
            "undefined name value",
            severity=types.DiagnosticSeverity.Error,
            source="linter",
        )
        for row, line in enumerate(params.text_document.text.splitlines())
        for match in re.finditer(r"\bvalue\b", line)
    ]
    server.text_document_publish_diagnostics(types.PublishDiagnosticsParams(params.text_document.uri, found))


if __name__ == "__main__":
    server.start_io()
