#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""A hostile HTTP source on loopback: what a download meets in the world, on request.

In a test:

    with sources.Source() as source:
        source.files["disk.img"] = data          # bytes, or a pathlib.Path
        url = source.url("disk.img", drop=1000, times=1)
        ...
        assert source.requests[0].headers["range"] ...

From a shell, serving a directory until standard input ends (the first line is the base URL):

    sources.py DIRECTORY [--port N] [--tls]

The faults are in the URL, so that any client of any program can ask for them:
http://127.0.0.1:PORT/drop=1000,times=1/disk.img. They combine. Without "times" a fault is there in
every answer; with it in that many first answers of the very same URL.

    status=N         answer with this status (no body but a few bytes of text)
    retry_after=X    ... with this Retry-After
    retry_date=N     ... with a Retry-After that is the date in N seconds
    delay=S          wait so many seconds before the answer
    silent=1         never answer
    verbatim=1       the file is the whole answer, headers and all
    head=TEXT        further header lines (percent-encoded, CRLF between)
    interim=N        so many 103 responses first

    framing=F        length (default), chunked, close (neither length nor chunks)
    length=L         Content-Length: a number; +N or -N against the truth; twice; bad; huge;
                     negative
    etag=E           strong (default), weak, none, each (a new one for every answer)
    ranges=R         yes (default), no (not announced, answered with 200), ignored (announced,
                     answered with 200), refused (416), or 206 with: start (a wrong first byte),
                     total (a wrong total), nothing (no Content-Range), short (a wrong length),
                     tag (another ETag)
    change=N         from the Nth answer (1 is the second) on, byte 0 is another one
    grow=N           from the second answer on, the file is N bytes longer

    drop=N           close after N bytes of this body
    reset=N          the same, with a TCP reset
    stall=N          after N bytes send nothing, and keep the connection
    rate=N           at most N bytes a second
    endless=1        no end ever comes

    to=URL           redirect there (percent-encoded, sent as it is); status=N for other than 302
    hops=N           redirect N times to oneself, then answer
"""

import argparse
import email.utils
import hashlib
import pathlib
import shutil
import socket
import socketserver
import ssl
import struct
import subprocess
import sys
import tempfile
import threading
import time
import urllib.parse
import warnings

BLOCK = 65536


class Request:
    """One request as it came: `headers` has lower-case names; `target` is the path with its query;
    `local` the address it came to, `peer` the one it came from; `at` and `date` are when, on the
    monotonic and on the wall clock; `asked` is the date that its answer's Retry-After named."""

    def __init__(self, method, target, headers, connection):
        self.method = method
        self.target = target
        self.headers = headers
        self.local = connection.getsockname()[:2]
        self.peer = connection.getpeername()[:2]
        self.at = time.monotonic()
        self.date = time.time()
        self.asked = None

    def __repr__(self):
        return f"<{self.method} {self.target} {self.headers}>"


class Drop(Exception):
    """Ends the connection at once."""


class Answer:
    """The answer to one request, under the faults that its URL asks for."""

    def __init__(self, handler, request, faults, name, number):
        self.handler = handler
        self.source = handler.server.source
        self.request = request
        self.faults = faults
        self.name = name
        self.number = number  # of this URL's answers, from 0

    def fault(self, key, default=None):
        """The fault's value while it is active."""
        if self.number >= int(self.faults.get("times", 1 << 30)):
            return default
        return self.faults.get(key, default)

    def number_fault(self, key):
        value = self.fault(key)
        return None if value is None else int(value)

    def send(self, data):
        self.handler.wfile.write(data)

    def head(self, status, headers):
        lines = [f"HTTP/1.1 {status} Whatever", f"Connection: {self.source.connection}"]
        lines += [f"{name}: {value}" for name, value in headers]
        if self.fault("head"):
            lines.append(self.fault("head"))
        self.send(("\r\n".join(lines) + "\r\n\r\n").encode("latin-1"))

    def run(self):
        if self.fault("silent"):
            self.source.hold()
            return
        self.source.stopping.wait(float(self.fault("delay", 0)))
        content = self.source.content(self.name)
        if content is not None and self.fault("verbatim"):
            self.send(content)
            return
        for _ in range(int(self.fault("interim", 0))):
            self.send(b"HTTP/1.1 103 Early Hints\r\nContent-Length: 1\r\nETag: \"x\"\r\n\r\n")
        if self.redirect():
            return
        if self.fault("status"):
            text = b"whatever the source says about it\n"
            headers = [("Content-Length", len(text))]
            if self.fault("retry_after"):
                headers.append(("Retry-After", self.fault("retry_after")))
            if self.fault("retry_date"):
                self.request.asked = int(time.time()) + int(self.fault("retry_date"))
                date = email.utils.formatdate(self.request.asked, usegmt=True)
                headers.append(("Retry-After", date))
            self.head(self.fault("status"), headers)
            self.send(text)
            return
        if content is None:
            self.head(404, [("Content-Length", 0)])
            return
        self.serve(self.changed(content))

    def redirect(self):
        """True when it was one."""
        hops = int(self.faults.get("hops", 0))
        if self.fault("to") is not None:
            location = self.fault("to")
        elif hops > 0:
            faults = dict(self.faults, hops=hops - 1)
            if hops == 1:
                del faults["hops"]
            location = self.source.path(self.name, **faults)
        else:
            return False
        self.head(self.faults.get("status", 302), [("Location", location), ("Content-Length", 5)])
        self.send(b"there")
        return True

    def changed(self, content):
        if self.faults.get("change") and self.number >= int(self.faults["change"]):
            content = bytes([content[0] ^ self.number]) + content[1:]
        if self.faults.get("grow") and self.number > 0:
            content += bytes(int(self.faults["grow"]))
        return content

    def etag(self, content):
        kind = self.faults.get("etag", "strong")
        tag = hashlib.md5(content).hexdigest()
        if kind == "none":
            return []
        if kind == "each":
            tag += f"-{self.number}"
        return [("ETag", ("W/" if kind == "weak" else "") + f'"{tag}"')]

    def asked_range(self, size, etag):
        """The first byte of the range asked for, when it is to be granted."""
        ranges = self.faults.get("ranges", "yes")
        asked = self.request.headers.get("range", "")
        if ranges in ("no", "ignored") or not asked.startswith("bytes=") or not asked.endswith("-"):
            return None
        condition = self.request.headers.get("if-range")
        if condition and ("ETag", condition) not in etag:
            return None
        first = int(asked[len("bytes="):-1])
        return first if first < size else None

    def serve(self, content):
        headers = self.etag(content)
        ranges = self.faults.get("ranges", "yes")
        first = self.asked_range(len(content), headers)
        status = 200
        if ranges != "no":
            headers.append(("Accept-Ranges", "bytes"))
        if first is not None and ranges == "refused":
            self.head(416, [("Content-Range", f"bytes */{len(content)}"), ("Content-Length", 0)])
            return
        body = content
        if first is not None:
            status = 206
            total = len(content) + (ranges == "total")
            start = first + (ranges == "start")
            body = content[first:]
            if ranges != "nothing":
                headers.append(("Content-Range", f"bytes {start}-{len(content) - 1}/{total}"))
            if ranges == "short":
                body = body[:-1]
            if ranges == "tag":
                headers[0] = ("ETag", '"other"')
        framing = self.faults.get("framing", "length")
        if framing == "chunked":
            headers.append(("Transfer-Encoding", "chunked"))
        elif framing == "length":
            headers += self.lengths(len(body))
        self.head(status, headers)
        if self.request.method != "HEAD":
            self.body(body, framing == "chunked")

    def lengths(self, true):
        wish = self.fault("length")
        if wish is None:
            values = [true]
        elif wish[0] in "+-":
            values = [true + int(wish)]
        else:
            values = {"twice": [true, true + 1], "bad": ["12x"], "huge": [str(1 << 64)],
                      "negative": [-true]}.get(wish, [wish])
        return [("Content-Length", value) for value in values]

    def body(self, body, chunked):
        ends = {key: self.number_fault(key) for key in ("drop", "reset", "stall")}
        end = min([value for value in ends.values() if value is not None], default=None)
        rate = self.number_fault("rate")
        block = BLOCK if rate is None else max(1, rate // 10)
        while True:
            for at in range(0, len(body), block):
                part = body[at:min(at + block, len(body) if end is None else end)]
                if part:
                    self.part(part, chunked)
                if end is not None and at + block >= end:
                    self.cut(ends)
                if rate and self.source.stopping.wait(len(part) / rate):
                    return
            if not self.fault("endless"):
                break
        if end is not None and not body:
            self.cut(ends)
        if chunked:
            self.send(b"0\r\n\r\n")

    def part(self, part, chunked):
        self.send(b"%x\r\n%s\r\n" % (len(part), part) if chunked else part)

    def cut(self, ends):
        if ends["stall"] is not None:
            self.source.hold()
        if ends["reset"] is not None:
            # What is sent before the reset must arrive first.
            time.sleep(0.05)
            self.handler.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER,
                                               struct.pack("ii", 1, 0))
            self.handler.connection.close()
        raise Drop()


class Handler(socketserver.StreamRequestHandler):
    """One request per connection, or more where the source keeps connections."""

    timeout = 60

    def setup(self):
        source = self.server.source
        if source.tls:
            self.request.settimeout(self.timeout)
            self.request = source.tls.wrap_socket(self.request, server_side=True)
        super().setup()

    def read_request(self):
        line = self.rfile.readline(BLOCK).decode("latin-1").split()
        if len(line) != 3:
            return None
        headers = {}
        while True:
            header = self.rfile.readline(BLOCK).decode("latin-1").strip()
            if not header:
                return Request(line[0], line[1], headers, self.connection)
            name, _, value = header.partition(":")
            headers[name.lower()] = value.strip()

    def handle(self):
        source = self.server.source
        try:
            while True:
                request = self.read_request()
                if not request:
                    return
                faults, name, number = source.note(request)
                Answer(self, request, faults, name, number).run()
                if source.connection == "close":
                    return
        except (Drop, OSError):
            pass

    def finish(self):
        try:
            super().finish()
            if self.server.source.tls:
                self.connection.unwrap()
                self.connection.close()
        except OSError:
            pass


class Server(socketserver.ThreadingTCPServer):
    allow_reuse_address = True
    daemon_threads = True
    block_on_close = False
    request_queue_size = 64

    def get_request(self):
        connection, peer = super().get_request()
        self.source.accepted.append(connection.getsockname()[:2])
        return connection, peer

    def handle_error(self, request, client_address):
        pass  # a client that goes away is none of the test's business


class Server6(Server):
    address_family = socket.AF_INET6

    def server_bind(self):
        self.socket.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        super().server_bind()


class Source:
    """The source. `accepted` lists the local address of every connection, `requests` every request.
    With `tls` its certificate is for `certified` (one name or several) instead of `host`, and in
    the file `ca_file`; `tls` may also be "expired", or "1.0" for a server of that version only.
    `keep` keeps connections open for further requests."""

    def __init__(self, host="127.0.0.1", port=0, tls=False, directory=None, certified=None,
                 keep=False):
        self.files = {}
        self.directory = directory and pathlib.Path(directory)
        self.requests = []
        self.accepted = []
        self.stopping = threading.Event()
        self.lock = threading.Lock()
        self.counts = {}
        self.secrets = None
        self.connection = "keep-alive" if keep else "close"
        self.tls = self.make_tls(certified or host, tls) if tls else None
        self.ca_file = self.secrets and f"{self.secrets}/cert.pem"
        self.host = host
        self.server = (Server6 if ":" in host else Server)((host, port), Handler)
        self.server.source = self
        self.port = self.server.server_address[1]
        self.thread = threading.Thread(target=self.server.serve_forever, args=(0.01,), daemon=True)

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.stopping.set()
        self.server.shutdown()
        self.server.server_close()
        if self.secrets:
            shutil.rmtree(self.secrets)

    def make_tls(self, hosts, kind):
        """A certificate for `hosts`, which is its own authority."""
        self.secrets = tempfile.mkdtemp(prefix="sources-")
        key, cert = f"{self.secrets}/key.pem", f"{self.secrets}/cert.pem"
        hosts = [hosts] if isinstance(hosts, str) else hosts
        names = ",".join(("DNS:" if host.strip("0123456789.:") else "IP:") + host for host in hosts)
        new = ["openssl", "req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
               "-subj", "/CN=source", "-keyout", key]
        if kind == "expired":
            subprocess.run([*new, "-new", "-out", f"{self.secrets}/request"], check=True,
                           capture_output=True)
            self.sign_expired(names)
        else:
            subprocess.run([*new, "-x509", "-days", "2", "-addext", f"subjectAltName={names}",
                            "-out", cert], check=True, capture_output=True)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        if kind == "1.0":
            context.set_ciphers("ALL:@SECLEVEL=0")
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", DeprecationWarning)
                context.minimum_version = context.maximum_version = ssl.TLSVersion.TLSv1
        context.load_cert_chain(cert, key)
        return context

    def sign_expired(self, names):
        """Only `openssl ca` makes certificates of the past."""
        where = pathlib.Path(self.secrets)
        (where / "index").touch()
        (where / "ca").write_text(
            f"[ca]\ndefault_ca = d\n[d]\ndatabase = {where}/index\nnew_certs_dir = {where}\n"
            "rand_serial = yes\ndefault_md = sha256\npolicy = p\n[p]\ncommonName = supplied\n"
            f"[e]\nsubjectAltName = {names}\n")
        subprocess.run(["openssl", "ca", "-batch", "-selfsign", "-config", where / "ca",
                        "-in", where / "request", "-keyfile", where / "key.pem",
                        "-startdate", "20200101000000Z", "-enddate", "20200102000000Z",
                        "-extensions", "e", "-notext", "-out", where / "cert.pem"], check=True,
                       capture_output=True)

    @property
    def base(self):
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{'https' if self.tls else 'http'}://{host}:{self.port}"

    @staticmethod
    def path(name, **faults):
        text = ",".join(f"{key}={urllib.parse.quote(str(value), safe='')}"
                        for key, value in faults.items())
        return f"/{text}/{name}" if text else f"/{name}"

    def url(self, name, **faults):
        return self.base + self.path(name, **faults)

    def content(self, name):
        found = self.files.get(name)
        if found is None and self.directory and "/" not in name and not name.startswith("."):
            found = self.directory / name
        if isinstance(found, pathlib.Path):
            return found.read_bytes() if found.is_file() else None
        return found

    def note(self, request):
        """Writes the request down; its faults, file name and number among its like."""
        path = request.target.partition("?")[0].lstrip("/")
        options, slash, name = path.rpartition("/")
        faults = {}
        for option in options.split(",") if slash and "=" in options else []:
            key, _, value = option.partition("=")
            faults[key] = urllib.parse.unquote(value)
        with self.lock:
            self.requests.append(request)
            number = self.counts.get(request.target, 0)
            self.counts[request.target] = number + 1
        return faults, urllib.parse.unquote(name), number

    def hold(self):
        self.stopping.wait(60)


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("directory")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--tls", action="store_true")
    options = parser.parse_args()
    with Source(options.host, options.port, options.tls, options.directory) as source:
        print(source.base, flush=True)
        if source.ca_file:
            print(source.ca_file, flush=True)
        sys.stdin.read()


if __name__ == "__main__":
    main()
