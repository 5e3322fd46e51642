#!/usr/bin/env bash
# Microsoft's JavaScript Graph client reports an action as done when a proxy's sign-in page or an error
# body came with status 200.
#
# Seen with npm @microsoft/microsoft-graph-client 3.0.7.
#
# Most engineers expect a client of one service to reject what is not that service's answer. It looks at
# the status alone: a page in HTML becomes a stream that nobody reads, an object with `error` is handed
# over as the result. A script that awaits the call counts the device as done.
#
# Output: what the promise came to for each of two answers with status 200.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"

npm init --yes >/dev/null
npm install --silent --no-audit --no-fund --ignore-scripts @microsoft/microsoft-graph-client@3.0.7 >/dev/null

cat > client.mjs <<'JS'
import http from 'node:http';
import graph from '@microsoft/microsoft-graph-client';

const answers = {
  '/v1.0/page': ['text/html', '<html><head><title>Sign in to the proxy</title></head></html>'],
  '/v1.0/refusal': ['application/json', '{"error":{"code":"Forbidden","message":"No permission."}}'],
};
const server = http.createServer((request, response) => {
  const [type, body] = answers[request.url];
  response.writeHead(200, { 'Content-Type': type });
  response.end(body);
});
await new Promise((listening) => server.listen(0, '127.0.0.1', listening));
const client = graph.Client.init({
  baseUrl: `http://127.0.0.1:${server.address().port}/`,
  customHosts: new Set(['127.0.0.1']),
  authProvider: (done) => done(null, 'token'),
});
for (const path of ['/page', '/refusal']) {
  const outcome = await client.api(path).post({}).then(
    (value) => `resolved with ${value?.constructor?.name}${value?.error ? ` of error ${value.error.code}` : ''}`,
    (error) => `rejected: ${error.message}`,
  );
  console.log(`${path} ${outcome}`);
}
server.close();
server.closeAllConnections();
JS

outcomes=$(node client.mjs)
echo "$outcomes"
[ "$outcomes" = "/page resolved with ReadableStream
/refusal resolved with Object of error Forbidden" ]
