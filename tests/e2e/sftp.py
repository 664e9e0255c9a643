# SPDX-License-Identifier: Apache-2.0
"""SFTP for the tests: paramiko's client, raw packets through it, and other people's programs."""
import contextlib
import os
import struct
import subprocess

import paramiko

READ, WRITE, APPEND, CREATE, TRUNCATE, EXCLUSIVE = 1, 2, 4, 8, 16, 32
OK, END, NO_SUCH_FILE, DENIED, FAILURE, BAD, UNSUPPORTED = 0, 1, 2, 3, 4, 5, 8


def where(daemon):
    host, port = daemon.sftp.rsplit(":", 1)
    return host, int(port)


def transport(daemon, connection=None):
    made = paramiko.Transport(connection or where(daemon))
    made.start_client(timeout=60)
    return made


@contextlib.contextmanager
def client(daemon, user, secret):
    """paramiko's SFTP client, logged in."""
    made = transport(daemon)
    try:
        made.auth_password(user, secret, fallback=False)
        yield paramiko.SFTPClient.from_transport(made)
    finally:
        made.close()


class Raw:
    """Packets as they come; answers as (type, body after the id)."""

    def __init__(self, daemon, user, secret, hello=True, connection=None):
        self.transport = transport(daemon, connection)
        self.transport.auth_password(user, secret, fallback=False)
        self.channel = self.transport.open_session(window_size=2**31 - 1, timeout=60)
        self.channel.settimeout(60)
        self.channel.invoke_subsystem("sftp")
        self.id = 0
        if hello:
            self.send_bytes(struct.pack(">IBI", 5, 1, 3))
            self.version = self.receive()

    def send_bytes(self, data):
        self.channel.sendall(data)

    def send(self, kind, body, number=None):
        self.id = self.id + 1 if number is None else number
        self.send_bytes(struct.pack(">IBI", 5 + len(body), kind, self.id) + body)

    def exactly(self, n):
        data = b""
        while len(data) < n:
            more = self.channel.recv(n - len(data))
            if not more:
                raise EOFError
            data += more
        return data

    def receive(self):
        length, = struct.unpack(">I", self.exactly(4))
        data = self.exactly(length)
        return data[0], data[1:]

    def ask(self, kind, body):
        self.send(kind, body)
        got, rest = self.receive()
        assert struct.unpack(">I", rest[:4])[0] == self.id
        return got, rest[4:]

    def status(self, kind, body):
        got, rest = self.ask(kind, body)
        assert got == 101, (got, rest[:100])
        return struct.unpack(">I", rest[:4])[0]

    def open(self, path, flags):
        got, rest = self.ask(3, text(path) + struct.pack(">II", flags, 0))
        return rest[4:4 + struct.unpack(">I", rest[:4])[0]] if got == 102 else \
            struct.unpack(">I", rest[:4])[0]

    def write(self, handle, at, data):
        return self.status(6, text(handle) + struct.pack(">Q", at) + text(data))

    def close_handle(self, handle):
        return self.status(4, text(handle))

    def close(self):
        self.transport.close()

    def __enter__(self):
        return self

    def __exit__(self, *what):
        self.close()


def text(value):
    value = value.encode() if isinstance(value, str) else value
    return struct.pack(">I", len(value)) + value


class Programs:
    """OpenSSH's clients (and what uses them), with a secret that they ask a helper for."""

    def __init__(self, daemon, directory, user, secret):
        self.host, self.port = where(daemon)
        self.user, self.secret = user, secret
        self.asker = directory / "askpass"
        self.asker.write_text(f"#!/bin/sh\necho '{secret}'\n")
        self.asker.chmod(0o700)
        self.directory = directory
        self.environment = {**os.environ, "SSH_ASKPASS": str(self.asker), "DISPLAY": ":0",
                            "SSH_ASKPASS_REQUIRE": "force", "HOME": str(directory), "TZ": "UTC"}
        self.options = ["-F", "none", "-o", "BatchMode=no", "-o", f"User={user}", "-o", f"Port={self.port}",
                        "-o", "StrictHostKeyChecking=no", "-o", f"UserKnownHostsFile={directory}/known",
                        "-o", "IdentityAgent=none", "-o", "NumberOfPasswordPrompts=1"]

    def run(self, *words, check=True, **more):
        done = subprocess.run([str(w) for w in words], env=self.environment, cwd=self.directory,
                              stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=300,
                              **more)
        assert not check or done.returncode == 0, (words, done.stdout, done.stderr)
        return done

    def sftp(self, *lines, check=True, options=()):
        batch = self.directory / "batch"
        batch.write_text("".join(line + "\n" for line in lines))
        return self.run("sftp", *options, *self.options, "-b", batch, self.host, check=check)
