/** The active Python environment: the Python extension's, else the one that VS Code was started in. */

import * as path from 'node:path';
import * as vscode from 'vscode';

const EXTENSION = 'ms-python.python';
/** Milliseconds that a slow Python extension may hold up the start. */
const PATIENCE = 5000;

/** The part of the Python extension's public API that is used here. */
interface PythonApi {
  environments: {
    getActiveEnvironmentPath(resource?: vscode.Uri): { path: string };
    resolveEnvironment(environment: { path: string }): Promise<{ executable: { uri: vscode.Uri | undefined } } | undefined>;
    onDidChangeActiveEnvironmentPath: vscode.Event<unknown>;
  };
}

/** The folder with the environment's programs. */
export async function programsFolder(): Promise<string | undefined> {
  const chosen = await Promise.race([chosenEnvironment(), new Promise<undefined>(give => setTimeout(give, PATIENCE, undefined))]);
  const started = process.env['VIRTUAL_ENV'] ?? process.env['CONDA_PREFIX'];
  return chosen ?? (started && path.join(started, process.platform === 'win32' ? 'Scripts' : 'bin'));
}

/** Calls back whenever the user chooses another environment. */
export async function onDidChoose(callback: () => void): Promise<vscode.Disposable | undefined> {
  return (await api())?.environments.onDidChangeActiveEnvironmentPath(callback);
}

async function chosenEnvironment(): Promise<string | undefined> {
  const environments = (await api())?.environments;
  const first = vscode.workspace.workspaceFolders?.[0]?.uri;
  try {
    const resolved = await environments?.resolveEnvironment(environments.getActiveEnvironmentPath(first));
    const program = resolved?.executable.uri?.fsPath;
    return program && programsBeside(program);
  } catch {
    return undefined; // it throws as long as the folder is not trusted
  }
}

/** On Windows those of a Python that is no virtual environment lie in a folder of their own. */
function programsBeside(python: string): string {
  const folder = path.dirname(python);
  const own = process.platform !== 'win32' || path.basename(folder).toLowerCase() === 'scripts';
  return own ? folder : path.join(folder, 'Scripts');
}

async function api(): Promise<PythonApi | undefined> {
  try {
    const found: PythonApi | undefined = await vscode.extensions.getExtension<PythonApi>(EXTENSION)?.activate();
    return found?.environments ? found : undefined;
  } catch {
    return undefined; // an extension that fails to start is its own affair
  }
}
