# SPDX-License-Identifier: Apache-2.0
"""Orbit beside OpenStack Swift (api.md section 7, hardening.md 3.3): who may: access lists, temporary URLs, browsers, quotas.

The same tests for both: see orbitapi.py. What is wanted to be different is there, with the reason;
docs/compatibility.md tells users."""
import base64
import hmac
import time
import urllib.parse

import pytest

from orbitapi import REAL, WHOLE, box, expected, manifest_of, md5, people, put_static, quote, segments, swift  # noqa: F401


# ---- who may ----

def test_access_lists_for_the_public(swift, box):
    swift.put(box + "/x", b"x")
    swift.put(box, X_Container_Read=".r:*")
    assert swift.anonymous("GET", box + "/x").body == b"x"
    assert swift.anonymous("HEAD", box + "/x").status == 200
    assert swift.anonymous("GET", box + "/none").status == 404
    assert swift.anonymous("GET", box).status == 401 and swift.anonymous("HEAD", box).status == 401
    assert swift.anonymous("PUT", box + "/x", {}, b"y").status == 401
    assert swift.anonymous("DELETE", box + "/x").status == 401
    swift.put(box, X_Container_Read=".r:*,.rlistings")
    answer = swift.anonymous("GET", box)
    assert answer.body == b"x\n" and answer.header("X-Container-Read") is None
    swift.put(box, X_Container_Read=".r:.example.com,.r:-bad.example.com")
    for referer, status in [("http://www.example.com/a", 200), ("http://bad.example.com/", 401), (None, 401),
                            ("http://example.com/", 401), ("http://evil.com/?.example.com", 401)]:
        assert swift.anonymous("GET", box + "/x", {"Referer": referer} if referer else {}).status == status


def test_access_lists_by_name(swift, box, people):
    _, helper, stranger = people
    swift.put(box + "/x", b"x")
    swift("POST", box, {"X-Container-Meta-Temp-Url-Key": "secret", "X-Container-Meta-A": "1"})

    def ask(who, method, tail="", body=None):
        return swift(method, box + tail, {}, body, token=who.token)
    for who, acl in [(helper, helper.acl), (stranger, stranger.acl), (stranger, stranger.exact_acl)]:
        assert ask(who, "GET", "/x").status == 403 and ask(who, "GET").status == 403
        swift.put(box, X_Container_Read=acl)
        assert ask(who, "GET", "/x").body == b"x" and ask(who, "GET").body == b"x\n"
        head = ask(who, "HEAD")
        assert head.status == 204 and head.header("X-Container-Meta-A") == "1"
        assert head.header("X-Container-Meta-Temp-Url-Key") is None and head.header("X-Container-Read") is None
        assert ask(who, "PUT", "/y", b"y").status == 403 and ask(who, "DELETE", "/x").status == 403
        swift.put(box, X_Container_Read="", X_Container_Write=acl)
        assert ask(who, "PUT", "/y", b"y").status == 201 and ask(who, "GET", "/y").status == 403
        assert ask(who, "POST", "/y").status == 202 and ask(who, "DELETE", "/y").status == 204
        assert ask(who, "DELETE").status == 403 and ask(who, "POST").status == 403 and ask(who, "GET").status == 403
        assert swift("GET", "", token=who.token).status == 403
        swift.put(box, X_Container_Write="")
    assert swift("PUT", box + "/z", {}, b"", token=helper.token).status == 403


def test_segments_are_read_with_the_reader_s_rights(swift, segments):
    public = f"{segments}-public"
    swift.put(public, X_Container_Read=".r:*")
    put_static(swift, public + "/static", manifest_of(segments, 1, 2, 3))
    swift.put(public + "/dynamic", b"", X_Object_Manifest=f"{segments[1:]}/seg/")
    assert swift("GET", public + "/static").body == WHOLE
    for name in ("/static", "/dynamic"):
        assert swift.anonymous("GET", public + name).status in (401, 409), name
    swift.put(segments, X_Container_Read=".r:*,.rlistings")
    for name in ("/static", "/dynamic"):
        assert swift.anonymous("GET", public + name).body == WHOLE
    for name in ("/static", "/dynamic", ""):
        swift("DELETE", public + name)


# ---- temporary URLs ----

KEY = "k3y"


def signature(method, path, expires, digest="sha256", key=KEY, prefix=None, ip=None):
    message = f"{method}\n{expires}\n" + (f"prefix:{prefix}" if prefix is not None else path)
    if ip:
        message = f"ip={ip}\n{message}"
    return hmac.new(key.encode(), message.encode(), digest)


def temp(swift, tail, method="GET", digest="sha256", expires=None, **more):
    """The query of a temporary URL."""
    expires = expires or int(time.time()) + 600
    made = signature(method, swift.path + tail, expires, digest, **more)
    return {"temp_url_sig": made.hexdigest(), "temp_url_expires": str(expires)}


def visit(swift, method, tail, query, headers=(), body=None):
    return swift.anonymous(method, f"{tail}?{urllib.parse.urlencode(query)}", headers, body)


@pytest.fixture
def keyed(swift, box):
    """A container with an object x y.txt, in an account with a key."""
    assert swift("POST", headers={"X-Account-Meta-Temp-Url-Key": KEY}).status == 204
    swift.put(box + "/x%20y.txt", b"hello", X_Object_Meta_Secret="1", X_Object_Meta_Public_A="2")
    yield box
    swift("POST", headers={"X-Remove-Account-Meta-Temp-Url-Key": "x", "X-Remove-Account-Meta-Temp-Url-Key-2": "x"})


@pytest.mark.parametrize("digest", ["sha1", "sha256", "sha512"])
def test_temporary_urls(swift, keyed, digest):
    tail, plain = keyed + "/x%20y.txt", keyed + "/x y.txt"
    query = temp(swift, plain, digest=digest)
    answer = visit(swift, "GET", tail, query)
    assert answer.status == 200 and answer.body == b"hello"
    assert answer.header("X-Object-Meta-Secret") is None and answer.header("X-Object-Meta-Public-A") == "2"
    assert answer.header("Content-Disposition") == "attachment; filename=\"x y.txt\"; filename*=UTF-8''x%20y.txt"
    assert answer.header("Expires").endswith(" GMT")
    assert visit(swift, "HEAD", tail, query).status == 200
    for method in ("PUT", "POST", "DELETE"):
        assert visit(swift, method, tail, query, {}, b"").status == 401
    raw = bytes.fromhex(query["temp_url_sig"])
    for form in (base64.b64encode(raw), base64.urlsafe_b64encode(raw), base64.urlsafe_b64encode(raw).rstrip(b"=")):
        assert visit(swift, "GET", tail, {**query, "temp_url_sig": f"{digest}:{form.decode()}"}).status == 200
    for bad in ("", "0", query["temp_url_sig"][:-1], query["temp_url_sig"] + "0", query["temp_url_sig"].upper(),
                query["temp_url_sig"].translate(str.maketrans("0123456789abcdef", "123456789abcdef0")),
                f"{digest}:{query['temp_url_sig']}", "md5:" + md5(b"")):
        answer = visit(swift, "GET", tail, {**query, "temp_url_sig": bad})
        assert answer.status == 401, bad
        assert len(bad) < 4 or bad.encode() not in answer.body


def test_temporary_urls_and_time(swift, keyed):
    tail, plain = keyed + "/x%20y.txt", keyed + "/x y.txt"
    now = int(time.time())
    iso = temp(swift, plain, expires=now + 600)
    iso["temp_url_expires"] = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(now + 600))
    assert visit(swift, "GET", tail, iso).status == 200
    late = visit(swift, "GET", tail, temp(swift, plain, expires=now - 1))
    assert late.status == 401 and late.body == b"401 Unauthorized: Temp URL invalid\n"
    assert visit(swift, "GET", tail, temp(swift, plain, expires=1)).status == 401
    good = temp(swift, plain)
    for expires in ("", "x", str(int(good["temp_url_expires"]) + 1)):
        assert visit(swift, "GET", tail, {**good, "temp_url_expires": expires}).status == 401
    for missing in good:
        assert visit(swift, "GET", tail, {k: v for k, v in good.items() if k != missing}).status == 401
    twice = f"{tail}?temp_url_sig={good['temp_url_sig']}&temp_url_sig=x&temp_url_expires={good['temp_url_expires']}"
    assert swift.anonymous("GET", twice).status == 200
    twice = f"{tail}?temp_url_sig=x&temp_url_sig={good['temp_url_sig']}&temp_url_expires={good['temp_url_expires']}"
    assert swift.anonymous("GET", twice).status == 401
    assert swift("GET", f"{tail}?{urllib.parse.urlencode({**good, 'temp_url_sig': 'x'})}").status == 401


def test_temporary_urls_for_every_method(swift, keyed):
    tail = keyed + "/new"
    assert visit(swift, "PUT", tail, temp(swift, tail, "PUT"), {}, b"up").status == 201
    assert swift("GET", tail).body == b"up"
    for method in ("PUT", "POST"):
        assert visit(swift, "HEAD", tail, temp(swift, tail, method)).status == 200
        assert visit(swift, "GET", tail, temp(swift, tail, method)).status == 401
    assert visit(swift, "POST", tail, temp(swift, tail, "POST"), {"X-Object-Meta-A": "1"}, b"").status == 202
    assert visit(swift, "HEAD", tail, temp(swift, tail, "DELETE")).status == 401
    assert visit(swift, "DELETE", tail, temp(swift, tail, "DELETE")).status == 204
    assert visit(swift, "GET", tail, temp(swift, tail)).status == 404
    assert visit(swift, "GET", keyed, temp(swift, keyed)).status == 401
    assert visit(swift, "GET", "", temp(swift, "")).status == 401
    assert visit(swift, "PUT", keyed, temp(swift, keyed, "PUT"), {}, b"").status == 401


def test_temporary_urls_plant_no_pointers(swift, keyed):
    """CVE-2015-5223."""
    tail = keyed + "/new"
    for name in ("X-Object-Manifest", "X-Copy-From", "X-Symlink-Target"):
        answer = visit(swift, "PUT", tail, temp(swift, tail, "PUT"), {name: f"{keyed[1:]}/x"}, b"")
        assert answer.status == 400, name
    assert swift("HEAD", tail).status == 404
    assert visit(swift, "PUT", tail, temp(swift, tail, "PUT"), {"X-Timestamp": "1"}, b"x").status == 201


def test_temporary_urls_are_of_one_path(swift, keyed):
    tail, plain = keyed + "/x%20y.txt", keyed + "/x y.txt"
    query = temp(swift, plain)
    for other in (keyed + "//x%20y.txt", keyed + "/./x%20y.txt", keyed + "/a/../x%20y.txt", keyed + "/X%20y.txt",
                  tail + "/", keyed + "/x+y.txt", keyed + "/x%2520y.txt"):
        assert visit(swift, "GET", other, query).status == 401, other
    swift.put(keyed + "/p/q", b"slash")
    assert visit(swift, "GET", keyed + "/p%2Fq", temp(swift, keyed + "/p/q")).body == b"slash"


def test_temporary_urls_as_fog_signs_them(swift, keyed):
    """The object as it is, but the container escaped: api.md 7.7."""
    swift.put(keyed + "%20%7E%C3%BC")
    swift.put(keyed + "%20%7E%C3%BC/a%20b", b"fog")
    for sent in ("%20%7E%C3%BC", "%20~%C3%BC", "%20~%c3%bc"):
        answer = visit(swift, "GET", f"{keyed}{sent}/a%20b", temp(swift, keyed + "%20%7E%C3%BC/a b"))
        assert answer.status == (401 if REAL else 200), sent
        assert visit(swift, "GET", f"{keyed}{sent}/a%20b", temp(swift, keyed + " ~ü/a b")).status == 200
    swift("DELETE", keyed + "%20%7E%C3%BC/a%20b")
    swift("DELETE", keyed + "%20%7E%C3%BC")


def test_temporary_urls_of_a_prefix(swift, keyed):
    for name in ("a/1", "a/2", "b"):
        swift.put(f"{keyed}/{name}", name.encode())
    query = {**temp(swift, "", prefix=f"{swift.path}{keyed}/a/"), "temp_url_prefix": "a/"}
    assert visit(swift, "GET", keyed + "/a/1", query).body == b"a/1"
    assert visit(swift, "GET", keyed + "/a/2", query).body == b"a/2"
    assert visit(swift, "GET", keyed + "/b", query).status == 401
    assert visit(swift, "GET", keyed + "/b", {**query, "temp_url_prefix": ""}).status == 401
    assert visit(swift, "GET", keyed + "/a/1", {**query, "temp_url_prefix": "a"}).status == 401
    assert visit(swift, "GET", keyed + "/a/../b", query).status == 404
    assert visit(swift, "GET", keyed, query).status == 401
    everything = {**temp(swift, "", prefix=f"{swift.path}{keyed}/"), "temp_url_prefix": ""}
    assert visit(swift, "GET", keyed + "/b", everything).body == b"b"


def test_temporary_urls_of_a_place(swift, keyed):
    tail, plain = keyed + "/x%20y.txt", keyed + "/x y.txt"
    for ip, status in [("127.0.0.1", 200), ("127.0.0.0/8", 200), ("0.0.0.0/0", 200), ("192.0.2.1", 401),
                       ("2001:db8::/32", 401), ("127.0.0.1/8", 401), ("x", 401)]:
        query = {**temp(swift, plain, ip=ip), "temp_url_ip_range": ip}
        assert visit(swift, "GET", tail, query).status == status, ip
    query = {**temp(swift, plain, ip="127.0.0.1")}
    assert visit(swift, "GET", tail, query).status == 401
    assert visit(swift, "GET", tail, {**temp(swift, plain), "temp_url_ip_range": "127.0.0.1"}).status == 401


def test_temporary_url_keys(swift, keyed, people):
    tail, plain = keyed + "/x%20y.txt", keyed + "/x y.txt"
    other = temp(swift, plain, key="other")
    assert visit(swift, "GET", tail, other).status == 401
    swift("POST", headers={"X-Account-Meta-Temp-Url-Key-2": "other"})
    assert visit(swift, "GET", tail, other).status == 200 and visit(swift, "GET", tail, temp(swift, plain)).status == 200
    swift("POST", headers={"X-Account-Meta-Temp-Url-Key-2": ""})
    assert visit(swift, "GET", tail, other).status == 401
    swift("POST", keyed, {"X-Container-Meta-Temp-Url-Key": "of the container"})
    assert swift("HEAD", keyed).header("X-Container-Meta-Temp-Url-Key") == "of the container"
    mine = temp(swift, plain, key="of the container")
    assert visit(swift, "GET", tail, mine).status == 200
    second = f"{keyed}-2"
    swift.put(second)
    swift.put(second + "/x", b"x")
    assert visit(swift, "GET", second + "/x", temp(swift, second + "/x", key="of the container")).status == 401
    swift.put(keyed + "/points", b"", X_Object_Manifest=f"{second[1:]}/x")
    points = keyed + "/points"
    assert visit(swift, "GET", points, temp(swift, points)).body == b"x"
    assert visit(swift, "GET", points, temp(swift, points, key="of the container")).status in (401, 409)
    swift("DELETE", second + "/x")
    swift("DELETE", second)


def test_file_names_in_temporary_urls(swift, keyed):
    tail, plain = keyed + "/x%20y.txt", keyed + "/x y.txt"
    query = temp(swift, plain)

    def disposition(**more):
        return visit(swift, "GET", tail, {**query, **more}).header("Content-Disposition")
    assert disposition(filename="a b.txt") == "attachment; filename=\"a b.txt\"; filename*=UTF-8''a%20b.txt"
    assert disposition(inline="") == "inline"
    assert disposition(inline="", filename="ü/\"\r\nX: y") == (
        "inline; filename=\"%C3%BC/%22%0D%0AX%3A y\"; filename*=UTF-8''%C3%BC/%22%0D%0AX%3A%20y")
    assert disposition(filename="") == disposition()
    swift.put(keyed + "/own", b"", Content_Disposition="inline; filename=mine")
    answer = visit(swift, "GET", keyed + "/own", temp(swift, keyed + "/own"))
    assert answer.header("Content-Disposition") == "inline; filename=mine"


# ---- browsers ----

def test_cross_origin_requests(swift, box):
    swift.put(box + "/x", b"x", X_Object_Meta_A="1")

    def preflight(origin, method="GET", headers=None):
        sent = {"Origin": origin, "Access-Control-Request-Method": method}
        if headers:
            sent["Access-Control-Request-Headers"] = headers
        return swift.anonymous("OPTIONS", box + "/x", sent)
    assert preflight("http://a").status == 401
    swift("POST", box, {"X-Container-Meta-Access-Control-Allow-Origin": "http://a http://b",
                        "X-Container-Meta-Access-Control-Max-Age": "60",
                        "X-Container-Meta-Access-Control-Expose-Headers": "X-Mine X-Yours"})
    answer = preflight("http://b", "PUT", "x-auth-token, x-other")
    assert answer.status == 200 and answer.header("Access-Control-Allow-Origin") == "http://b"
    assert answer.header("Access-Control-Max-Age") == "60"
    assert set(answer.header("Access-Control-Allow-Methods").split(", ")) == {
        "GET", "HEAD", "PUT", "POST", "DELETE", "COPY", "OPTIONS"}
    assert set(answer.header("Access-Control-Allow-Headers").split(", ")) == {"x-auth-token", "x-other"}
    assert preflight("http://c").status == 401 and preflight("http://a", "PATCH").status == 401
    answer = swift("GET", box + "/x", {"Origin": "http://a"})
    assert answer.header("Access-Control-Allow-Origin") == "http://a"
    exposed = {n.strip().lower() for name, value in answer.headers if name == "Access-Control-Expose-Headers"
               for n in value.split(",")}
    assert {"etag", "x-timestamp", "x-trans-id", "x-mine", "x-yours", "x-object-meta-a", "last-modified"} <= exposed
    assert swift("GET", box + "/x", {"Origin": "http://c"}).header("Access-Control-Allow-Origin") is None
    assert swift("GET", box + "/x").header("Access-Control-Allow-Origin") is None
    swift("POST", box, {"X-Container-Meta-Access-Control-Allow-Origin": "*"})
    assert preflight("http://c").header("Access-Control-Allow-Origin") == "*"
    assert swift("GET", box, {"Origin": "http://c"}).header("Access-Control-Allow-Origin") == "*"
    answer = swift.anonymous("OPTIONS", box + "/x")
    assert answer.status == 200 and "PUT" in answer.header("Allow")


@pytest.fixture
def site(swift, box):
    swift.put(box, X_Container_Read=".r:*,.rlistings")
    for name, body in [("index.html", b"home"), ("sub/index.html", b"sub"), ("dir/<b>.txt", b"12345"),
                       ("dir/deep/x", b"x"), ("404error.html", b"lost")]:
        swift.put(f"{box}/{quote(name)}", body)
    return box


def test_web_sites(swift, site):
    assert swift.anonymous("GET", site).body.startswith(b"404error.html\n")
    swift("POST", site, {"X-Container-Meta-Web-Index": "index.html"})
    answer = swift.anonymous("GET", site)
    assert answer.status == 301 and urllib.parse.urlsplit(answer.header("Location")).path == f"{swift.path}{site}/"
    answer = swift.anonymous("GET", site + "/")
    assert answer.body == b"home" and answer.header("Content-Type") == "text/html"
    assert swift.anonymous("GET", site + "/sub/").body == b"sub"
    assert swift.anonymous("GET", site + "/sub").status == 301
    assert swift.anonymous("GET", site + "/dir/").status == 404
    assert swift.anonymous("GET", site + "/dir").status == 301
    assert swift.anonymous("GET", site + "/none").status == 404
    assert swift("GET", site).body.startswith(b"404error.html\n")
    swift("POST", site, {"X-Container-Meta-Web-Error": "error.html"})
    answer = swift.anonymous("GET", site + "/none")
    assert (answer.status, answer.body) == (404, b"lost")
    assert swift("GET", site + "/none").body != b"lost"


def test_web_listings(swift, site):
    swift("POST", site, {"X-Container-Meta-Web-Listings": "true"})
    page = swift.anonymous("GET", site + "/")
    assert page.status == 200 and page.header("Content-Type") == "text/html; charset=UTF-8"
    for part in (f"Listing of {swift.path}{site}/", "sub/</a>", "dir/</a>", "index.html</a>"):
        assert part.encode() in page.body
    page = swift.anonymous("GET", site + "/dir/")
    assert b"&lt;b&gt;.txt</a>" in page.body and b"<b>" not in page.body
    assert b'href="../"' in page.body and b"deep/</a>" in page.body and b'<td class="colsize">5</td>' in page.body
    assert swift.anonymous("GET", site + "/none/").status == 404
    swift("POST", site, {"X-Container-Meta-Web-Listings-Css": "my.css"})
    assert b'href="../my.css"' in swift.anonymous("GET", site + "/dir/").body
    swift.put(site, X_Container_Read=".r:*")
    assert swift.anonymous("GET", site + "/").status == 401
    assert swift.anonymous("GET", site + "/index.html").body == b"home"


# ---- quotas ----

def test_container_quotas(swift, box):
    swift("POST", box, {"X-Container-Meta-Quota-Bytes": "10", "X-Container-Meta-Quota-Count": "2"})
    assert swift("PUT", box + "/a", {}, b"x" * 11).status == 413
    assert swift("HEAD", box + "/a").status == 404
    assert swift("PUT", box + "/a", {}, b"x" * 10).status == 201
    if expected("quotas count at once"):
        assert swift("PUT", box + "/b", {}, b"x").status == 413
        assert swift("PUT", box + "/b", {}, b"").status == 201
        assert swift("PUT", box + "/c", {}, b"").status == 413
        assert swift("PUT", box + "/b", {"Transfer-Encoding": "chunked"}, b"1\r\nx\r\n0\r\n\r\n").status == 413


def test_too_large_is_said_before_it_is_sent(swift, box):
    sent = {"X-Auth-Token": swift.token, "Content-Length": str(5368709123), "Expect": "100-continue"}
    assert swift.raw("PUT", f"{swift.path}{box}/x", sent).status == 413


def test_secrets_are_not_logged(people, keyed, request):
    if REAL:
        pytest.skip("the log of darkroomd")
    swift = people[0]
    query = temp(swift, keyed + "/x y.txt")
    visit(swift, "GET", keyed + "/x%20y.txt", query)
    visit(swift, "GET", keyed + "/x%20y.txt", {**query, "temp_url_sig": query["temp_url_sig"][::-1]})
    log = request.getfixturevalue("daemon").log.read_text()
    for secret in (query["temp_url_sig"], query["temp_url_sig"][::-1], swift.token, KEY + '"'):
        assert secret not in log
