"""A receiver of Graphoid's deliveries in plain Python, with one fault that is planted by name.

python3 receiver.py FAULT, where FAULT is `none` for a correct receiver. Prints its port.
"""

import gzip
import hashlib
import hmac
import json
import os
import re
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

FAULT = sys.argv[1]
SECRET = os.environ["SECRET"].encode()
LIMIT = 1024 * 1024
seen = set()
shared = {}


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def respond(self, status, close=False):
        self.send_response(status)
        self.send_header("Content-Length", "0")
        if close:
            self.send_header("Connection", "close")
            self.close_connection = True
        self.end_headers()

    def body(self):
        """Returns the body, or None if it is over the limit."""
        limit = 1 << 40 if FAULT == "limit" else LIMIT
        if "chunked" in self.headers.get("Transfer-Encoding", ""):
            if FAULT == "chunked":
                return b""
            body = b""
            while size := int(self.rfile.readline().split(b";")[0], 16):
                body += self.rfile.read(size)
                self.rfile.readline()
                if len(body) > limit:
                    return None
            self.rfile.readline()
            return body
        length = int(self.headers.get("Content-Length", 0))
        if length > limit:
            return None
        if FAULT == "slow":
            return self.rfile.read1(length)
        return self.rfile.read(length)

    def do_POST(self):
        if FAULT == "redirect":
            return self.respond(302)
        if FAULT == "hang":
            time.sleep(120)
        header = "x-graphoid-signature"
        if FAULT == "next-request" and self.headers.get(header, "")[-1:] in "01":
            # Most of these are forged. The body is left on the connection.
            if not self.headers.get("Connection"):
                return self.respond(401)
        body = self.body()
        if body is None:
            return self.respond(413, close=True)
        if self.headers.get("Content-Encoding"):
            if FAULT != "compressed":
                return self.respond(415)
            body = gzip.decompress(body)
        if FAULT == "concurrent":
            shared["body"] = body
            time.sleep(0.02)
            body = shared["body"]
        values = self.headers.get_all(header, [])
        if FAULT == "good":
            values = [value for name, value in self.headers.items() if name == "X-Graphoid-Signature"]
        if FAULT == "duplicate-header":
            values = values[:1]
        if FAULT == "duplicate-header-last":
            values = values[-1:]
        if FAULT == "comma-joined" and values:
            values = [value for value in values[0].split(", ") if self.signed(body, value)][:1]
        if FAULT == "unsigned" and not values:
            return self.respond(200)
        if FAULT != "forged" and (len(values) != 1 or not self.signed(body, values[0])):
            return self.respond(500 if FAULT == "rejects-with-500" else 401)
        event = json.loads(body)
        if FAULT == "unknown-event" and event["event"] != "lead.won":
            return self.respond(400)
        if FAULT == "duplicate":
            if event["id"] in seen:
                return self.respond(409)
            seen.add(event["id"])
        self.respond(200)

    def signed(self, body, value):
        if FAULT in ("changed-body", "respelled"):
            body = json.dumps(json.loads(body), separators=(",", ":"), ensure_ascii=False).encode()
        if FAULT == "wrong-prefix":
            value = "sha256=" + value.split("=")[-1]
        if FAULT == "truncated":
            digits = value.removeprefix("sha256=")
            return len(digits) > 60 and self.mac(body).startswith(digits)
        if not re.fullmatch("sha256=[0-9a-fA-F]{64}", value):
            return False
        return hmac.compare_digest(self.mac(body), value[7:].lower())

    def mac(self, body):
        return hmac.new(SECRET, body, hashlib.sha256).hexdigest()


server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
print(server.server_port, flush=True)
server.serve_forever()
