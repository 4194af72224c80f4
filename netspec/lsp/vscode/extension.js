// Starts `netspec lsp` for YAML, of which the server answers for specs alone.
"use strict";

const vscode = require("vscode");
const { LanguageClient } = require("vscode-languageclient/node");

let client;

async function start() {
  // Of both settings the workspace's values are not asked for: a checkout starts nothing and loads nothing.
  const own = (name) => {
    const said = vscode.workspace.getConfiguration("netspec").inspect(name);
    return said.globalValue ?? said.defaultValue;
  };
  const [command, ...words] = own("command");
  const args = [...words, ...own("plugins").flatMap((name) => ["--plugin", name])];
  const documentSelector = ["yaml", "netspec"].flatMap((language) => [
    { scheme: "file", language },
    { scheme: "untitled", language },
  ]);
  client = new LanguageClient("netspec", "netspec", { command, args }, {
    documentSelector,
    synchronize: { configurationSection: "netspec" },
  });
  try {
    await client.start();
  } catch (error) {
    client = undefined;
    const install = "Say where netspec is: settings, netspec.command";
    const chosen = await vscode.window.showErrorMessage(
      `netspec: \`${[command, ...args].join(" ")}\` does not start (${error.message}). It needs ` +
        '`pip install "netspec-compiler[lsp]"`.',
      install,
    );
    if (chosen === install) {
      await vscode.commands.executeCommand("workbench.action.openSettings", "netspec.command");
    }
  }
}

async function restart() {
  await client?.stop();
  client = undefined;
  await start();
}

exports.activate = async (context) => {
  context.subscriptions.push(
    vscode.workspace.onDidChangeConfiguration((change) => {
      if (change.affectsConfiguration("netspec.command") || change.affectsConfiguration("netspec.plugins")) {
        return restart();
      }
      return undefined;
    }),
  );
  await start();
};

exports.deactivate = () => client?.stop();
