# SPDX-License-Identifier: Apache-2.0
"""What is served, beside nginx; and how the catalogue's size is felt."""
import re
import socket
import statistics
import subprocess
import sys
import time

import catalogue
import common

CONNECTIONS = 64
LISTS = 100  # requests of one round


def files(bench):
    where = bench.work / 'files'
    where.mkdir(exist_ok=True)
    return where


def small_image(bench, darkroom):
    """The id of an image of 1 MiB."""
    (files(bench) / 'small.raw').write_bytes(b'bench' + bytes((1 << 20) - 5))
    source = common.Nginx(bench.work, files(bench))
    try:
        return darkroom.register(f'{source.url}/small.raw')[2]
    finally:
        source.stop()


def download(bench, _names):
    """The lz4 view of a registered image, and a file with the same bytes."""
    bench.table.head('Downloading the image (GET, lz4)', 'nginx, a file')
    darkroom = bench.darkroom
    _, _, image = darkroom.register(f'{bench.nginx.url}/{common.SOURCES["qcow2"]}')
    path = f'/v1/{darkroom.account}/images/{image}'
    token = darkroom.credentials.removeprefix('Bearer ')
    copy = files(bench) / 'image.lz4'
    subprocess.run(['curl', '-sf', '-H', f'X-Auth-Token: {token}', '-o', copy, darkroom.url + path],
                   check=True)
    copy.chmod(0o644)
    size = copy.stat().st_size
    subprocess.run(['lz4', '-q', '-t', copy], check=True)
    subprocess.run(['sync'], check=True)
    nginx = common.Nginx(bench.work, files(bench))

    def rate(server, url):
        cpu = server.cpu()
        got, _ = common.timed_shell(f"curl -sf -H 'X-Auth-Token: {token}' -o /dev/null {url}")
        return size / got / 1e6, server.cpu() - cpu

    try:
        peer, mine = common.interleaved(bench.rounds, lambda: rate(nginx, f'{nginx.url}/image.lz4'),
                                        lambda: rate(darkroom, darkroom.url + path))
    finally:
        nginx.stop()
    copy.unlink()
    darkroom.forget(image)
    bench.table.add('download', 'MB/s', mine, peer, at_least=0.70,
                    note=f'{size >> 20} MiB; CPU of the servers')


def get_one(bench, _names):
    """One image's JSON on 64 connections that are kept."""
    bench.table.head(f'GET one image, {CONNECTIONS} connections kept', 'nginx, a file')
    darkroom = bench.darkroom
    image = small_image(bench, darkroom)
    path = f'/1.0/images/{image}'
    (files(bench) / 'image.json').write_bytes(darkroom.request('GET', path))
    nginx = common.Nginx(bench.work, files(bench))

    def rate(server, url):
        cpu = server.cpu()
        out = subprocess.run(['wrk', '-t1', f'-c{CONNECTIONS}', f'-d{bench.seconds}s', '-H',
                              f'Authorization: {darkroom.credentials}', url],
                             check=True, capture_output=True, text=True).stdout
        if 'Non-2xx' in out or 'Socket errors' in out:
            sys.exit(f'bench: {url}:\n{out}')
        requests = int(re.search(r'(\d+) requests in', out)[1])
        return float(re.search(r'Requests/sec:\s*([\d.]+)', out)[1]), (server.cpu() - cpu) / requests * 1e6

    try:
        peer, mine = common.interleaved(bench.rounds, lambda: rate(nginx, f'{nginx.url}/image.json'),
                                        lambda: rate(darkroom, darkroom.url + path))
    finally:
        nginx.stop()
    darkroom.forget(image)
    bench.table.add('get-one', '/s', mine, peer, at_least=0.25, note='CPU: µs of the server per request')


class Lister:
    """GET /1.0/images on one kept connection, by hand: nothing of a client library is measured."""

    def __init__(self, darkroom):
        where = darkroom.url.removeprefix('http://')
        self.darkroom = darkroom
        host, port = where.split(':')
        self.wire = socket.create_connection((host, int(port)))
        self.wire.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.ask = (f'GET /1.0/images HTTP/1.1\r\nHost: {where}\r\n'
                    f'Authorization: {darkroom.credentials}\r\n\r\n').encode()

    def once(self):
        """Seconds until the whole answer is here."""
        began = time.perf_counter()
        self.wire.sendall(self.ask)
        got = b''
        while b'\r\n\r\n' not in got:
            got += self.wire.recv(1 << 20)
        head, _, body = got.partition(b'\r\n\r\n')
        left = int(re.search(rb'(?i)\r\ncontent-length: (\d+)', head)[1]) - len(body)
        while left > 0:
            left -= len(self.wire.recv(1 << 20))
        took = time.perf_counter() - began
        if b' 200 ' not in head.split(b'\r\n')[0]:
            sys.exit(f'bench: GET /1.0/images: {head[:200]!r}')
        return took

    def round(self):
        """(median milliseconds, processor milliseconds of the server per request)"""
        cpu = self.darkroom.cpu()
        times = [self.once() for _ in range(LISTS)]
        return statistics.median(times) * 1e3, (self.darkroom.cpu() - cpu) / LISTS * 1e3


def list_images(bench, _names):
    """An account of 100 images in two catalogues: alone, and among a million."""
    bench.table.head('GET /1.0/images, 100 images of the account, 1,000,000 in the catalogue',
                     '100 in the catalogue')
    small = common.Darkroom(bench.work / 'small')
    large = common.Darkroom(bench.work / 'large')
    try:
        for darkroom, others in ((small, 0), (large, 999_900)):
            small_image(bench, darkroom)  # what every row is copied from
            catalogue.fill(darkroom.data / 'catalogue.sqlite', darkroom.made['account_id'], 100, others)
        for name, published in (('list', 0), ('list-published', 50)):
            for darkroom in (small, large) if published else ():
                catalogue.publish(darkroom.data / 'catalogue.sqlite', published)
            for darkroom in (small, large):
                count = len(darkroom.call('GET', '/1.0/images'))
                if count != 100 + published:
                    sys.exit(f'bench: {count} images listed')
            alone, among = Lister(small), Lister(large)
            peer, mine = common.interleaved(bench.rounds, alone.round, among.round)
            bench.table.add(name, 'ms', mine, peer, at_most=1.5,
                            note=f'{100 + published} listed; CPU: ms of the server per request')
    finally:
        small.stop()
        large.stop()
