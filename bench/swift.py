# SPDX-License-Identifier: Apache-2.0
"""OpenStack Swift on one node: one replica, a plain directory, tempauth; no root, no systemd."""
import os
import pathlib
import pwd
import shutil
import signal
import subprocess
import sys
import urllib.request

import common

SERVERS = ('account', 'container', 'object', 'proxy')
PIPELINE = ('catch_errors gatekeeper healthcheck proxy-logging cache listing_formats bulk tempurl ratelimit tempauth '
            'copy container-quotas account-quotas slo dlo versioned_writes symlink proxy-logging proxy-server')
FILTERS = {  # of the proxy: its egg's entry point, and what it is told
    'catch_errors': ('catch_errors', ''),
    'gatekeeper': ('gatekeeper', ''),
    'healthcheck': ('healthcheck', ''),
    'proxy-logging': ('proxy_logging', ''),
    'cache': ('memcache', 'memcache_servers = 127.0.0.1:{memcached}'),
    'listing_formats': ('listing_formats', ''),
    'bulk': ('bulk', ''),
    'tempurl': ('tempurl', ''),
    'ratelimit': ('ratelimit', ''),
    'tempauth': ('tempauth', 'user_test_tester = testing .admin\nstorage_url_scheme = http'),
    'copy': ('copy', ''),
    'container-quotas': ('container_quotas', ''),
    'account-quotas': ('account_quotas', ''),
    'slo': ('slo', ''),
    'dlo': ('dlo', ''),
    'versioned_writes': ('versioned_writes', 'allow_versioned_writes = true'),
    'symlink': ('symlink', ''),
}


class Swift:
    """Swift below `work`, as many workers of each server as there are processors."""

    def __init__(self, work):
        self.work = pathlib.Path(work)
        self.user = pwd.getpwuid(os.getuid()).pw_name
        self.ports = dict(zip((*SERVERS, 'memcached'), common.free_ports(5)))
        self.processes = []
        for name in ('etc', 'node/d1', 'log'):
            (self.work / name).mkdir(parents=True)
        for name in SERVERS[:3]:
            self.make_ring(name)
            self.configure(name)
        self.configure_proxy()
        try:
            self.start(['memcached', '-l', '127.0.0.1', '-p', str(self.ports['memcached']), '-m', '64', '-u',
                        self.user], 'memcached')
            for name in SERVERS:
                self.start([f'swift-{name}-server', self.work / f'etc/{name}-server.conf'], name)
            for name, port in self.ports.items():  # who can log in finds no account server yet, perhaps
                common.await_port(port, name)
            self.url, self.token = self.log_in()
        except BaseException:  # whoever interrupts does not reach them: they have a session of their own
            self.stop()
            raise

    def make_ring(self, name):
        builder = f'{name}.builder'
        for words in (('create', '6', '1', '1'),
                      ('add', '--region', '1', '--zone', '1', '--ip', '127.0.0.1', '--port',
                       str(self.ports[name]), '--device', 'd1', '--weight', '100'),
                      ('rebalance',)):
            subprocess.run(['swift-ring-builder', builder, *words], cwd=self.work / 'etc', check=True,
                           stdout=subprocess.DEVNULL)

    def common_part(self, name):
        return (f'[DEFAULT]\nbind_ip = 127.0.0.1\nbind_port = {self.ports[name]}\nworkers = {os.cpu_count()}\n'
                f'user = {self.user}\nswift_dir = {self.work}/etc\nlog_name = {name}\nlog_level = WARNING\n')

    def configure(self, name):
        (self.work / f'etc/{name}-server.conf').write_text(
            f'{self.common_part(name)}devices = {self.work}/node\nmount_check = false\n'
            f'disable_fallocate = true\n[pipeline:main]\npipeline = {name}-server\n'
            f'[app:{name}-server]\nuse = egg:swift#{name}\n')

    def configure_proxy(self):
        text = (f'{self.common_part("proxy")}[pipeline:main]\npipeline = {PIPELINE}\n'
                '[app:proxy-server]\nuse = egg:swift#proxy\naccount_autocreate = true\n')
        for name, (entry, told) in FILTERS.items():
            text += f'[filter:{name}]\nuse = egg:swift#{entry}\n{told.format(**self.ports)}\n'
        (self.work / 'etc/proxy-server.conf').write_text(text)

    def start(self, command, name):
        with open(self.work / f'log/{name}', 'wb') as log:
            self.processes.append(subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                                                   start_new_session=True))

    def log_in(self):
        request = urllib.request.Request(f'http://127.0.0.1:{self.ports["proxy"]}/auth/v1.0',
                                         headers={'X-Auth-User': 'test:tester', 'X-Auth-Key': 'testing'})
        with urllib.request.urlopen(request) as answer:
            return answer.headers['X-Storage-Url'], answer.headers['X-Auth-Token']

    def cpu(self):
        return sum(common.cpu_seconds(p.pid) for p in self.processes)

    def stop(self):
        for p in reversed(self.processes):
            os.killpg(p.pid, signal.SIGTERM)
        for p in self.processes:
            p.wait()
        shutil.rmtree(self.work)
