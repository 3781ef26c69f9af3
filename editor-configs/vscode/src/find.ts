/** Where the server is: the configured path, else the active Python environment, else PATH. Knows no editor. */

import * as fs from 'node:fs';
import * as path from 'node:path';

/** What the search may look at. All folders are absolute. */
export interface Surroundings {
  /** The setting `redraft.path`, empty when it is not set. */
  configured: string;
  /** The folder with the programs of the active Python environment. */
  environment: string | undefined;
  /** The variable PATH. */
  path: string;
  home: string;
  /** Folders that nothing may be started from, or empty: the opened ones, as long as they are not trusted. */
  forbidden: readonly string[];
}

/** A command line and where it was found; or a sentence that says why there is none. */
export type Found = { command: string; args: string[]; place: string } | { problem: string };

export const NOT_FOUND =
  'There is no redraft command in the active Python environment or on PATH, and the setting redraft.path is empty. ' +
  'Install redraft, or say where it is.';

export function find(where: Surroundings): Found {
  if (where.configured) {
    return configured(where);
  }
  // A relative entry of PATH would mean a folder of whatever is open.
  const onPath = where.path.split(path.delimiter).filter(folder => path.isAbsolute(folder));
  const environment = where.environment === undefined ? [] : [where.environment];
  for (const folder of [...environment, ...onPath]) {
    const command = commandIn(folder);
    if (command !== undefined && !isForbidden(command[0]!, where.forbidden)) {
      const [program, ...args] = command;
      return { command: program!, args: [...args, 'lsp'], place: folder };
    }
  }
  return { problem: NOT_FOUND };
}

function configured(where: Surroundings): Found {
  const named = where.configured.replace(/^~(?=$|[/\\])/, () => where.home);
  if (!path.isAbsolute(named)) {
    return { problem: `The setting redraft.path must be an absolute path, and ${where.configured} is none.` };
  }
  if (!isProgram(named)) {
    return { problem: `The setting redraft.path names ${named}, which is no program that can be started.` };
  }
  if (isForbidden(named, where.forbidden)) {
    return { problem: `The setting redraft.path names ${named}, which lies in a folder that is not trusted.` };
  }
  const batch = process.platform === 'win32' && /^redraft(\.cmd)?$/i.test(path.basename(named));
  const [program, ...args] = (batch && commandIn(path.dirname(named))) || [named];
  return { command: program!, args: [...args, 'lsp'], place: named };
}

/** The command line of a redraft that is installed in this folder of programs. */
function commandIn(folder: string): string[] | undefined {
  if (process.platform !== 'win32') {
    const program = path.join(folder, 'redraft');
    return isProgram(program) ? [program] : undefined;
  }
  // There the command is a batch file, which cannot be started without a shell; it does no more than this.
  const [python, entry] = [path.join(folder, 'python.exe'), path.join(folder, 'redraft-python.exe')];
  if (!isProgram(path.join(folder, 'redraft.cmd'))) {
    return undefined;
  }
  return isProgram(python) ? [python, '-I', '-m', 'lsp_server'] : isProgram(entry) ? [entry] : undefined;
}

function isProgram(name: string): boolean {
  try {
    fs.accessSync(name, fs.constants.X_OK);
    return fs.statSync(name).isFile();
  } catch {
    return false;
  }
}

/** Whether a program lies in one of the folders, by its name or behind its links. */
function isForbidden(program: string, folders: readonly string[]): boolean {
  const places = [program, path.join(real(path.dirname(program)), path.basename(program)), real(program)];
  return folders.flatMap(folder => [folder, real(folder)]).some(folder => places.some(place => isWithin(place, folder)));
}

function isWithin(place: string, folder: string): boolean {
  const way = path.relative(folder, place);
  return way === '' || (!way.startsWith('..' + path.sep) && way !== '..' && !path.isAbsolute(way));
}

function real(name: string): string {
  try {
    return fs.realpathSync(name);
  } catch {
    return name;
  }
}
