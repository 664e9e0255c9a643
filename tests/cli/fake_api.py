# SPDX-License-Identifier: Apache-2.0
"""A small API and Orbit, speaking the shapes of the wire contract, for the tests of `brightbox`.

Everything it was asked is in `requests`; everything it answers can be changed through its attributes.
"""
import base64
import hashlib
import json
import re
import ssl
import struct
import threading
import urllib.parse
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

CHUNK = 1 << 20


def content_digest(disk):
    """The digest an image shows: sizes, then number and SHA-256 of every chunk that is not all zeros."""
    h = hashlib.sha256(struct.pack("<QI", len(disk), CHUNK))
    for i in range(0, len(disk), CHUNK):
        chunk = disk[i:i + CHUNK]
        if chunk.strip(b"\0"):
            h.update(struct.pack("<Q", i // CHUNK) + hashlib.sha256(chunk).digest())
    return "sha256:" + h.hexdigest()


def lz4_frame(disk):
    """The disk in one LZ4 frame of stored (not compressed) blocks of up to 1 MiB."""
    out = [bytes.fromhex("04224d18606051")]
    for i in range(0, len(disk), CHUNK):
        block = disk[i:i + CHUNK]
        out.append(struct.pack("<I", 0x80000000 | len(block)) + block)
    return b"".join(out) + b"\0\0\0\0"


def image(id, **more):
    made = {
        "id": id, "resource_type": "image", "url": "https://api.example/1.0/images/" + id,
        "name": "arch-latest", "status": "available", "locked": False, "username": None,
        "description": "", "source": "upload-7f3k2", "arch": "x86_64",
        "created_at": "2023-01-03T13:08:05Z", "official": False, "public": False,
        "compatibility_mode": False, "source_type": "upload", "source_trigger": "manual",
        "disk_size": 512, "virtual_size": 2048, "min_ram": None, "owner": "acc-abcde",
        "licence_name": None, "ancestor": None,
    }
    made.update(more)
    return made


def account(id, **more):
    made = {
        "id": id, "resource_type": "account", "url": "https://api.example/1.0/accounts/" + id,
        "name": "Example", "status": "active", "ram_limit": 16384, "ram_used": 4096,
        "cloud_ips_limit": 5, "load_balancers_limit": 2,
    }
    made.update(more)
    return made


def user(id, **more):
    made = {
        "id": id, "resource_type": "user", "url": "https://api.example/1.0/users/" + id,
        "name": "Ada", "email_address": "ada@example.com", "ssh_key": "ssh-ed25519 AAAA ada",
        "created_at": "2020-02-03T04:05:06Z", "accounts": [{"id": "acc-abcde", "name": "Example"}],
    }
    made.update(more)
    return made


class Request:
    def __init__(self, method, target, headers, body):
        split = urllib.parse.urlsplit(target)
        self.method, self.path, self.query = method, split.path, split.query
        self.target, self.headers, self.body = target, headers, body

    @property
    def json(self):
        return json.loads(self.body)

    def __repr__(self):
        return f"{self.method} {self.target}"


class FakeApi:
    def __init__(self, certificate=None):
        self.requests = []
        self.clients = {"cli-aaaaa": "secret123456789", "app-12345": "mocbuipbiaa6k6c"}
        self.users = {"ada@example.com": "pass word"}
        self.otp = None             # a code: password grants need it
        self.tokens = set()         # access tokens that are accepted
        self.refresh = set()
        self.issued = 0
        self.token_status = None    # answer /token with this
        self.refuse_tokens = 0      # how many more resource requests to answer with 401
        self.refuse_downloads = 0   # how many more downloads
        self.broken = {}            # "METHOD path": (status, body bytes)
        self.images = {}
        self.progress = {}          # id: list of changes, one applied per GET
        self.accounts = {"acc-abcde": account("acc-abcde")}
        self.collaborations = []
        self.people = {"usr-aaaaa": user("usr-aaaaa")}
        self.types = [
            {"id": "typ-22222", "name": "Two", "handle": "2gb.ssd", "status": "available",
             "ram": 2048, "disk_size": 61440, "cores": 2},
            {"id": "typ-w0hf9", "name": "One", "handle": "1gb.ssd", "status": "available",
             "ram": 1024, "disk_size": 30720, "cores": 2},
        ]
        self.zones = [{"id": "zon-aaaaa", "handle": "gb1-a"}, {"id": "zon-bbbbb", "handle": "gb1-b"}]
        self.new_image = {}         # changes to images that are registered
        self.forget_destroyed = False
        self.objects = {}           # (account, id, format): bytes
        self.etag = '"v1"'
        self.break_after = []       # byte counts after which the next downloads break off
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), self.handler())
        if certificate:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(certificate)
            self.server.socket = context.wrap_socket(self.server.socket, server_side=True)
        self.url = "%s://127.0.0.1:%d" % ("https" if certificate else "http",
                                          self.server.server_address[1])
        self.thread = threading.Thread(target=self.server.serve_forever, args=(0.02,), daemon=True)
        self.thread.start()

    def close(self):
        self.server.shutdown()
        self.server.server_close()

    def add(self, *images):
        for i in images:
            self.images[i["id"]] = i

    def grant_token(self, refresh=False):
        self.issued += 1
        token = f"{self.issued:040x}"
        self.tokens.add(token)
        answer = {"access_token": token, "token_type": "Bearer", "scope": "infrastructure, orbit",
                  "expires_in": 7200}
        if refresh:
            answer["refresh_token"] = f"{self.issued:039x}r"
            self.refresh.add(answer["refresh_token"])
        return answer

    def log(self):
        return [repr(r) for r in self.requests]

    def handler(api):
        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, *args):
                pass

            def answer(self, status, body, headers=(), promised=None):
                if not isinstance(body, bytes):
                    body = json.dumps(body).encode()
                head = [f"HTTP/1.1 {status} Status"]
                head += [f"{k}: {v}" for k, v in headers]
                head.append(f"Content-Length: {promised or len(body)}")
                self.wfile.write("\r\n".join(head).encode() + b"\r\n\r\n" + body)

            def fail(self, status, name, *errors):
                self.answer(status, {"error_name": name, "errors": list(errors)})

            def missing(self, id):
                self.fail(404, "missing_resource", f"Resource not found using supplied identifier {id}")

            def handle_any(self):
                length = int(self.headers.get("Content-Length") or 0)
                body = self.rfile.read(length)
                r = Request(self.command, self.path, self.headers, body)
                api.requests.append(r)
                broken = api.broken.get(f"{r.method} {r.path}")
                if broken:
                    self.answer(*broken)
                elif r.path in ("/token", "/token/"):
                    self.token(r)
                elif not self.authorized(r):
                    self.answer(401, {"error": "invalid_token"},
                                [("WWW-Authenticate", 'OAuth error="invalid_token"')])
                elif r.path.startswith("/v1/"):
                    self.orbit(r)
                else:
                    self.api(r)

            do_GET = do_POST = do_PUT = do_DELETE = handle_any

            def authorized(self, r):
                if api.refuse_tokens > 0:
                    api.refuse_tokens -= 1
                    return False
                if r.path.startswith("/v1/") and api.refuse_downloads > 0:
                    api.refuse_downloads -= 1
                    return False
                token = r.headers.get("X-Auth-Token")
                if not r.path.startswith("/v1/"):
                    token = re.sub("^(Bearer|OAuth) ", "", r.headers.get("Authorization") or "")
                return token in api.tokens

            def token(self, r):
                refused = [("WWW-Authenticate", 'Basic realm="x"')]
                if api.token_status:
                    return self.answer(api.token_status, {"error": "broken"})
                kind, _, value = (r.headers.get("Authorization") or "").partition(" ")
                id, _, secret = base64.b64decode(value or b"").decode().partition(":")
                if kind != "Basic" or api.clients.get(id) != secret:
                    return self.answer(401, {"error": "invalid_client"}, refused)
                asked = r.json
                grant = asked["grant_type"]
                if grant == "client_credentials":
                    if id.startswith("app-"):
                        return self.answer(400, {"error": "unauthorized_client"})
                    return self.answer(200, api.grant_token())
                if grant == "refresh_token":
                    if asked["refresh_token"] not in api.refresh:
                        return self.answer(400, {"error": "invalid_grant"})
                    api.refresh.discard(asked["refresh_token"])
                    return self.answer(200, api.grant_token(True))
                if api.users.get(asked["username"]) != asked["password"]:
                    return self.answer(401, {"error": "invalid_client"}, refused)
                if api.otp and r.headers.get("X-Brightbox-OTP") != api.otp:
                    return self.answer(401, {"error": "invalid_client"},
                                       refused + [("X-Brightbox-OTP", "required")])
                self.answer(200, api.grant_token(True))

            def api(self, r):
                parts = r.path.split("/")[2:]
                single = parts[1] if len(parts) > 1 else None
                if parts[0] == "images":
                    return self.image(r, parts)
                if parts[0] == "account":
                    return self.answer(200, next(iter(api.accounts.values())))
                if r.path == "/1.0/user/collaborations":
                    return self.answer(200, api.collaborations)
                known = {"accounts": api.accounts, "users": api.people,
                         "server_types": {t["id"]: t for t in api.types},
                         "zones": {z["id"]: z for z in api.zones}}.get(parts[0])
                if known is None or (single and single not in known):
                    return self.missing(single)
                if r.method == "PUT":
                    known[single].update(r.json)
                self.answer(200, known[single] if single else list(known.values()))

            def image(self, r, parts):
                if len(parts) == 1 and r.method == "POST":
                    body = r.json
                    made = image("img-new01", status="creating", virtual_size=0, disk_size=0)
                    made.update({k: v for k, v in body.items() if k in made and v is not None})
                    made.update(api.new_image)
                    api.add(made)
                    return self.answer(201, made)
                if len(parts) == 1:
                    return self.answer(200, list(api.images.values()))
                found = api.images.get(parts[1])
                if not found:
                    return self.missing(parts[1])
                if r.method == "GET" and api.progress.get(found["id"]):
                    found.update(api.progress[found["id"]].pop(0))
                elif r.method == "PUT" and len(parts) == 3:
                    found["locked"] = parts[2] == "lock_resource"
                elif r.method == "PUT":
                    found.update(r.json)
                elif r.method == "DELETE":
                    if found["locked"]:
                        return self.fail(409, "resource_locked", "The image is locked.",
                                         "Unlock it first.")
                    found["status"] = "deleting"
                    if api.forget_destroyed:
                        del api.images[found["id"]]
                    return self.answer(202, found)
                self.answer(200, found)

            def orbit(self, r):
                account, container, id = r.path.split("/")[2:5]
                kind = urllib.parse.parse_qs(r.query).get("format", ["lz4"])[0]
                data = api.objects.get((account, id, kind))
                if container != "images" or data is None:
                    return self.answer(404, b"<html>no</html>")
                wanted = re.match(r"bytes=(\d+)-$", r.headers.get("Range") or "")
                start, status, headers = 0, 200, [("Etag", api.etag)]
                if wanted and r.headers.get("If-Range") == api.etag:
                    start, status = int(wanted.group(1)), 206
                    if start >= len(data):
                        return self.answer(416, b"", [("Content-Range", f"bytes */{len(data)}")])
                    headers.append(("Content-Range", f"bytes {start}-{len(data) - 1}/{len(data)}"))
                body = data[start:]
                if api.break_after:
                    self.answer(status, body[:api.break_after.pop(0)], headers, promised=len(body))
                    self.close_connection = True
                else:
                    self.answer(status, body, headers)

        return Handler
