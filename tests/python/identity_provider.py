"""Authlib's provider, whose tokens name no key. Its first line of output is its issuer."""

import sys

from oidc_provider_mock import User, run_server_in_thread

CLAIMS = {"preferred_username": "alice@contoso.example", "groups": ["operators"]}

with run_server_in_thread(user_claims=[User(sub="alice", claims=CLAIMS)]) as server:
    print(f"http://localhost:{server.server_port}", flush=True)
    sys.stdin.read()
