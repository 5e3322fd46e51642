"""A stand-in for Entra that signs everybody in by a code: the least that `repilot login` asks for."""

import base64
import json
import sys
from http.server import BaseHTTPRequestHandler, HTTPServer


class Entra(BaseHTTPRequestHandler):
    def answer(self, body):
        text = json.dumps(body).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    def do_GET(self):
        self.answer({"issuer": "https://login.example/contoso/v2.0"})

    def do_POST(self):
        self.rfile.read(int(self.headers["Content-Length"]))
        if self.path.endswith("/devicecode"):
            self.answer(
                {
                    "user_code": "HJKL-1234",
                    "device_code": "a-device-code",
                    "verification_uri": "https://login.example/device",
                    "expires_in": 900,
                    "interval": 1,
                }
            )
            return
        claims = {
            "aud": "14d82eec-204b-4c2f-b7e8-296a70dab67e",
            "tid": "11111111-2222-3333-4444-555555555555",
            "preferred_username": "alice@contoso.example",
            "name": "Alice",
        }
        coded = base64.urlsafe_b64encode(json.dumps(claims).encode()).decode().rstrip("=")
        self.answer(
            {
                "token_type": "Bearer",
                "scope": "DeviceManagementServiceConfig.ReadWrite.All openid profile",
                "expires_in": 3600,
                "access_token": "simulated",
                "refresh_token": "a-refresh-token",
                "id_token": f"e30.{coded}.x",
            }
        )

    def log_message(self, *_):
        pass


HTTPServer(("127.0.0.1", int(sys.argv[1])), Entra).serve_forever()
