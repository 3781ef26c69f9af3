/** The server's life: found, started, started again after a crash, stopped. */

import * as os from 'node:os';
import { setTimeout as after } from 'node:timers/promises';
import * as vscode from 'vscode';
import {
  CloseAction,
  ErrorAction,
  InlineCompletionParams,
  InlineCompletionRequest,
  LanguageClient,
  MessageSignature,
  Middleware,
  State,
} from 'vscode-languageclient/node';
import { find, Found } from './find';
import * as python from './python';
import * as settings from './settings';

/** What the user can expect: the server's own words (`redraft/status`), and ours while it cannot speak. */
export type Condition = 'loading' | 'ready' | 'slow' | 'off' | 'error';
export interface Status {
  state: Condition;
  message: string;
}

/** Milliseconds before it is started again, doubled with every crash that follows at once. */
const FIRST_PAUSE = 250;
/** Crashes in a row after which only the user starts it again. */
const CRASHES_MOST = 6;
/** Milliseconds after which a running server counts as sound. */
const SOUND_AFTER = 60_000;
/** Milliseconds after which the user is told of a server that has not answered yet. */
const SILENT_AFTER = 10_000;
/** Milliseconds that one which is to end gets to answer, before it is killed. */
const LAST_MOMENT = 1000;

const STARTING: Status = { state: 'loading', message: 'Starting the server.' };
const SILENT: Status = { state: 'error', message: 'The server does not answer; restart it, or see its output.' };

/** vscode-languageclient shows a popup for what is told in one sentence here; it still writes it all to the log. */
class QuietClient extends LanguageClient {
  override error(message: string, data?: unknown): void {
    super.error(message, data, false);
  }
}

export class Server {
  private readonly changed = new vscode.EventEmitter<Status>();
  readonly onDidChangeStatus = this.changed.event;
  status: Status = STARTING;

  private client: LanguageClient | undefined;
  /** Done when the client has started, its features registered, or has failed to. */
  private starting: Promise<void> = Promise.resolve();
  private running: Found | undefined;
  private ended: Promise<unknown> = Promise.resolve();
  private crashes = 0;
  private since = 0;
  private pause: NodeJS.Timeout | undefined;

  constructor(
    private readonly extension: vscode.Extension<unknown>,
    private readonly languages: readonly string[],
    private readonly output: vscode.LogOutputChannel,
    private readonly middleware: Middleware,
  ) {}

  /** The connection, while there is one. */
  get connection(): LanguageClient | undefined {
    return this.client?.state === State.Running ? this.client : undefined;
  }

  /** Whether a document is one that the server is told of. */
  handles(document: vscode.TextDocument): boolean {
    return vscode.languages.match(this.selector, document) > 0;
  }

  /** Start it, in place of the one that runs. */
  restart(): Promise<void> {
    this.crashes = 0;
    return this.begin();
  }

  /**
   * Start it again if it would now be another one: another environment was chosen, the folder is trusted now. The one
   * that stays is told the settings: a trusted folder has more of a say.
   */
  async reconsider(): Promise<void> {
    const found = await this.search();
    if (JSON.stringify(found) !== JSON.stringify(this.running)) {
      await this.restart();
    } else if (this.connection) {
      await this.configure(this.connection);
    }
  }

  /** From now on there is none; done when none runs. */
  stop(): Promise<unknown> {
    clearTimeout(this.pause);
    const { client } = this;
    this.client = this.running = undefined;
    this.ended = Promise.all([this.ended, client && this.dismiss(client, this.starting)]);
    return this.ended;
  }

  /** Stop the one there is and start one. Who is overtaken by another who wants the same leaves it to that one. */
  private async begin(): Promise<void> {
    this.say(STARTING);
    try {
      const ended = this.stop();
      const [found] = await Promise.all([this.search(), ended]);
      if (ended === this.ended) {
        await this.start(found);
      }
    } catch (error) {
      this.output.error(String(error));
      this.say({ state: 'error', message: "redraft's server could not be started; its output says why." });
    }
  }

  private async search(): Promise<Found> {
    const configured = settings.get<string>('path').trim();
    const folders = (vscode.workspace.workspaceFolders ?? []).filter(folder => folder.uri.scheme === 'file');
    return find({
      configured,
      environment: configured ? undefined : await python.programsFolder(),
      path: process.env['PATH'] ?? '',
      home: os.homedir(),
      forbidden: vscode.workspace.isTrusted ? [] : folders.map(folder => folder.uri.fsPath),
    });
  }

  private async start(found: Found): Promise<void> {
    this.running = found;
    if ('problem' in found) {
      this.say({ state: 'error', message: found.problem });
      void this.ask(found.problem, { 'Choose It…': 'redraft.choosePath', 'How to Install': 'redraft.help' });
      return;
    }
    this.output.info(`starting ${[found.command, ...found.args].join(' ')}`);
    const client = (this.client = this.create(found.command, found.args));
    this.since = Date.now();
    // It says that it is ready before its features are registered.
    client.onNotification('redraft/status', (status: Status) => this.starting.then(() => this.sayOf(client, status)));
    const silent = setTimeout(() => this.sayOf(client, SILENT), SILENT_AFTER);
    this.starting = client.start().catch(() => this.crashed(client));
    await this.starting;
    clearTimeout(silent);
  }

  private create(command: string, args: string[]): LanguageClient {
    const client: LanguageClient = new QuietClient(
      settings.SECTION,
      'redraft',
      // Not the opened folder, which is what it would be by itself; and nothing that a folder could have said to Python.
      {
        command,
        args,
        options: { cwd: os.homedir(), env: { ...process.env, PYTHONPATH: undefined, PYTHONHOME: undefined } },
      },
      {
        documentSelector: this.selector,
        outputChannel: this.output,
        initializationOptions: () => ({ redraft: { ...this.settingsOf('window'), ...this.settingsOf('machine') } }),
        initializationFailedHandler: () => false,
        errorHandler: {
          error: () => ({ action: ErrorAction.Continue }),
          closed: () => {
            this.crashed(client);
            return { action: CloseAction.DoNotRestart, handled: true };
          },
        },
        middleware: {
          ...this.middleware,
          sendRequest: (type, asked, token, next) => next(type, withIndentation(type, asked), token),
          workspace: {
            // What only the machine's owner may say travels at the start and never later.
            configuration: params => params.items.map(() => this.settingsOf('window')),
            didChangeConfiguration: () => this.configure(client),
          },
        },
      },
    );
    return client;
  }

  private get selector(): { scheme: string; language: string }[] {
    return this.languages.flatMap(language =>
      ['file', 'untitled', 'vscode-notebook-cell'].map(scheme => ({ scheme, language })),
    );
  }

  private configure(client: LanguageClient): Promise<void> {
    return client.sendNotification('workspace/didChangeConfiguration', { settings: { redraft: this.settingsOf('window') } });
  }

  private settingsOf(scope: 'machine' | 'window'): Record<string, unknown> {
    return settings.ofScope(this.extension, scope);
  }

  /** It ended without being asked to. */
  private crashed(client: LanguageClient): void {
    if (client !== this.client) {
      return; // stopped by us, or counted already
    }
    this.client = this.running = undefined;
    void client.dispose().catch(() => undefined);
    this.crashes = Date.now() - this.since > SOUND_AFTER ? 1 : this.crashes + 1;
    if (this.crashes >= CRASHES_MOST) {
      const problem = `redraft's server stopped ${this.crashes} times in a row; its output says why.`;
      this.say({ state: 'error', message: problem });
      void this.ask(problem, { 'Show Output': 'redraft.showOutput', 'Start It Again': 'redraft.restart' });
      return;
    }
    this.say(STARTING);
    const pause = FIRST_PAUSE * 2 ** (this.crashes - 1);
    this.output.warn(`the server stopped; starting it again in ${pause} ms`);
    this.pause = setTimeout(() => void this.begin(), pause);
  }

  /** Ask it to end; one that is still starting gets a moment to answer, and is killed by the library if it does not. */
  private async dismiss(client: LanguageClient, starting: Promise<void>): Promise<void> {
    await Promise.race([starting, after(LAST_MOMENT)]);
    await client.dispose().catch((error: unknown) => this.output.warn(String(error)));
    await starting;
  }

  private sayOf(client: LanguageClient, status: Status): void {
    if (client === this.client) {
      this.say(status);
    }
  }

  private say(status: Status): void {
    this.status = status;
    this.changed.fire(status);
  }

  /** One message, and what can be done about it. */
  private async ask(message: string, remedies: Record<string, string>): Promise<void> {
    const chosen = await vscode.window.showErrorMessage(message, ...Object.keys(remedies));
    const command = chosen && remedies[chosen];
    if (command) {
      await vscode.commands.executeCommand(command);
    }
  }
}

/**
 * Ghost text is asked for with what the editor indents by: in a file that has no block yet nothing else says it. LSP has
 * these options for formatting only.
 */
function withIndentation<P>(type: string | MessageSignature, asked: P | undefined): P | undefined {
  if ((typeof type === 'string' ? type : type.method) !== InlineCompletionRequest.method) {
    return asked;
  }
  const { uri } = (asked as InlineCompletionParams).textDocument;
  const editor = vscode.window.visibleTextEditors.find(({ document }) => document.uri.toString() === uri);
  if (!editor) {
    return asked; // as in a peeked file
  }
  const { tabSize, indentSize, insertSpaces } = editor.options;
  return { ...asked!, formattingOptions: { tabSize: indentSize, insertSpaces: insertSpaces || indentSize !== tabSize } };
}
