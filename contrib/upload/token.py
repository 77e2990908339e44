#!/usr/bin/python3
"""Signs tokens for uploads: POST to it, and it answers {"token": "..."}.
UPLOAD_KEY="ID HEX" ./token.py PORT, the line of caphealth_image_tokens' file.
"""

import base64, hashlib, hmac, json, os, sys, time
from http.server import BaseHTTPRequestHandler, HTTPServer

KEY_ID, SECRET = os.environ['UPLOAD_KEY'].split()


def base64url(data):
    return base64.urlsafe_b64encode(data).rstrip(b'=')


def upload_token(owner):
    header = {'alg': 'HS256', 'kid': KEY_ID}
    claims = {'exp': int(time.time()) + 600, 'sub': owner,
              'bytes': 32 * 1024 * 1024, 'files': 10}
    text = b'.'.join(base64url(json.dumps(part).encode())
                     for part in (header, claims))
    mac = hmac.new(bytes.fromhex(SECRET), text, hashlib.sha256).digest()
    return (text + b'.' + base64url(mac)).decode()


class Handler(BaseHTTPRequestHandler):
    def do_POST(self):
        owner = 'vendor-7'      # in a shop: whoever is logged in
        self.send_response(200)
        self.send_header('Content-Type', 'application/json')
        self.end_headers()
        self.wfile.write(json.dumps({'token': upload_token(owner)}).encode())


HTTPServer(('127.0.0.1', int(sys.argv[1])), Handler).serve_forever()
