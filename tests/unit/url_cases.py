# SPDX-License-Identifier: Apache-2.0
"""The cases of hardening.md section 2.5 that are one URL each: REFUSED is (number, where, URL),
where one of S syntax, N name, A address, P port, or several of these; FETCHED is (number, URL, the
address connected to, what is asked for there, the Host header). example.com, 3com.example.com and
0xdeadbeef.example.com are names of PUBLIC; FETCHED may be https."""

PUBLIC = "93.184.216.34"

# The reasons that a refusal may have.
REASONS = {"S": "url-invalid", "N": "address-not-allowed", "A": "address-not-allowed",
           "P": "port-not-allowed"}


def hosts(number, where, text):
    return [(number, where, f"http://{host}/") for host in text.split()]


REFUSED = [
    *hosts(1, "A", "127.0.0.1"),
    *hosts(2, "SA", "127.1 2130706433 0x7f000001 0x7f.1 0X7F.1"),
    *hosts(3, "SA", "0177.0.0.1 017700000001 00000000000000000177.0.0.1"),
    *hosts(4, "SA", "%31%32%37.0.0.1"),
    *hosts(5, "SA", "\u2460\u2461\u2466.0.0.1 127\u30020\u30020\u30021 \uff11\uff12\uff17.0.0.1"),
    *hosts(6, "SA", "0 0.0.0.0"),
    *hosts(7, "A", "10.0.0.1 172.16.0.1 172.31.255.255 192.168.1.1"),
    *hosts(8, "A", "100.64.0.1 100.127.255.255"),
    (9, "A", "http://169.254.169.254/latest/meta-data/"),
    *hosts(10, "SA", "169.254.43518 2852039166"),
    *hosts(11, "A", "192.0.0.192"),
    *hosts(12, "A", "192.0.2.1 198.51.100.1 203.0.113.1 198.18.0.1 192.88.99.1"),
    *hosts(13, "A", "224.0.0.1 239.255.255.250 240.0.0.1 255.255.255.255"),
    *hosts(15, "A", "[::1] [::]"),
    *hosts(16, "A", "[::ffff:127.0.0.1] [::ffff:7f00:1] [0:0:0:0:0:ffff:a9fe:a9fe]"),
    *hosts(17, "A", "[::127.0.0.1] [::ffff:0:127.0.0.1]"),
    *hosts(18, "A", "[64:ff9b::7f00:1] [64:ff9b::a9fe:a9fe] [64:ff9b:1::a9fe:a9fe]"),
    *hosts(19, "A", "[2002:7f00:1::] [2001:0:7f00:1::]"),
    *hosts(20, "A", "[2001:db8::1] [3fff::1] [2001:2::1] [100::1] [5f00::1]"),
    *hosts(21, "A", "[fc00::1] [fd00:ec2::254]"),
    *hosts(22, "A", "[fe80::1] [fec0::1] [ff02::1]"),
    *hosts(22, "S", "[fe80::1%25eth0] [fe80::1%eth0]"),
    *hosts(24, "N", "localhost LOCALHOST localhost. foo.localhost"),
    *hosts(25, "N", "intranet printer.local x.internal x.home.arpa"),
    (26, "S", "file:///etc/passwd"),
    *[(27, "S", scheme + "://example.com/x") for scheme in (
        "gopher dict ftp ftps scp sftp smb tftp ldap telnet ws filesystem http+unix").split()],
    (27, "S", "data:,x"),
    (28, "S", "127.0.0.1"),
    (28, "S", "example.com/x"),
    (28, "S", "//example.com/x"),
    (29, "S", "http:example.com/"),
    (29, "S", "http:/127.0.0.1/"),
    (29, "S", "http:///127.0.0.1/"),
    (29, "S", "http:////x/"),
    (31, "S", "http://user:pw@example.com/x"),
    (32, "S", "http://example.com@127.0.0.1/"),
    (32, "S", "http://127.0.0.1:80@example.com/"),
    (33, "S", "http://127.0.0.1\\@example.com/"),
    (33, "S", "http://example.com\\@127.0.0.1/"),
    (34, "S", "http://1.1.1.1&@127.0.0.1#@3.3.3.3/"),
    (35, "A", "http://127.0.0.1#@example.com/"),
    *[(36, "S", f"http://example.com/a{character}b")
      for character in [" ", *map(chr, range(1, 0x20)), "\x7f"]],
    *[(36, "S", f"http://exam{character}ple.com/")
      for character in (" ", "\t", "\r", "\n", "\x7f", "%00")],
    (36, "S", " http://example.com/"),
    (36, "S", "http://example.com/\r\nX-Injected: 1"),
    *hosts(38, "S", "127.0.0.1%2eexample.com"),
    *hosts(39, "S", "[::1 [127.0.0.1] [v1.a]"),
    *hosts(40, "S", "1.2.3.256 1.2.3.4.5 08.0.0.1 0x1ffffffff a.b.0x7f"),
    *hosts(42, "S", f"{'a' * 64}.example.com {'a.' * 124}example.com"),
    (42, "S", "http://example.com/" + "x" * 2030),
    *hosts(43, "P", "example.com:22 example.com:25 example.com:6379"),
    *hosts(43, "SP", "example.com:0 example.com:65536 example.com:-1"),
    (43, "S", "http://example.com: 80/"),
]

FETCHED = [
    *[(14, f"http://{host}/x", host, "/x", host) for host in
      "172.15.255.255 172.32.0.1 100.63.255.255 100.128.0.1 11.0.0.1".split()],
    (23, "http://[2606:4700::1]/x", "2606:4700::1", "/x", "[2606:4700::1]"),
    (30, "HTTPS://EXAMPLE.COM/x", PUBLIC, "/x", "example.com"),
    (37, "http://example.com/%0d%0aX-Injected:%201", PUBLIC, "/%0d%0aX-Injected:%201",
     "example.com"),
    (41, "https://3com.example.com/", PUBLIC, "/", "3com.example.com"),
    (41, "https://0xdeadbeef.example.com/", PUBLIC, "/", "0xdeadbeef.example.com"),
    (44, "http://example.com:/x", PUBLIC, "/x", "example.com"),
    (44, "http://example.com:00080/x", PUBLIC, "/x", "example.com"),
    (45, "https://example.com/x#frag", PUBLIC, "/x", "example.com"),
]


def name_of(number, url):
    """For the id of a test."""
    text = "".join(c if 0x20 < ord(c) < 0x7F and c != "%" else f"%{ord(c):02x}" for c in url)
    return f"{number:02}-{text[:60]}"
