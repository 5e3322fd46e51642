#!/usr/bin/env bash
# The HTTP layer of Microsoft's Python Graph SDK does not understand a Retry-After with a decimal point,
# the form of Microsoft's own sample answer, and calls again sooner than it was asked to.
#
# Seen with PyPI microsoft-kiota-http 1.16.0, default middleware.
#
# Graph's documentation of throttling shows `Retry-After: 2.128`. Asked to wait 8 seconds ("8") the client
# waits 8. Asked to wait "8.5" it waits for its own backoff of 3 to 4 seconds instead, without a word: each
# call that comes too early counts against the quota and lengthens the throttle. (The JavaScript client,
# @microsoft/microsoft-graph-client 3.0.7, reads the decimal.)
#
# Output: seconds between the first and the second call, for both spellings.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"

python3 -m venv venv
venv/bin/pip install --quiet --disable-pip-version-check microsoft-kiota-http==1.16.0

cat > client.py <<'PY'
import asyncio, http.server, threading, time
from kiota_http.kiota_client_factory import KiotaClientFactory

retry_after = ""
calls = []

class Server(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def do_GET(self):
        calls.append(time.monotonic())
        self.send_response(429 if len(calls) == 1 else 200)
        if len(calls) == 1:
            self.send_header("Retry-After", retry_after)
        self.send_header("Content-Length", "0")
        self.end_headers()

server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Server)
threading.Thread(target=server.serve_forever, daemon=True).start()

async def main():
    global retry_after
    for retry_after in ["8", "8.5"]:
        calls.clear()
        client = KiotaClientFactory.create_with_default_middleware()
        await client.get(f"http://127.0.0.1:{server.server_port}/devices")
        print(f"{retry_after} {calls[1] - calls[0]:.1f}")

asyncio.run(main())
PY

waits=$(venv/bin/python client.py)
echo "asked for, waited:"
echo "$waits"
awk '$1 == "8" && $2 >= 8 { whole = 1 } $1 == "8.5" && $2 < 8 { early = 1 } END { exit !(whole && early) }' <<< "$waits"
