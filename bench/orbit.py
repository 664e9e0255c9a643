# SPDX-License-Identifier: Apache-2.0
"""Orbit beside OpenStack Swift and nginx; curl is the client of all of them."""
import collections
import json
import random
import subprocess
import sys
import time
import urllib.request

import catalogue
import common
import swift

SMALL = 1000         # objects of one round
SMALL_BYTES = 4096
AT_ONCE = 8
PAGE = 10_000        # lines
MANY = 1_000_000     # objects in our container
PAGES = 10           # requests of one round

ROWS = ['put-small', 'get-small', 'head-small', 'page', 'put-1g', 'get-1g', 'get-1g-twice']
AGAINST_SWIFT = {'put-small', 'get-small', 'head-small', 'page', 'put-1g'}


class Side:
    """One of the two: where an account's containers are, with which token."""

    def __init__(self, server, url, token, work):
        self.server = server
        self.url = url
        self.token = token
        self.config = work / 'curl.config'
        self.containers = 0

    def cpu(self):
        return self.server.cpu()

    def request(self, method, path, body=None):
        request = urllib.request.Request(self.url + path, data=body, method=method,
                                         headers={'X-Auth-Token': self.token})
        with urllib.request.urlopen(request) as answer:
            return answer.read()

    def new_container(self):
        self.containers += 1
        name = f'bench{self.containers}'
        self.request('PUT', f'/{name}', b'')
        return name

    def curl(self, transfers, expected, *options):
        """(seconds, server's processor seconds) of one curl; each transfer a list of its options."""
        with open(self.config, 'w') as f:
            f.write(f'header = "X-Auth-Token: {self.token}"\n')
            for lines in transfers:
                f.write(''.join(f'{line}\n' for line in lines))
        cpu = self.cpu()
        began = time.monotonic()
        out = subprocess.run(['curl', '-s', *options, '-w', '%{http_code}\n', '-K', self.config],
                             capture_output=True, text=True)
        took = time.monotonic() - began
        codes = collections.Counter(out.stdout.split())
        if codes != {str(expected): len(transfers)}:
            sys.exit(f'bench: {self.url}: curl {out.returncode}, {dict(codes)} {out.stderr[:500]}')
        return took, self.cpu() - cpu


def discarded(url):
    return [f'url = "{url}"', 'output = "/dev/null"']


def uploaded(path, url):
    return [f'upload-file = "{path}"', *discarded(url)]


# ---- many small ones ----

def small_urls(side, container):
    return [f'{side.url}/{container}/object-{n:04}' for n in range(SMALL)]


def small_rate(side, transfers, expected, *options):
    took, cpu = side.curl(transfers, expected, '-Z', '--parallel-max', str(AT_ONCE), *options)
    return SMALL / took, cpu / SMALL * 1e6


def put_small(side, path):
    container = side.new_container()
    subprocess.run(['sync'], check=True)
    return small_rate(side, [uploaded(path, url) for url in small_urls(side, container)], 201)


def small(bench, names, peer, ours):
    path = bench.work / 'files/small'
    path.write_bytes(random.Random(1).randbytes(SMALL_BYTES))
    goal = {'at_least': 5, 'note': f'{AT_ONCE} at once; CPU: µs of the servers per request'}
    if 'put-small' in names:
        theirs, mine = common.interleaved(bench.rounds, lambda: put_small(peer, path),
                                          lambda: put_small(ours, path))
        bench.table.add('orbit/put-small', '/s', mine, theirs, **goal)
    for row, options in (('get-small', []), ('head-small', ['-I'])):
        if row not in names:
            continue
        urls = {}
        for side in (peer, ours):
            container = side.new_container()
            urls[side] = [discarded(url) for url in small_urls(side, container)]
            side.curl([uploaded(path, url) for url in small_urls(side, container)], 201, '-Z')
        theirs, mine = common.interleaved(bench.rounds, lambda: small_rate(peer, urls[peer], 200, *options),
                                          lambda: small_rate(ours, urls[ours], 200, *options))
        bench.table.add(f'orbit/{row}', '/s', mine, theirs, **goal)


# ---- a page ----

def fill_by_requests(side, count):
    """The container's name, with that many empty objects put by the usual way."""
    container = side.new_container()
    side.curl([uploaded('/dev/null', f'{side.url}/{container}/object-{n:07}') for n in range(count)], 201,
              '-Z', '--parallel-max', str(AT_ONCE))
    return container


def fill_by_sql(darkroom, side, count):
    """Likewise, the first by a request and the others as its copies."""
    chance = random.Random(3)
    container = side.new_container()
    side.request('PUT', f'/{container}/object-{0:07}', b'x')
    db = catalogue.open_catalogue(darkroom.data / 'catalogue.sqlite')
    with db:
        number, = db.execute('SELECT id FROM containers WHERE name = ?', (container,)).fetchone()
        cursor = db.execute('SELECT * FROM objects WHERE container = ?', (number,))
        like = dict(zip([c[0] for c in cursor.description], cursor.fetchone()))
        catalogue.insert(db, 'objects', ({'name': f'object-{n:07}', 'md5': f'{chance.getrandbits(128):032x}',
                                          'blob': f'{chance.getrandbits(256):064x}'}
                                         for n in range(1, count)), like)
        db.execute('UPDATE containers SET objects = objects + ?, bytes = bytes + ? WHERE id = ?',
                   (count - 1, count - 1, number))
    db.execute('PRAGMA wal_checkpoint(TRUNCATE)')
    db.close()
    return container


def page(bench, peer, ours):
    few = fill_by_requests(peer, PAGE)
    many = fill_by_sql(bench.darkroom, ours, MANY)
    paths = {peer: f'/{few}?format=json&limit={PAGE}',
             ours: f'/{many}?format=json&limit={PAGE}&marker=object-{MANY // 2:07}'}
    for side, path in paths.items():
        lines = len(json.loads(side.request('GET', path)))
        if lines != PAGE:
            sys.exit(f'bench: {lines} lines in the page of {side.url}')

    def rate(side):
        took, cpu = side.curl([discarded(side.url + paths[side])] * PAGES, 200)
        return PAGES / took, cpu / PAGES * 1e3

    theirs, mine = common.interleaved(bench.rounds, lambda: rate(peer), lambda: rate(ours))
    bench.table.add('orbit/page', '/s', mine, theirs, at_least=1,
                    note=f'{PAGE} of {PAGE} there, of {MANY} here; CPU: ms of the servers per page')


# ---- large ones ----

def put_big(bench, peer, ours):
    path = common.big_file(bench)
    containers = {side: side.new_container() for side in (peer, ours)}

    def rate(side):
        subprocess.run(['sync'], check=True)
        took, cpu = side.curl([uploaded(path, f'{side.url}/{containers[side]}/big')], 201)
        side.request('DELETE', f'/{containers[side]}/big')
        return common.BIG_BYTES / took / 1e6, cpu

    theirs, mine = common.interleaved(bench.rounds, lambda: rate(peer), lambda: rate(ours))
    bench.table.add('orbit/put-1g', 'MB/s', mine, theirs, at_least=1.5, note='CPU of the servers')


def get_big(bench, names, ours):
    path = common.big_file(bench)
    container = ours.new_container()
    ours.curl([uploaded(path, f'{ours.url}/{container}/big')], 201)
    subprocess.run(['sync'], check=True)
    nginx = common.Nginx(bench.work, path.parent)
    peer = Side(nginx, nginx.url, 'none', bench.work)

    def rate(side, url, clients):
        one = f"curl -sf -H 'X-Auth-Token: {side.token}' -o /dev/null {url}"
        cpu = side.cpu()
        took, _ = common.timed_shell(f'{one} & first=$!; {one} && wait $first' if clients == 2 else one)
        return clients * common.BIG_BYTES / took / 1e6, side.cpu() - cpu

    url = f'{ours.url}/{container}/big'
    try:
        for row, clients in (('get-1g', 1), ('get-1g-twice', 2)):
            if row in names:
                theirs, mine = common.interleaved(bench.rounds, lambda: rate(peer, f'{nginx.url}/big', clients),
                                                  lambda: rate(ours, url, clients))
                bench.table.add(f'orbit/{row}', 'MB/s', mine, theirs, at_least=0.90,
                                note='theirs: nginx, a file; CPU of the servers')
    finally:
        nginx.stop()


def rows(bench, names):
    bench.table.head('Orbit', 'Swift 2.30')
    (bench.work / 'files').mkdir(exist_ok=True)
    darkroom = bench.darkroom
    ours = Side(darkroom, f'{darkroom.url}/v1/{darkroom.account}', darkroom.credentials.removeprefix('Bearer '),
                bench.work)
    if AGAINST_SWIFT & set(names):
        peer = swift.Swift(bench.work / 'swift')
        try:
            theirs = Side(peer, peer.url, peer.token, bench.work)
            small(bench, names, theirs, ours)
            if 'page' in names:
                page(bench, theirs, ours)
            if 'put-1g' in names:
                put_big(bench, theirs, ours)
        finally:
            peer.stop()
    if {'get-1g', 'get-1g-twice'} & set(names):
        get_big(bench, names, ours)
