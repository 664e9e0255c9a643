# SPDX-License-Identifier: Apache-2.0
import pathlib

import pytest

from fake_api import FakeApi
from runner import CLIENT_SECTION, USER_SECTION, Cli


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
