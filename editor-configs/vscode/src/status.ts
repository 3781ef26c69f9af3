/** The status bar item, and the menu that a click on it opens. */

import * as vscode from 'vscode';
import * as settings from './settings';
import { Condition, Server } from './server';

const ICONS: Record<Condition | 'thinking', string> = {
  loading: '$(loading~spin)',
  thinking: '$(loading~spin)',
  ready: '$(sparkle)',
  slow: '$(watch)',
  off: '$(circle-slash)',
  error: '$(error)',
};
const MEANINGS: Record<Condition | 'thinking', string> = {
  loading: 'Loading the model.',
  thinking: 'Thinking.',
  ready: 'Ready.',
  slow: 'Slow.',
  off: 'Paused.',
  error: 'Not working.',
};
/** How completions are decoded; the settings' page says the same of `redraft.mode`. */
const MODES: Record<string, string> = {
  speedy: 'Draft fast, repair afterwards',
  quality: 'Draft carefully',
  auto: 'Chosen from the time that is left',
  causal: 'Left to right, the likeliest token each time',
};
/** Milliseconds between looks at what is running: shorter requests are not shown, and typing does not make it blink. */
const GLANCE = 200;

export class StatusBar implements vscode.Disposable {
  private readonly item = vscode.window.createStatusBarItem('redraft', vscode.StatusBarAlignment.Right, 100);
  private readonly parts: vscode.Disposable[];
  private asking = 0;
  private thinking = false;
  private glance: NodeJS.Timeout | undefined;

  constructor(
    private readonly server: Server,
    private readonly languages: readonly string[],
  ) {
    this.item.name = 'redraft';
    this.item.command = 'redraft.menu';
    this.parts = [
      this.item,
      server.onDidChangeStatus(() => this.draw()),
      vscode.window.onDidChangeActiveTextEditor(() => this.draw()),
      vscode.workspace.onDidChangeConfiguration(event => event.affectsConfiguration(settings.SECTION) && this.draw()),
    ];
    this.draw();
    this.item.show();
  }

  dispose(): void {
    clearTimeout(this.glance);
    this.parts.forEach(part => part.dispose());
  }

  /** Count a request of the editor for as long as it takes. */
  async whileAsking<T>(answer: vscode.ProviderResult<T>): Promise<T | null | undefined> {
    this.asking += 1;
    this.glance ??= setTimeout(() => this.look(), GLANCE);
    try {
      return await answer;
    } finally {
      this.asking -= 1;
    }
  }

  private look(): void {
    this.thinking = this.asking > 0;
    this.glance = this.thinking ? setTimeout(() => this.look(), GLANCE) : undefined;
    this.draw();
  }

  private draw(): void {
    const { state, message } = this.state();
    this.item.text = `${ICONS[state]} redraft`;
    this.item.tooltip = `redraft: ${message || MEANINGS[state]} (mode ${settings.get<string>('mode')})`;
    this.item.accessibilityInformation = { label: `redraft, ${MEANINGS[state]}` };
    this.item.backgroundColor = state === 'error' ? new vscode.ThemeColor('statusBarItem.errorBackground') : undefined;
  }

  private state(): { state: Condition | 'thinking'; message: string } {
    const said = this.server.status;
    const language = activeLanguage(this.languages);
    if (said.state === 'error' || said.state === 'loading') {
      return said;
    }
    if (settings.isPaused()) {
      return { state: 'off', message: 'Paused everywhere.' };
    }
    if (language !== undefined && !settings.isOn(settings.get('enable'), language)) {
      return { state: 'off', message: `Paused for ${language}.` };
    }
    return this.thinking && said.state !== 'off' ? { state: 'thinking', message: '' } : said;
  }
}

interface Entry extends vscode.QuickPickItem {
  command?: string;
}

/** What can be done here and now, each a command of its own. */
export async function showMenu(server: Server, languages: readonly string[]): Promise<void> {
  const paused = settings.isPaused();
  const language = activeLanguage(languages);
  const entries: Entry[] = [];
  if (server.status.state === 'error') {
    entries.push(
      { label: '$(debug-restart) Restart the server', command: 'redraft.restart' },
      { label: '$(file-directory) Choose the redraft command…', command: 'redraft.choosePath' },
    );
  }
  entries.push({ label: '$(settings) Mode', description: settings.get('mode'), command: 'redraft.selectMode' });
  if (language !== undefined && !paused) {
    const on = settings.isOn(settings.get('enable'), language);
    const label = on ? `$(debug-pause) Pause for ${language}` : `$(play) Resume for ${language}`;
    entries.push({ label, command: 'redraft.pauseLanguage' });
  }
  entries.push(
    { label: paused ? '$(play) Resume' : '$(debug-pause) Pause everywhere', command: 'redraft.pause' },
    { label: '$(list-tree) Show last trace', command: 'redraft.showTrace' },
    { label: '', kind: vscode.QuickPickItemKind.Separator },
    { label: '$(output) Show output', command: 'redraft.showOutput' },
    { label: '$(gear) Settings', command: 'redraft.openSettings' },
  );
  const { state, message } = server.status;
  const chosen = await vscode.window.showQuickPick(entries, { title: `redraft: ${message || MEANINGS[state]}` });
  if (chosen?.command) {
    await vscode.commands.executeCommand(chosen.command);
  }
}

export async function selectMode(): Promise<void> {
  const now = settings.get<string>('mode');
  const entries = Object.entries(MODES).map(([label, detail]) => ({
    label,
    detail,
    ...(label === now && { description: 'now' }),
  }));
  const chosen = await vscode.window.showQuickPick(entries, { title: 'redraft: how completions are decoded' });
  if (chosen) {
    await settings.set('mode', chosen.label);
  }
}

export async function pauseLanguage(languages: readonly string[]): Promise<void> {
  if (settings.isPaused()) {
    void vscode.window.showInformationMessage('redraft is paused everywhere; resume it first.');
    return;
  }
  const language = activeLanguage(languages);
  if (language === undefined) {
    void vscode.window.showInformationMessage('redraft completes nothing in this editor; open a file of code first.');
    return;
  }
  const enable = settings.get<settings.Enable>('enable');
  await settings.set('enable', settings.withLanguage(enable, language, !settings.isOn(enable, language)));
}

/** Off everywhere; on again as it was before. */
export async function pause(): Promise<void> {
  await settings.set('paused', !settings.isPaused());
}

/** The language of the active editor, if it is one of ours. */
function activeLanguage(languages: readonly string[]): string | undefined {
  const language = vscode.window.activeTextEditor?.document.languageId;
  return language !== undefined && languages.includes(language) ? language : undefined;
}
