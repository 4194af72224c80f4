// A Monaco editor whose language client speaks to `netspec lsp`: at ?port=N a bridge has the server's stdin and stdout.
import "@codingame/monaco-vscode-theme-defaults-default-extension";
import * as vscode from "vscode";
import { EditorApp } from "monaco-languageclient/editorApp";
import { LanguageClientWrapper } from "monaco-languageclient/lcwrapper";
import { MonacoVscodeApiWrapper } from "monaco-languageclient/vscodeApiWrapper";
import { configureDefaultWorkerFactory } from "monaco-languageclient/workerFactory";

import extension from "./extension/package.json";
import configuration from "./extension/language-configuration.json?raw";
import grammar from "./extension/syntaxes/netspec.tmLanguage.json?raw";

const asked = new URLSearchParams(location.search);

const api = new MonacoVscodeApiWrapper({
  $type: "extended",
  viewsConfig: { $type: "EditorService" },
  userConfiguration: {
    json: JSON.stringify({
      "workbench.colorTheme": asked.get("theme") === "dark" ? "Default Dark Modern" : "Default Light Modern",
      "editor.semanticHighlighting.enabled": true,
      "editor.wordBasedSuggestions": "off",
      "editor.inlayHints.enabled": "on",
    }),
  },
  extensions: [{
    config: {
      name: extension.name, publisher: extension.publisher, version: extension.version, engines: { vscode: "*" },
      contributes: { languages: extension.contributes.languages, grammars: extension.contributes.grammars },
    },
    filesOrContents: new Map([["/language-configuration.json", configuration], ["/syntaxes/netspec.tmLanguage.json", grammar]]),
  }],
  monacoWorkerFactory: configureDefaultWorkerFactory,
});
await api.start();

const client = new LanguageClientWrapper({
  languageId: "netspec",
  connection: { options: { $type: "WebSocketUrl", url: `ws://127.0.0.1:${asked.get("port")}` } },
  clientOptions: { documentSelector: ["netspec"] },
});
await client.start();

const app = new EditorApp({
  codeResources: { modified: { text: "", uri: "/work/spec.netspec.yaml" } },
  editorOptions: { fontSize: 14, minimap: { enabled: false }, automaticLayout: true },
});
await app.start(document.getElementById("editor"));
client.getLanguageClient().onNotification("$/netspec/settled", ({ version }) => { globalThis.settled = version; });
const document_ = () => vscode.workspace.textDocuments.find((document) => document.languageId === "netspec");
Object.assign(globalThis, { vscode, document_, editor: app.getEditor(), settled: 0, ready: true });
