#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Writes the seeds of fuzz-config, -ini, -report, -response, -ring, -spec, -store and -url into
tests/data/fuzz/. Finds of the fuzzers are kept beside the seeds by hand."""
import ctypes
import pathlib
import struct

XXH32 = ctypes.CDLL('libxxhash.so.0').XXH32
XXH32.restype = ctypes.c_uint32
DATA = pathlib.Path(__file__).resolve().parent.parent / 'data/fuzz'

CONFIG = {
    'whole': b'import.threads=2\n[http]\nlisten = 127.0.0.1:0\n\n[import]\n; private\nallow = 10.0.0.0/8:80, fd00::/8\n'
             b'upload_bytes = 3G\ntotal_seconds=6h\n[log]\nrequests = true\nlevel=debug\n',
    'unknown': b'no such=key\n[import]\nallowed = 1\n',
    'no-section': b'\nlisten = 1\n',
    'indented': b'\n[import]\ndeny = 10.0.0.0/8\n  192.0.2.0/24\n',
    'long': b'\n[import]\ndeny = ' + b', '.join(b'10.%d.0.0/16' % i for i in range(40)) + b'\n',
    'long-with-blanks': b'\n[import]\ndeny = ' + b'10.0.0.0/8, '.ljust(40) * 20 + b'192.0.2.0/24\n',
    'sizes': b'import.virtual_bytes=99999999999T\n[import]\nvirtual_bytes = 1.5T\nupload_bytes = 0x10\n',
    'comment': b'log.level=loud\n[log]\nlevel = info ; not loud\n# [http]\n[store]\ndedup : global\n',
}

INI = {
    'whole': b'[core]\ndefault_client = cli-12345\n\n; mine\n[cli-12345]\nalias=work\nsecret = x y = z\n\0core\0default_client\0cli-2\0',
    'new-section': b'[a]\nb = c\n\0d\0e\0f\0',
    'core-first': b'[a]\n\0core\0k\0v\0',
    'twice': b'[a]\nk = 1\n[b]\n[a]\nk = 2\n\0a\0k\0003\0',
    'crlf': b'[a]\r\nk = v\r\n\0a\0k\0w\0',
    'before': b'k = v\n',
    'odd': b'[a] rest\n = v\n=\nx\n',
    'unwritable': b'[a]\n\0a]\0k=\0 v\0',
}

REPORT = {
    'ready': b'\x80progress done=12 total=34\nready\n',
    'fail': b'\x05fail code=corrupt reason=qcow2-l1 msg=L1%20entry%203%20is%20odd\n',
    'warnings': b'\xffdone format=qcow2+xz warning=a%3a%20b warning=c virtual=1048576\n',
    'nonsense': b'\x01fail code=x reason=A%00 msg=%zz\nfail code=ok\n\n \n=\n',
    'long': b'\xff' + b'a' * 2100 + b'\n',
    'utf8': b'\x10fail code=remote reason= msg=%c3%a4\xc3\xa4\nfail code=io reason= msg=%ff\n',
}

RESPONSE = {
    'ok': b'HTTP/1.1 200 OK\r\nContent-Length: 512\r\nETag: "abc"\r\nAccept-Ranges: bytes\r\n'
          b'Last-Modified: Sun, 06 Nov 1994 08:49:37 GMT\r\n\r\n',
    'partial': b'HTTP/1.1 206 Partial Content\r\nContent-Range: bytes 10-19/30\r\nContent-Length: 10\r\n\r\n',
    'redirect': b'HTTP/1.1 302 Found\r\nLocation: //other.example:8080/../x/./y?z#f\r\n\r\n',
    'relative': b'HTTP/1.0 307\r\nLocation: ../d%2fe\r\nContent-Length: 0\r\n\r\n',
    'interim': b'HTTP/1.1 103 Early Hints\r\nLink: <x>\r\n\r\nHTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nTrailer: x\r\n',
    'two-lengths': b'HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\n',
    'chunked-length': b'HTTP/1.1 200 OK\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n',
    'folded': b'HTTP/1.1 200 OK\r\nETag: W/"x"\r\n "y"\r\n\r\n',
    'unsatisfied': b'HTTP/1.1 416 x\r\nContent-Range: bytes */30\r\n\r\n',
    'huge': b'HTTP/1.1 200 OK\r\nContent-Length: 9223372036854775808\r\n\r\n',
    'not-http': b'ICY 200 OK\r\n\r\n',
}

# Triples: 0 reserve, 1 publish, 2 publish zeros, 3 take, 5 look, 6 finish, 7 lie (where, what).
RING = {
    'honest': bytes([0]) + bytes([0, 0, 0, 1, 9, 0, 3, 0, 0, 3, 0, 0, 2, 7, 0, 3, 0, 0, 3, 0, 0, 6, 0, 0, 3, 0, 0, 5, 0, 0]),
    'full': bytes([0]) + bytes([0, 0, 0] * 4 + [1, 255, 0] * 4 + [3, 0, 0] * 8 + [0, 0, 0, 6, 3, 0, 3, 0, 0, 5, 0, 0]),
    'stream': bytes([1]) + bytes([0, 0, 0, 0, 0, 0, 1, 30, 0, 3, 200, 0, 3, 255, 0, 1, 2, 0, 3, 99, 0, 6, 1, 0, 3, 1, 0]),
    'stream-zeros': bytes([1]) + bytes([2, 1, 0, 3, 200, 0]),
    'published-jumps': bytes([0]) + bytes([0, 0, 0, 1, 9, 0, 7, 0x80, 9, 3, 0, 0]),
    'published-back': bytes([0]) + bytes([0, 0, 0, 1, 9, 0, 3, 0, 0, 3, 0, 0, 7, 0x80, 0xff, 3, 0, 0]),
    'released-jumps': bytes([0]) + bytes([0, 0, 0, 1, 9, 0, 7, 0x81, 2, 0, 0, 0]),
    'too-long': bytes([0]) + bytes([0, 0, 0, 1, 9, 0, 7, 0x45, 13, 3, 0, 0]),
    'odd-type': bytes([0]) + bytes([0, 0, 0, 1, 9, 0, 7, 4, 7, 3, 0, 0]),
    'verdict': bytes([0]) + bytes([6, 1, 0, 7, 9, 99, 7, 10, 200, 5, 0, 0, 3, 0, 0]),
    'attach': bytes([0xFF, 8, 0, 8]) + bytes([0, 0, 0, 1, 9, 0, 3, 0, 0]),
}

SPEC = {
    'order': b'url=https://a.example/b\\nc\nsize=123\nwarning=a\nwarning=b\n',
    'escapes': b'k=\\\\\\r\\n\n',
    'bad-escape': b'k=\\x\n',
    'no-key': b'=v\n',
    'no-end': b'k=v',
    'empty': b'',
}

def chunk(data, plain=False):
    """docs/formats/store.md: size word, data, check word."""
    word = len(data) | (0x80000000 if plain else 0)
    return struct.pack('<I', word) + data + struct.pack('<I', XXH32(data, len(data), 0))


STORE = {
    'text': b'\x04' + b'a chunk that is not encoded ' * 4,
    'plain': b'\x00' + chunk(b'as it is', plain=True),
    'zeros': b'\x0b' + bytes(600),
    'lz4': b'\x07' + chunk(bytes.fromhex('1f000100ffe8500000000000')),
    'empty': b'\x05' + chunk(b'\0'),
    'odd-word': b'\x08' + chunk(b'abc')[:-5] + b'\0\0\0\0',
}

# URL, Location, a range to allow, a range to deny, ports.
URL = {
    'ranges': b'http://10.1.2.3:81/x\n\n10.0.0.0/8:81\n10.1.0.0/16\n80,443',
    'ranges-v6': b'http://[fd00::5]/\n\nfd00::/8\n2001:db8::/32:443\n80',
    'range-odd': b'http://a/\n\n10.0.0.1/8\n::ffff:0:0/96\n0,65536',
}


def main():
    for name, seeds in (('config', CONFIG), ('ini', INI), ('report', REPORT), ('response', RESPONSE),
                        ('ring', RING), ('spec', SPEC), ('store', STORE), ('url', URL)):
        (DATA / name).mkdir(parents=True, exist_ok=True)
        for seed, content in seeds.items():
            (DATA / name / seed).write_bytes(content)


main()
