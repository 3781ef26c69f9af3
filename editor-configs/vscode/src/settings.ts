/** The settings, by their names in package.json, where `lsp_server/settings.py` writes them. */

import * as vscode from 'vscode';

export const SECTION = 'redraft';

/** On or off, or which by language; `*` are all others. */
export type Enable = boolean | Record<string, boolean>;

/** Those of one scope, under their names within our section. `machine` are those that no opened folder can set. */
export function ofScope(extension: vscode.Extension<unknown>, scope: 'machine' | 'window'): Record<string, unknown> {
  const groups: { properties: Record<string, { scope: string }> }[] = extension.packageJSON.contributes.configuration;
  return Object.fromEntries(
    groups
      .flatMap(group => Object.entries(group.properties))
      .filter(([, described]) => described.scope === scope)
      .map(([name]) => name.slice(SECTION.length + 1))
      .map(name => [name, get(name)]),
  );
}

export function get<T>(name: string): T {
  return vscode.workspace.getConfiguration(SECTION).get<T>(name)!;
}

/** Write a setting where it is set now, else in the user's own settings; the default is written as nothing. */
export async function set(name: string, value: unknown): Promise<void> {
  const settings = vscode.workspace.getConfiguration(SECTION);
  const now = settings.inspect(name);
  const target = now?.workspaceValue === undefined ? vscode.ConfigurationTarget.Global : vscode.ConfigurationTarget.Workspace;
  const lower = target === vscode.ConfigurationTarget.Workspace ? now?.globalValue ?? now?.defaultValue : now?.defaultValue;
  await settings.update(name, value === lower ? undefined : value, target);
}

export function isOn(enable: Enable, language: string): boolean {
  return typeof enable === 'boolean' ? enable : enable[language] ?? enable['*'] ?? true;
}

/** Whether there is a language that is on. */
export function isOnSomewhere(enable: Enable): boolean {
  return typeof enable === 'boolean' ? enable : (enable['*'] ?? true) || Object.values(enable).some(on => on);
}

/** The same with one language on or off. */
export function withLanguage(enable: Enable, language: string, on: boolean): Enable {
  const others = typeof enable === 'boolean' ? { '*': enable } : { ...enable };
  const everything = { ...others, [language]: on };
  return Object.values({ '*': true, ...everything }).every(one => one) || everything;
}
