# SPDX-License-Identifier: Apache-2.0
import os
import pathlib
import re
import subprocess

import pytest

from fake_api import FakeApi

PROGRAM = os.environ.get("BRIGHTBOX", "brightbox")

CLIENT_SECTION = """[core]
default_client = cli-aaaaa

[cli-aaaaa]
alias = cli-aaaaa
client_id = cli-aaaaa
secret = secret123456789
api_url = {url}
default_account = acc-abcde
"""

USER_SECTION = """[core]
default_client = ada@example.com

[ada@example.com]
username = ada@example.com
api_url = {url}
auth_url = {url}
"""


class Cli:
    """The command, with a home of its own."""

    def __init__(self, home, api):
        self.home, self.api = home, api
        self.dir = home / ".brightbox"
        self.env = {"HOME": str(home), "PATH": os.environ["PATH"], "COLUMNS": "80", "LINES": "24",
                    "BRIGHTBOX_API_URL": api.url}

    def write_config(self, text):
        self.dir.mkdir(exist_ok=True)
        (self.dir / "config").write_text(text.format(url=self.api.url))

    def config(self):
        return (self.dir / "config").read_text()

    def start(self, *args, **more):
        return subprocess.Popen([PROGRAM, *args], env=self.env, cwd=self.home,
                                stdin=more.pop("stdin", subprocess.DEVNULL),
                                stdout=more.pop("stdout", subprocess.PIPE),
                                stderr=more.pop("stderr", subprocess.PIPE), **more)

    def __call__(self, *args, input=None, **env):
        """Run to the end: what it printed, and how it ended."""
        for name, value in env.items():
            self.env[name] = value
        done = subprocess.run([PROGRAM, *args], env=self.env, cwd=self.home, timeout=30,
                              input=(input or "").encode(), capture_output=True)
        return Result(done.returncode, done.stdout, done.stderr.decode())


class Result:
    def __init__(self, code, raw, err):
        self.code, self.raw, self.err = code, raw, err

    @property
    def out(self):
        return self.raw.decode()

    def ids(self):
        return re.findall(r"^ ?([a-z]{3}-[a-z0-9]+)", self.out, re.M)

    def __repr__(self):
        return f"exit {self.code}\nstdout:\n{self.raw}\nstderr:\n{self.err}"


@pytest.fixture
def api():
    server = FakeApi()
    yield server
    server.close()


@pytest.fixture
def home(tmp_path):
    return pathlib.Path(tmp_path)


@pytest.fixture
def bare(home, api):
    """The command without any configuration."""
    return Cli(home, api)


@pytest.fixture
def cli(bare):
    """The command with an API client configured."""
    bare.write_config(CLIENT_SECTION)
    return bare


@pytest.fixture
def user_cli(bare):
    """The command with a user's section, not logged in."""
    bare.write_config(USER_SECTION)
    return bare
