// Starts `netspec lsp` for the files that are specs: by their language, or by the patterns of a setting.
"use strict";

const vscode = require("vscode");
const { LanguageClient } = require("vscode-languageclient/node");

let client;
let turn = Promise.resolve(); // a client is started or stopped once the last one is
let panel; // the page that is shown beside the text
const tables = {}; // text of each table by its URI
const changed = new vscode.EventEmitter();

// What the server has made of a network when a lens was pressed: a page beside the text, or a table to read.
async function show({ kind, title, text }) {
  const beside = { viewColumn: vscode.ViewColumn.Beside, preserveFocus: true };
  if (kind === "page") {
    if (panel === undefined) {
      panel = vscode.window.createWebviewPanel("netspec", title, beside, { enableScripts: true, localResourceRoots: [] });
      panel.onDidDispose(() => {
        panel = undefined;
      });
    }
    panel.title = title;
    panel.webview.html = inColours(text);
    panel.reveal(undefined, true);
    return;
  }
  const uri = vscode.Uri.from({ scheme: "netspec", path: `/${title}.txt` });
  tables[uri.toString()] = text;
  changed.fire(uri);
  await vscode.window.showTextDocument(await vscode.workspace.openTextDocument(uri), { ...beside, preview: true });
}

// A page in the colours of the window, without the margin that VS Code gives pages.
function inColours(page) {
  const light = [vscode.ColorThemeKind.Light, vscode.ColorThemeKind.HighContrastLight];
  const theme = light.includes(vscode.window.activeColorTheme.kind) ? "light" : "dark";
  return `${page.replace("<html ", `<html data-theme="${theme}" `)}<style>body { padding: 0; }</style>`;
}

async function start() {
  // Of both settings the workspace's values are not asked for: a checkout starts nothing and loads nothing.
  const own = (name) => {
    const said = vscode.workspace.getConfiguration("netspec").inspect(name);
    return said.globalValue ?? said.defaultValue;
  };
  const [command, ...words] = own("command");
  const args = [...words, ...own("plugins").flatMap((name) => ["--plugin", name])];
  const files = vscode.workspace.getConfiguration().get("netspec.files");
  const documentSelector = [
    { language: "netspec" },
    ...files.map((pattern) => ({ scheme: "file", language: "yaml", pattern })),
  ];
  client = new LanguageClient("netspec", "netspec", { command, args }, {
    documentSelector,
    synchronize: { configurationSection: "netspec" },
    initializationOptions: { results: true },
    middleware: {
      executeCommand: async (name, words, next) => {
        const made = await next(name, words);
        if (made?.kind !== undefined) {
          await show(made);
        }
        return made;
      },
    },
  });
  try {
    await client.start();
  } catch (error) {
    client = undefined;
    sayWhy([command, ...args].join(" "), error?.message ?? error);
  }
}

// Not waited for: the message stands until somebody answers, and a setting may be right before that.
async function sayWhy(words, reason) {
  const where = "Say where netspec is: settings, netspec.command";
  const chosen = await vscode.window.showErrorMessage(
    `netspec: \`${words}\` does not start${reason ? ` (${reason})` : ""}. It needs ` +
      '`pip install "netspec-compiler[lsp]"`.',
    where,
  );
  if (chosen === where) {
    await vscode.commands.executeCommand("workbench.action.openSettings", "netspec.command");
  }
}

function inTurn(step) {
  turn = turn.then(step, step);
  return turn;
}

async function restart() {
  await client?.stop();
  client = undefined;
  await start();
}

exports.activate = async (context) => {
  context.subscriptions.push(
    changed,
    vscode.workspace.registerTextDocumentContentProvider("netspec", {
      onDidChange: changed.event,
      provideTextDocumentContent: (uri) => tables[uri.toString()],
    }),
    vscode.workspace.onDidChangeConfiguration((change) => {
      if (["command", "plugins", "files"].some((name) => change.affectsConfiguration(`netspec.${name}`))) {
        return inTurn(restart);
      }
      return undefined;
    }),
  );
  await inTurn(start);
};

exports.deactivate = () => inTurn(() => client?.stop());
