/** Quick fixes shown as a difference before they are applied. */

import * as vscode from 'vscode';
import { CodeAction, CodeActionResolveRequest, LanguageClient, TextDocumentEdit, TextEdit } from 'vscode-languageclient/node';

const SCHEME = 'redraft-preview';
const SHOW = 'redraft.previewFix';
const CHANGED = 'redraft: the file has changed since this fix was proposed; ask for it again.';

type Offer = vscode.Command | vscode.CodeAction;

/** A fix that is being looked at: the document as it was, and the edits to it. */
interface Proposal {
  document: vscode.TextDocument;
  version: number;
  edits: vscode.TextEdit[];
  after: string;
}

export class Preview implements vscode.TextDocumentContentProvider, vscode.Disposable {
  private readonly proposals = new Map<string, Proposal>();
  private readonly parts: vscode.Disposable[];
  private count = 0;

  constructor() {
    this.parts = [
      vscode.workspace.registerTextDocumentContentProvider(SCHEME, this),
      vscode.window.tabGroups.onDidChangeTabs(({ closed }) => closed.forEach(tab => this.proposals.delete(shownIn(tab)))),
    ];
  }

  dispose(): void {
    this.parts.forEach(part => part.dispose());
  }

  provideTextDocumentContent(uri: vscode.Uri): string {
    return this.proposals.get(uri.toString())?.after ?? '';
  }

  /** Each of the server's fixes once more, to look at it first. */
  static offers(client: LanguageClient | undefined, given: Offer[] | null | undefined): Offer[] | null | undefined {
    if (!client) {
      return given;
    }
    return given?.flatMap(action => {
      if (!(action instanceof vscode.CodeAction) || action.kind === undefined) {
        return [action];
      }
      const look = new vscode.CodeAction(`${action.title} (preview)`, action.kind);
      // `isAI`, which the server's tag becomes, is not in VS Code's public types; it decides where an action is listed.
      const { diagnostics, isAI } = action as vscode.CodeAction & { isAI?: boolean };
      const asked = client.code2ProtocolConverter.asCodeActionSync(action);
      return [action, Object.assign(look, { diagnostics, isAI, command: { title: look.title, command: SHOW, arguments: [asked] } })];
    });
  }

  /** VS Code wants every action resolved before it is run; ours is complete. */
  static isOurs(action: vscode.CodeAction): boolean {
    return action.command?.command === SHOW;
  }

  /** Ask for the fix and show what it would change. Where there is none, the server has said why. */
  async show(client: LanguageClient, asked: CodeAction): Promise<void> {
    const resolved: CodeAction = await client.sendRequest(CodeActionResolveRequest.type, asked);
    const change = resolved.edit?.documentChanges?.find(TextDocumentEdit.is);
    if (change === undefined) {
      return;
    }
    const document = await vscode.workspace.openTextDocument(vscode.Uri.parse(change.textDocument.uri));
    const edits = await client.protocol2CodeConverter.asTextEdits(change.edits.filter(TextEdit.is));
    const version = change.textDocument.version ?? document.version;
    if (document.version !== version) {
      void vscode.window.showWarningMessage(CHANGED);
      return;
    }
    const proposal = { document, version, edits, after: applied(document, edits) };
    const uri = document.uri.with({ scheme: SCHEME, query: `${(this.count += 1)}` });
    this.proposals.set(uri.toString(), proposal);
    // Its name alone would not tell, in a notebook or a file without a name.
    await vscode.languages.setTextDocumentLanguage(await vscode.workspace.openTextDocument(uri), document.languageId);
    const name = vscode.workspace.asRelativePath(document.uri);
    const selection = edits[0]?.range.start;
    const options: vscode.TextDocumentShowOptions = { preview: true };
    if (selection) {
      options.selection = new vscode.Range(selection, selection);
    }
    await vscode.commands.executeCommand('vscode.diff', document.uri, uri, `${name}: proposed by redraft`, options);
  }

  /** Apply the fix in the active editor, unless the file has changed since it was proposed. */
  async apply(): Promise<void> {
    const proposal = this.active();
    if (proposal === undefined) {
      return;
    }
    const { document, version, edits } = proposal;
    await this.close();
    if (document.isClosed || document.version !== version) {
      void vscode.window.showWarningMessage(CHANGED);
      return;
    }
    const change = new vscode.WorkspaceEdit();
    change.set(document.uri, edits);
    await vscode.workspace.applyEdit(change);
    await vscode.window.showTextDocument(document);
  }

  /** Close the difference. */
  async close(): Promise<void> {
    if (this.active() !== undefined) {
      await vscode.commands.executeCommand('workbench.action.closeActiveEditor');
    }
  }

  private active(): Proposal | undefined {
    return this.proposals.get(shownIn(vscode.window.tabGroups.activeTabGroup.activeTab));
  }
}

/** The address of what a tab proposes, or nothing. */
function shownIn(tab: vscode.Tab | undefined): string {
  return tab?.input instanceof vscode.TabInputTextDiff ? tab.input.modified.toString() : '';
}

/** The document's text with edits that do not overlap. */
function applied(document: vscode.TextDocument, edits: readonly vscode.TextEdit[]): string {
  let text = document.getText();
  const backwards = [...edits].sort((one, other) => other.range.start.compareTo(one.range.start));
  for (const edit of backwards) {
    const [start, end] = [document.offsetAt(edit.range.start), document.offsetAt(edit.range.end)];
    text = text.slice(0, start) + edit.newText + text.slice(end);
  }
  return text;
}
