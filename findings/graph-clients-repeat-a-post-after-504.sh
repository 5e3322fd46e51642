#!/usr/bin/env bash
# Microsoft's own Graph clients send a POST again by themselves after 504, three times.
#
# Seen with npm @microsoft/microsoft-graph-client 3.0.7 and PyPI microsoft-kiota-http 1.16.0 (the HTTP
# layer of msgraph-sdk), both with the middleware that they set up by default.
#
# A 504 says that a gateway lost patience: the action may have been done. Most engineers expect a client to
# repeat such an answer for reads alone. Both clients treat 429, 503 and 504 alike, whatever the method,
# so that one call of an action may be four, and the caller hears of the last answer only. Between the
# first and the last somebody else may have changed the device.
#
# Output: for each client the number of POSTs that the server counted for one call (4).
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"

npm init --yes >/dev/null
npm install --silent --no-audit --no-fund --ignore-scripts @microsoft/microsoft-graph-client@3.0.7 >/dev/null
python3 -m venv venv
venv/bin/pip install --quiet --disable-pip-version-check microsoft-kiota-http==1.16.0

cat > client.mjs <<'JS'
import http from 'node:http';
import graph from '@microsoft/microsoft-graph-client';

let posts = 0;
const server = http.createServer((request, response) => {
  request.resume().on('end', () => {
    posts += 1;
    response.writeHead(504, { 'Retry-After': '1', 'Content-Type': 'application/json' });
    response.end('{"error":{"code":"GatewayTimeout","message":"The gateway waited too long."}}');
  });
});
await new Promise((listening) => server.listen(0, '127.0.0.1', listening));
const client = graph.Client.init({
  baseUrl: `http://127.0.0.1:${server.address().port}/`,
  customHosts: new Set(['127.0.0.1']),
  authProvider: (done) => done(null, 'token'),
});
const outcome = await client.api('/devices/1/unassign').post({}).then(() => 'resolved', (error) => error.statusCode);
console.log(`${posts} ${outcome}`);
server.close();
server.closeAllConnections();
JS

cat > client.py <<'PY'
import asyncio, http.server, threading
from kiota_http.kiota_client_factory import KiotaClientFactory

posts = 0

class Server(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def do_POST(self):
        global posts
        posts += 1
        self.rfile.read(int(self.headers.get("content-length") or 0))
        self.send_response(504)
        self.send_header("Retry-After", "1")
        self.send_header("Content-Length", "0")
        self.end_headers()

server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Server)
threading.Thread(target=server.serve_forever, daemon=True).start()

async def main():
    client = KiotaClientFactory.create_with_default_middleware()
    answer = await client.post(f"http://127.0.0.1:{server.server_port}/devices/1/unassign", content=b"{}")
    print(posts, answer.status_code)

asyncio.run(main())
PY

javascript=$(node client.mjs)
python=$(venv/bin/python client.py)
echo "JavaScript: POSTs and the last answer: $javascript"
echo "Python: POSTs and the last answer: $python"
[ "$javascript" = "4 504" ]
[ "$python" = "4 504" ]
