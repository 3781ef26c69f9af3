/** Next edits: what a name that was changed by hand leaves behind, shown where it is, applied or dismissed. */

import * as vscode from 'vscode';
import { TextEdit } from 'vscode-languageclient/node';
import { Server } from './server';
import * as settings from './settings';

const METHOD = 'textDocument/copilotInlineEdit';
/** The context key that gives the keys to a proposal. */
const SHOWN = 'redraft.nextEdit';
/** Milliseconds without a keystroke before the server is asked. */
const QUIET = 400;
const GREY = new vscode.ThemeColor('editorGhostText.foreground');

interface Proposal {
  editor: vscode.TextEditor;
  changes: readonly vscode.TextEdit[];
  first: vscode.Range;
  /** The line that had the cursor. */
  home: number;
  renaming: string;
}

export class NextEdit implements vscode.Disposable {
  private readonly old = vscode.window.createTextEditorDecorationType({
    color: GREY,
    textDecoration: 'line-through',
    rangeBehavior: vscode.DecorationRangeBehavior.ClosedClosed,
  });
  private readonly hint = vscode.window.createTextEditorDecorationType({});
  private readonly parts: vscode.Disposable[];
  /** What nobody wanted, by document. */
  private readonly refused = new WeakMap<vscode.TextDocument, Set<string>>();
  private proposal: Proposal | undefined;
  /** Where the user is at work; in another file somebody may only have come to look. */
  private worked: vscode.TextDocument | undefined;
  /** What was last done to the text. */
  private applied: Proposal | undefined;
  private pause: NodeJS.Timeout | undefined;
  private asked: vscode.CancellationTokenSource | undefined;

  constructor(private readonly server: Server) {
    this.parts = [
      this.old,
      this.hint,
      vscode.workspace.onDidChangeTextDocument(event => this.changed(event)),
      vscode.window.onDidChangeTextEditorSelection(event => this.moved(event.textEditor)),
      vscode.window.onDidChangeTextEditorVisibleRanges(event => this.scrolled(event.textEditor)),
      vscode.window.onDidChangeActiveTextEditor(editor => this.entered(editor)),
      vscode.workspace.onDidChangeConfiguration(event => event.affectsConfiguration(settings.SECTION) && this.clear()),
    ];
  }

  dispose(): void {
    this.clear();
    this.parts.forEach(part => part.dispose());
  }

  /** Go where the first change is, if it is out of sight; else make all, and ask for those of the next lines. */
  async apply(): Promise<void> {
    const { proposal } = this;
    if (proposal === undefined) {
      // The key was faster than the context that gives it to us.
      await vscode.commands.executeCommand('tab');
      return;
    }
    const { editor, changes, first } = proposal;
    if (isFar(proposal)) {
      editor.selection = new vscode.Selection(first.start, first.start);
      editor.revealRange(first, vscode.TextEditorRevealType.InCenterIfOutsideViewport);
      return;
    }
    this.clear();
    if (await editor.edit(text => changes.forEach(({ range, newText }) => text.replace(range, newText)))) {
      this.applied = proposal;
      await this.ask(editor);
    }
  }

  /** Take it away, and do not come back with it. */
  dismiss(): void {
    this.refuse(this.proposal);
    this.clear();
  }

  private changed({ document, contentChanges, reason }: vscode.TextDocumentChangeEvent): void {
    const editor = vscode.window.activeTextEditor;
    if (document !== editor?.document || contentChanges.length === 0) {
      return; // saving counts as a change, too
    }
    if (contentChanges.some(({ text }) => /[\r\n]/.test(text))) {
      this.refuse(this.proposal); // on a new line the user has gone on
    }
    this.clear();
    if (reason === vscode.TextDocumentChangeReason.Undo && this.applied?.editor.document === document) {
      this.refuse(this.applied);
    }
    this.worked = document;
    if (reason === undefined && this.server.handles(document)) {
      this.applied = undefined;
      this.pause = setTimeout(() => void this.ask(editor), QUIET);
    }
  }

  /** What was renamed in another file meanwhile may go on here. */
  private entered(editor: vscode.TextEditor | undefined): void {
    this.clear();
    if (editor && this.server.handles(editor.document)) {
      this.pause = setTimeout(() => void this.ask(editor), QUIET);
    }
  }

  private moved(editor: vscode.TextEditor): void {
    const { proposal } = this;
    if (proposal?.editor !== editor) {
      return;
    }
    const { line } = editor.selection.active;
    if (!hasOneCursor(editor)) {
      this.clear();
    } else if (line === proposal.home || proposal.changes.some(({ range }) => range.start.line === line)) {
      this.draw(proposal);
    } else if (editor.document === this.worked) {
      this.dismiss(); // the user is busy elsewhere, where the keys are no longer ours
    } else {
      this.clear();
    }
  }

  private scrolled(editor: vscode.TextEditor): void {
    if (this.proposal?.editor === editor) {
      this.draw(this.proposal);
    }
  }

  private async ask(editor: vscode.TextEditor): Promise<void> {
    this.clear();
    const client = this.server.connection;
    const isOurs = editor === vscode.window.activeTextEditor && hasOneCursor(editor);
    if (!client || !isOurs || !settings.get('nextEdit.enable')) {
      return;
    }
    const { token } = (this.asked = new vscode.CancellationTokenSource());
    const { document, selection } = editor;
    const question = {
      textDocument: client.code2ProtocolConverter.asVersionedTextDocumentIdentifier(document),
      position: client.code2ProtocolConverter.asPosition(selection.active),
    };
    try {
      const { edits } = await client.sendRequest<{ edits: { changes?: TextEdit[] }[] }>(METHOD, question, token);
      const changes = await client.protocol2CodeConverter.asTextEdits(edits[0]?.changes ?? []);
      if (!token.isCancellationRequested) {
        this.show(editor, changes);
      }
    } catch (error) {
      if (!token.isCancellationRequested) {
        client.warn('There was no answer about the next edit.', error, false);
      }
    }
  }

  private show(editor: vscode.TextEditor, changes: readonly vscode.TextEdit[]): void {
    const { document, selection } = editor;
    if (!changes[0] || !hasOneCursor(editor)) {
      return;
    }
    const renaming = renamingOf(document, changes[0]);
    if (this.refused.get(document)?.has(renaming)) {
      return;
    }
    this.proposal = { editor, changes, first: changes[0].range, home: selection.active.line, renaming };
    this.draw(this.proposal);
    void vscode.commands.executeCommand('setContext', SHOWN, true);
  }

  private draw(proposal: Proposal): void {
    const { editor, changes, first } = proposal;
    editor.setDecorations(this.old, changes.map(({ range, newText }) => withBehind(range, newText, '0.4ch')));
    const { end } = editor.document.lineAt(editor.selection.active).range;
    const hint = withBehind(new vscode.Range(end, end), `→ line ${first.start.line + 1}`, '2ch');
    editor.setDecorations(this.hint, isFar(proposal) ? [hint] : []);
  }

  /** Show nothing, and wait for no answer. */
  private clear(): void {
    clearTimeout(this.pause);
    this.asked?.cancel();
    if (this.proposal) {
      const { editor } = this.proposal;
      this.proposal = undefined;
      [this.old, this.hint].forEach(type => editor.setDecorations(type, []));
      void vscode.commands.executeCommand('setContext', SHOWN, false);
    }
  }

  private refuse(proposal: Proposal | undefined): void {
    if (proposal) {
      const { editor, renaming } = proposal;
      const before = this.refused.get(editor.document) ?? [];
      this.refused.set(editor.document, new Set([...before, renaming]));
    }
  }
}

function withBehind(range: vscode.Range, contentText: string, gap: string): vscode.DecorationOptions {
  return { range, renderOptions: { after: { contentText, color: GREY, margin: `0 0 0 ${gap}` } } };
}

function hasOneCursor({ selections }: vscode.TextEditor): boolean {
  return selections.length === 1 && selections[0]!.isEmpty;
}

/** Whether nothing of a proposal's first change is seen. Where the cursor is, it has been led there. */
function isFar({ editor, first }: Proposal): boolean {
  const seen = editor.visibleRanges.some(range => range.contains(first));
  return !seen && editor.selection.active.line !== first.start.line;
}

/** Which name became which. A use may have to say both: `{ old: new }`, `export { new as old }`. */
function renamingOf(document: vscode.TextDocument, { range, newText }: vscode.TextEdit): string {
  const old = document.getText(range);
  return `${old} ${newText.replace(`${old}: `, '').replace(` as ${old}`, '')}`;
}
