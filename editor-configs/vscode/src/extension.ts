/** Puts the parts together; started by the first file of a language that redraft knows. */

import * as vscode from 'vscode';
import { CodeAction } from 'vscode-languageclient/node';
import { NextEdit } from './next';
import { Preview } from './preview';
import * as python from './python';
import { Server } from './server';
import * as settings from './settings';
import * as status from './status';
import { TraceView } from './trace';

/** For `deactivate`, which is handed nothing. */
let server: Server | undefined;

export async function activate(context: vscode.ExtensionContext): Promise<void> {
  const { extension } = context;
  const languages = languagesOf(extension);
  const output = vscode.window.createOutputChannel('redraft', { log: true });
  const preview = new Preview();
  const trace = new TraceView();
  const started: Server = (server = new Server(extension, languages, output, {
    provideInlineCompletionItems: (document, position, asked, token, next) =>
      bar.whileAsking(next(document, position, asked, token)),
    provideCodeActions: async (document, range, asked, token, next) =>
      Preview.offers(started.connection, await next(document, range, asked, token)),
    resolveCodeAction: (action, token, next) => (Preview.isOurs(action) ? action : next(action, token)),
  }));
  const nextEdit = new NextEdit(started);
  const bar = new status.StatusBar(started, languages);
  const commands: Record<string, (...given: never[]) => unknown> = {
    menu: () => status.showMenu(started, languages),
    selectMode: () => status.selectMode(),
    pauseLanguage: () => status.pauseLanguage(languages),
    pause: () => status.pause(),
    showTrace: () => trace.show(started.connection),
    showOutput: () => output.show(),
    restart: () => started.restart(),
    choosePath: () => choosePath(),
    // The package holds it under this name. It can be read offline, unlike the extension's page in a gallery.
    help: () => vscode.commands.executeCommand('markdown.showPreview', vscode.Uri.joinPath(extension.extensionUri, 'readme.md')),
    openSettings: () => vscode.commands.executeCommand('workbench.action.openSettings', `@ext:${extension.id}`),
    previewFix: (action: CodeAction) => started.connection && preview.show(started.connection, action),
    applyPreview: () => preview.apply(),
    discardPreview: () => preview.close(),
    applyNextEdit: () => nextEdit.apply(),
    dismissNextEdit: () => nextEdit.dismiss(),
  };
  context.subscriptions.push(
    output,
    preview,
    trace,
    nextEdit,
    bar,
    ...Object.entries(commands).map(([name, run]) => vscode.commands.registerCommand(`redraft.${name}`, run)),
    vscode.workspace.onDidGrantWorkspaceTrust(() => started.reconsider()),
    vscode.workspace.onDidChangeConfiguration(event => {
      const fixed = Object.keys(settings.ofScope(extension, 'machine'));
      if (fixed.some(name => event.affectsConfiguration(`${settings.SECTION}.${name}`))) {
        void started.restart();
      }
    }),
  );
  void started.restart(); // one that never answers must not keep us from the rest
  const listening = await python.onDidChoose(() => started.reconsider());
  if (listening) {
    context.subscriptions.push(listening);
  }
}

export function deactivate(): Promise<unknown> | undefined {
  return server?.stop();
}

/** Those whose files start the extension. */
function languagesOf(extension: vscode.Extension<unknown>): string[] {
  const events: string[] = extension.packageJSON.activationEvents;
  return events.filter(event => event.startsWith('onLanguage:')).map(event => event.slice('onLanguage:'.length));
}

async function choosePath(): Promise<void> {
  const chosen = await vscode.window.showOpenDialog({ title: 'The redraft command', openLabel: 'Use This' });
  if (chosen?.[0]) {
    await vscode.workspace.getConfiguration(settings.SECTION).update('path', chosen[0].fsPath, vscode.ConfigurationTarget.Global);
  }
}
