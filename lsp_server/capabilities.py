"""What this client can do, as named booleans."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from lsprotocol import types
from pygls.capabilities import get_capability

VSCODE = frozenset(
    {
        "Code - OSS",
        "Cursor",
        "VSCodium",
        "Visual Studio Code",
        "Visual Studio Code - Insiders",
        "Windsurf",
        "code-server",
    }
)
"""VS Code and what is made of it, Monaco with its services too, by the product's name in their `clientInfo`."""
REPLACING = VSCODE | {"Neovim", "emacs"}
"""Clients that are known to draw ghost text over what it replaces; `emacs` is lsp-mode. No capability says it, and
LSP4IJ draws it wrongly (redhat-developer/lsp4ij#1518)."""


@dataclass(frozen=True, slots=True)
class Capabilities:
    """Read once from `initialize`; a client that says nothing can do nothing, but for `apply_edit`.

    Kate says nothing of `workspace.applyEdit` and applies the edits; one that does not answers with an error, which is
    shown. Only `false` counts as no.

    JupyterLab knows no text edits in completions: what is taken it puts in place of its editor's token at the cursor.
    It says no name and, running in a browser, no process. Who honours text edits loses nothing by being taken for it.
    """

    inline_completion: bool = False
    inline_replacing: bool = False
    work_done_progress: bool = False
    pull_configuration: bool = False
    register_configuration: bool = False
    apply_edit: bool = False
    document_changes: bool = False
    action_literals: bool = False
    action_resolve: bool = False
    llm_generated_tag: bool = False
    as_is_insert_mode: bool = False
    replaces_tokens: bool = False

    @property
    def takes_fixes(self) -> bool:
        """Whether an edit can reach the client: in an action that it resolves, or by asking it to apply one."""
        return self.apply_edit or (self.action_literals and self.action_resolve)

    @classmethod
    def of(cls, said: types.InitializeParams) -> Capabilities:
        """The booleans behind the client's capability tree, and what is known of it by its name."""
        info = said.client_info

        def says(path: str) -> Any:
            return get_capability(said.capabilities, path)

        return cls(
            inline_completion=says("text_document.inline_completion") is not None,
            inline_replacing=info is not None and info.name in REPLACING,
            work_done_progress=bool(says("window.work_done_progress")),
            pull_configuration=bool(says("workspace.configuration")),
            register_configuration=bool(says("workspace.did_change_configuration.dynamic_registration")),
            apply_edit=says("workspace.apply_edit") is not False,
            document_changes=bool(says("workspace.workspace_edit.document_changes")),
            action_literals=says("text_document.code_action.code_action_literal_support") is not None,
            action_resolve="edit" in _list(says("text_document.code_action.resolve_support.properties"))
            and bool(says("text_document.code_action.data_support")),
            llm_generated_tag=types.CodeActionTag.LlmGenerated
            in _list(says("text_document.code_action.tag_support.value_set")),
            as_is_insert_mode=types.InsertTextMode.AsIs
            in _list(says("text_document.completion.completion_item.insert_text_mode_support.value_set")),
            replaces_tokens=info is None and said.process_id is None,
        )


def _list(said: Any) -> list[Any]:
    return said if isinstance(said, list) else []
