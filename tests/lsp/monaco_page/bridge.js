// Serves the built page, and passes messages between each web socket and a server of its own: node bridge.js PYTHON.
import { createServer } from "node:http";
import { readFile } from "node:fs/promises";
import { extname, join, normalize } from "node:path";
import { WebSocketServer } from "ws";
import { WebSocketMessageReader, WebSocketMessageWriter } from "vscode-ws-jsonrpc";
import { createConnection, createServerProcess, forward } from "vscode-ws-jsonrpc/server";

const TYPES = { ".html": "text/html", ".js": "text/javascript", ".css": "text/css", ".json": "application/json", ".ttf": "font/ttf", ".wasm": "application/wasm", ".svg": "image/svg+xml" };
const root = join(import.meta.dirname, "dist");
const http = createServer(async (request, response) => {
  const path = normalize(decodeURIComponent(new URL(request.url, "http://localhost").pathname));
  try {
    const body = await readFile(join(root, path === "/" ? "index.html" : path));
    response.writeHead(200, { "Content-Type": TYPES[extname(path)] || (path === "/" ? "text/html" : "application/octet-stream") });
    response.end(body);
  } catch {
    response.writeHead(404);
    response.end();
  }
});
new WebSocketServer({ server: http }).on("connection", (socket) => {
  const wrapped = {
    send: (content) => socket.send(content),
    onMessage: (then) => socket.on("message", (data) => then(data)),
    onError: (then) => socket.on("error", then),
    onClose: (then) => socket.on("close", then),
    dispose: () => socket.close(),
  };
  const page = createConnection(new WebSocketMessageReader(wrapped), new WebSocketMessageWriter(wrapped), () => socket.close());
  const server = createServerProcess("netspec", process.argv[2], ["-m", "netspec", "lsp"]);
  forward(page, server);
});
http.listen(0, "127.0.0.1", () => console.log(http.address().port));
