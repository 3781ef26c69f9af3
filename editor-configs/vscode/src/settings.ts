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
      .map(name => [name, name === 'enable' ? enabled() : get(name)]),
  );
}

/** Everything is off until it is resumed. No folder has a say in that, and what `enable` says stays as it is. */
export function isPaused(): boolean {
  return get('paused');
}

/** What is on now. */
function enabled(): Enable {
  return !isPaused() && get('enable');
}

/**
 * What counts of a setting. VS Code lets the opened folder's value take the place of the user's; where a folder may ask
 * for less and never for more, both are put together here. Such a setting is none of `restrictedConfigurations`: there
 * a folder that is not trusted could not even ask for less.
 */
export function get<T>(name: string): T {
  const settings = vscode.workspace.getConfiguration(SECTION);
  const now = settings.inspect(name);
  const both = now?.workspaceValue === undefined ? undefined : together(name);
  // `null` says nothing, as `{}` does.
  return (both ? both(now?.globalValue ?? now?.defaultValue, now?.workspaceValue ?? {}) : settings.get(name)) as T;
}

/** Write a setting where it is set now, else in the user's own settings; the default is written as nothing. */
export async function set(name: string, value: unknown): Promise<void> {
  const settings = vscode.workspace.getConfiguration(SECTION);
  const now = settings.inspect(name);
  const own = now?.globalValue ?? now?.defaultValue;
  // What the user's own settings pause, a folder's would not resume.
  const held = together(name) === onInBoth && isMore(value as Enable, own as Enable);
  const inFolder = now?.workspaceValue !== undefined && !held;
  const target = inFolder ? vscode.ConfigurationTarget.Workspace : vscode.ConfigurationTarget.Global;
  await settings.update(name, value === (inFolder ? own : now?.defaultValue) ? undefined : value, target);
}

/** How the user's value and the folder's become one, if the folder's does not simply take the place of the user's. */
function together(name: string): ((own: any, folders: any) => unknown) | undefined {
  if (name === 'exclude') {
    return excludedByEither;
  }
  return name === 'enable' && !vscode.workspace.isTrusted ? onInBoth : undefined;
}

/** Of both lists what is a glob: for the sake of anything else the server would refuse all of it. */
function excludedByEither(own: unknown, folders: unknown): string[] {
  const mine = texts(own);
  // A `!` takes back what other globs exclude, from within braces too; only behind a bracket it does not.
  return [...mine, ...texts(folders).filter(glob => mine.length === 0 || !/(^|[^[])!/.test(glob))];
}

function texts(list: unknown): string[] {
  return Array.isArray(list) ? list.filter(one => typeof one === 'string') : [];
}

function onInBoth(own: Enable, folders: Enable): Enable {
  const on = (language: string): boolean => [own, folders].every(one => isOn(one, language));
  return Object.fromEntries(languagesIn(own, folders).map(language => [language, on(language)]));
}

function isMore(enable: Enable, than: Enable): boolean {
  return languagesIn(enable, than).some(language => isOn(enable, language) && !isOn(than, language));
}

function languagesIn(...enables: Enable[]): string[] {
  return ['*', ...enables.flatMap(enable => Object.keys(enable))];
}

export function isOn(enable: Enable, language: string): boolean {
  return typeof enable === 'boolean' ? enable : enable[language] ?? enable['*'] ?? true;
}

/** The same with one language on or off. */
export function withLanguage(enable: Enable, language: string, on: boolean): Enable {
  const others = typeof enable === 'boolean' ? { '*': enable } : { ...enable };
  const everything = { ...others, [language]: on };
  return Object.values({ '*': true, ...everything }).every(one => one) || everything;
}
