// The Python extension's own gallery cannot be reached from a test; this has the part of its API that redraft uses.
const vscode = require('vscode');

exports.activate = () => {
  const python = vscode.Uri.joinPath(vscode.workspace.workspaceFolders[0].uri, '.venv', 'bin', 'python');
  const changed = new vscode.EventEmitter();
  return {
    environments: {
      getActiveEnvironmentPath: () => ({ id: python.fsPath, path: python.fsPath }),
      resolveEnvironment: async () => {
        if (!vscode.workspace.isTrusted) {
          throw new Error('Not allowed to resolve environment in an untrusted workspace'); // as the real one does
        }
        return { executable: { uri: python } };
      },
      onDidChangeActiveEnvironmentPath: changed.event,
    },
  };
};
