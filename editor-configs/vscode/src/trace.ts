/** The last trace: how the last proposal came to be, as a page without scripts that the server draws. */

import * as vscode from 'vscode';
import { LanguageClient } from 'vscode-languageclient/node';

export class TraceView implements vscode.Disposable {
  private panel: vscode.WebviewPanel | undefined;

  dispose(): void {
    this.panel?.dispose();
  }

  async show(client: LanguageClient | undefined): Promise<void> {
    const told = await client?.sendRequest<{ html: string }>('redraft/lastTrace', {});
    if (!told?.html) {
      void vscode.window.showInformationMessage('redraft: nothing has been completed yet, so there is no trace.');
      return;
    }
    this.panel ??= this.open();
    this.panel.webview.html = told.html;
    this.panel.reveal(undefined, true);
  }

  private open(): vscode.WebviewPanel {
    const beside = { viewColumn: vscode.ViewColumn.Beside, preserveFocus: true };
    const nothing = { enableScripts: false, localResourceRoots: [] };
    const panel = vscode.window.createWebviewPanel('redraft.trace', 'redraft trace', beside, nothing);
    panel.onDidDispose(() => (this.panel = undefined));
    return panel;
  }
}
