#!/usr/bin/env bash
# A provider may publish a key with a `kid` and sign tokens that name none.
#
# Seen with PyPI oidc-provider-mock 0.3.4 (Authlib 1.9.10).
#
# OpenID Connect Core 10.1 asks for `kid` in a token only where the key set has several keys. Code that looks
# keys up by `kid`, as most examples do, refuses each token of such a provider as signed by an unknown key.
#
# Output: whether the one key of the set has a kid, and the header of an id token.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"

python3 -m venv venv
venv/bin/pip install --quiet --disable-pip-version-check oidc-provider-mock==0.3.4 Authlib==1.9.10
cat > sign_in.py <<'PY'
import base64, json, socket, subprocess, time, urllib.error, urllib.parse, urllib.request

with socket.socket() as free:
    free.bind(("127.0.0.1", 0))
    port = free.getsockname()[1]
provider = subprocess.Popen(
    ["venv/bin/oidc-provider-mock", "--port", str(port), "--user", "ada"],
    stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
)

class Stay(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_):
        return None

def described():
    for _ in range(300):
        try:
            return json.load(urllib.request.urlopen(f"http://127.0.0.1:{port}/.well-known/openid-configuration"))
        except OSError:
            time.sleep(0.1)
    raise SystemExit("the provider did not start")

try:
    description = described()
    keys = json.load(urllib.request.urlopen(description["jwks_uri"]))["keys"]
    print("keys:", len(keys), "with kid:", sum("kid" in key for key in keys))
    back = "http://127.0.0.1:9/back"
    asked = urllib.parse.urlencode({
        "response_type": "code", "client_id": "client", "redirect_uri": back, "scope": "openid", "state": "s",
    })
    form = urllib.parse.urlencode({"sub": "ada", "action": "authorize"}).encode()
    try:
        answer = urllib.request.build_opener(Stay).open(f"{description['authorization_endpoint']}?{asked}", form)
    except urllib.error.HTTPError as redirect:
        answer = redirect
    code = urllib.parse.parse_qs(urllib.parse.urlsplit(answer.headers["Location"]).query)["code"][0]
    exchange = urllib.request.Request(description["token_endpoint"], urllib.parse.urlencode({
        "grant_type": "authorization_code", "code": code, "redirect_uri": back,
    }).encode())
    exchange.add_header("Authorization", "Basic " + base64.b64encode(b"client:secret").decode())
    header = json.load(urllib.request.urlopen(exchange))["id_token"].split(".")[0]
    header = json.loads(base64.urlsafe_b64decode(header + "=="))
    print("header:", json.dumps(header, sort_keys=True))
finally:
    provider.kill()
PY
found=$(venv/bin/python sign_in.py)
echo "$found"
[ "$found" = 'keys: 1 with kid: 1
header: {"alg": "RS256", "typ": "JWT"}' ]
