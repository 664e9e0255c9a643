# SPDX-License-Identifier: Apache-2.0
"""Who may do what in Orbit: hardening.md sections 3.3 and 3.4 written down a second time, as rows.

Two tenants, `A` whose things these are and `B`; and what A granted, by name of the container:

    none       was never there                closed     nothing granted
    read       .r:*                           list       .r:*,.rlistings
    write      *:* may write                  images     the read-only one
    sto-read   A's storage client may read    sto-write  ... may write
    sto-both   ... both                       oth-read   B may read
                                              oth-write  B may write

test_orbit_isolation.py makes all of it and asks. Each of the containers has one object."""

PLACES = {
    "closed": {},
    "read": {"X-Container-Read": ".r:*"},
    "list": {"X-Container-Read": ".r:*,.rlistings"},
    "write": {"X-Container-Write": "*:*"},
    "sto-read": {"X-Container-Read": "{A}:{sto}"},
    "sto-write": {"X-Container-Write": "{A}:{sto}"},
    "oth-read": {"X-Container-Read": "{B}"},
    "oth-write": {"X-Container-Write": "{B}"},
    "sto-both": {"X-Container-Read": "{A}:{sto}", "X-Container-Write": "{A}:{sto}"},
}

# Who asks. Behind most names are several, who must be answered alike.
COLUMNS = {
    "anon": "nobody",
    "stale": "tokens: invented, expired, of a user who has another password since",
    "narrow": "a token without the scope orbit",
    "own": "A's client by both kinds of token, one that was revoked since, A's user, a collaborator (who is a"
           " stranger where the path names B)",
    "sto": "A's storage client that is named in ACLs",
    "none": "A's storage client that is not; a third account's client",
    "oth": "B's client, user and storage client",
    "temp": "a temporary URL for this method and path, signed with A's account key",
}

# name: (method, target, headers, body). {at} is the container, {o} its object, {new} no object yet.
# `B/open` is a container of B's in which everybody may read and write.
SEGMENT = '[{{"path": "/{place}/{o}"}}]'
VERBS = {
    "GET account": ("GET", "/v1/{A}?format=json", {}, None),
    "HEAD account": ("HEAD", "/v1/{A}", {}, None),
    "POST account": ("POST", "/v1/{A}", {"X-Account-Meta-New": "changed"}, ""),
    "POST key": ("POST", "/v1/{A}", {"X-Account-Meta-Temp-Url-Key-2": "changed"}, ""),
    "PUT account": ("PUT", "/v1/{A}", {}, ""),
    "DELETE account": ("DELETE", "/v1/{A}", {}, None),
    "GET": ("GET", "{at}", {}, None),
    "GET as JSON": ("GET", "{at}?format=json&prefix=s&delimiter=/&limit=2", {}, None),
    "HEAD": ("HEAD", "{at}", {}, None),
    "PUT": ("PUT", "{at}", {"X-Container-Meta-New": "changed"}, ""),
    "POST": ("POST", "{at}", {"X-Container-Meta-New": "changed"}, ""),
    "POST ACL": ("POST", "{at}", {"X-Container-Read": ".r:*", "X-Container-Write": "*:*"}, ""),
    "POST key of container": ("POST", "{at}", {"X-Container-Meta-Temp-Url-Key": "changed"}, ""),
    "DELETE": ("DELETE", "{at}", {}, None),
    "OPTIONS": ("OPTIONS", "{at}", {"Origin": "http://a", "Access-Control-Request-Method": "GET"}, None),
    "GET object": ("GET", "{at}/{o}", {}, None),
    "GET range": ("GET", "{at}/{o}", {"Range": "bytes=0-3"}, None),
    "GET if changed": ("GET", "{at}/{o}", {"If-None-Match": "*"}, None),
    "HEAD object": ("HEAD", "{at}/{o}", {}, None),
    "GET manifest": ("GET", "{at}/{o}?multipart-manifest=get", {}, None),
    "PUT object": ("PUT", "{at}/{o}", {}, "changed"),
    "PUT new object": ("PUT", "{at}/{new}", {}, "changed"),
    "PUT if new": ("PUT", "{at}/{new}", {"If-None-Match": "*"}, "changed"),
    "POST object": ("POST", "{at}/{o}", {"X-Object-Meta-New": "changed"}, ""),
    "POST expiry": ("POST", "{at}/{o}", {"X-Delete-After": "1000"}, ""),
    "DELETE object": ("DELETE", "{at}/{o}", {}, None),
    "COPY from": ("COPY", "{at}/{o}", {"Destination": "write/new"}, None),
    "COPY from, to B": ("PUT", "/v1/{B}/open/new", {"X-Copy-From-Account": "{A}", "X-Copy-From": "{place}/{o}"}, ""),
    "PUT X-Copy-From": ("PUT", "/v1/{A}/write/new", {"X-Copy-From": "{place}/{o}"}, ""),
    "COPY to": ("COPY", "/v1/{A}/read/secret-o", {"Destination": "{place}/{new}"}, None),
    "COPY to, from B": ("COPY", "/v1/{B}/open/b", {"Destination-Account": "{A}", "Destination": "{place}/{new}"}, None),
    "PUT X-Copy-From read": ("PUT", "{at}/{new}", {"X-Copy-From": "read/secret-o"}, ""),
    "PUT dynamic": ("PUT", "{at}/{new}", {"X-Object-Manifest": "read/secret-o"}, ""),
    "PUT static": ("PUT", "{at}/{new}?multipart-manifest=put", {}, '[{{"path": "/read/secret-o"}}]'),
    "PUT static of": ("PUT", "/v1/{A}/write/new?multipart-manifest=put", {}, SEGMENT),
    "GET static of": ("GET", "/v1/{A}/list/static-{place}", {}, None),
    "GET dynamic of": ("GET", "/v1/{A}/list/dynamic-{place}", {}, None),
    "DELETE static of": ("DELETE", "/v1/{A}/write/static-{place}?multipart-manifest=delete",
                         {"Accept": "application/json"}, None),
    "bulk delete": ("POST", "/v1/{A}?bulk-delete", {"Content-Type": "text/plain", "Accept": "application/json"},
                    "/{place}/{o}\n"),
    "bulk DELETE": ("DELETE", "/v1/{A}?bulk-delete", {"Content-Type": "text/plain", "Accept": "application/json"},
                    "/{place}\n"),
}

# The status of the answer; of bulk deletions that of the line, and of a manifest that cannot be that
# of its segment.
HTTP = """
verb                   places                              anon stale narrow own sto none oth temp

GET account            -                                    401  401   403   200 403 403  403 401
HEAD account           -                                    401  401   403   204 403 403  403 401
POST account           -                                    401  401   403   204 403 403  403 401
POST key               -                                    401  401   403   204 403 403  403 401
PUT account            -                                    405  401   403   405 405 405  405 401
DELETE account         -                                    405  401   403   405 405 405  405 401

GET                    none                                 401  401   403   404 403 403  403 401
GET                    closed write sto-write oth-write     401  401   403   200 403 403  403 401
GET                    read                                 401  401   403   200 403 403  403 401
GET                    list                                 200  401   403   200 200 200  200 401
GET                    sto-read                             401  401   403   200 200 403  403 401
GET                    oth-read                             401  401   403   200 403 403  200 401
GET                    images                               401  401   403   200 403 403  403 401

GET as JSON            none                                 401  401   403   404 403 403  403 401
GET as JSON            closed write sto-write oth-write     401  401   403   200 403 403  403 401
GET as JSON            read images                          401  401   403   200 403 403  403 401
GET as JSON            list                                 200  401   403   200 200 200  200 401
GET as JSON            sto-read                             401  401   403   200 200 403  403 401
GET as JSON            oth-read                             401  401   403   200 403 403  200 401

HEAD                   none                                 401  401   403   404 403 403  403 401
HEAD                   closed write sto-write oth-write     401  401   403   204 403 403  403 401
HEAD                   read images                          401  401   403   204 403 403  403 401
HEAD                   list                                 204  401   403   204 204 204  204 401
HEAD                   sto-read                             401  401   403   204 204 403  403 401
HEAD                   oth-read                             401  401   403   204 403 403  204 401

PUT                    none                                 401  401   403   201 403 403  403 401
PUT                    closed read list write               401  401   403   202 403 403  403 401
PUT                    sto-read sto-write                   401  401   403   202 403 403  403 401
PUT                    oth-read oth-write                   401  401   403   202 403 403  403 401
PUT                    images                               401  401   403   403 403 403  403 401

POST                   none                                 401  401   403   404 403 403  403 401
POST                   closed read list write               401  401   403   204 403 403  403 401
POST                   sto-read sto-write                   401  401   403   204 403 403  403 401
POST                   oth-read oth-write                   401  401   403   204 403 403  403 401
POST                   images                               401  401   403   403 403 403  403 401

POST ACL               none                                 401  401   403   404 403 403  403 401
POST ACL               closed sto-write oth-write           401  401   403   204 403 403  403 401
POST ACL               images                               401  401   403   403 403 403  403 401

POST key of container  none                                 401  401   403   404 403 403  403 401
POST key of container  closed sto-write oth-write           401  401   403   204 403 403  403 401
POST key of container  images                               401  401   403   403 403 403  403 401

DELETE                 none                                 401  401   403   404 403 403  403 401
DELETE                 closed read list write               401  401   403   409 403 403  403 401
DELETE                 sto-read sto-write                   401  401   403   409 403 403  403 401
DELETE                 oth-read oth-write                   401  401   403   409 403 403  403 401
DELETE                 images                               401  401   403   403 403 403  403 401

OPTIONS                none closed read list write images   401  401   401   401 401 401  401 401

GET object             none                                 401  401   403   404 403 403  403 404
GET object             closed write sto-write oth-write     401  401   403   200 403 403  403 200
GET object             images                               401  401   403   200 403 403  403 200
GET object             read list                            200  401   403   200 200 200  200 200
GET object             sto-read                             401  401   403   200 200 403  403 200
GET object             oth-read                             401  401   403   200 403 403  200 200

GET range              none                                 401  401   403   404 403 403  403 404
GET range              closed write sto-write oth-write     401  401   403   206 403 403  403 206
GET range              images                               401  401   403   206 403 403  403 206

GET if changed         none                                 401  401   403   404 403 403  403 404
GET if changed         closed write sto-write oth-write     401  401   403   304 403 403  403 304
GET if changed         images                               401  401   403   304 403 403  403 304

HEAD object            none                                 401  401   403   404 403 403  403 404
HEAD object            closed write sto-write oth-write     401  401   403   200 403 403  403 200
HEAD object            images                               401  401   403   200 403 403  403 200
HEAD object            read list                            200  401   403   200 200 200  200 200
HEAD object            sto-read                             401  401   403   200 200 403  403 200
HEAD object            oth-read                             401  401   403   200 403 403  200 200

GET manifest           none                                 401  401   403   404 403 403  403 404
GET manifest           closed write sto-write oth-write     401  401   403   200 403 403  403 200
GET manifest           images                               401  401   403   200 403 403  403 200

PUT object             none                                 401  401   403   404 403 403  403 404
PUT object             closed read list sto-read oth-read   401  401   403   201 403 403  403 201
PUT object             write                                401  401   403   201 201 201  201 201
PUT object             sto-write                            401  401   403   201 201 403  403 201
PUT object             oth-write                            401  401   403   201 403 403  201 201
PUT object             images                               401  401   403   403 403 403  403 401

PUT new object         none                                 401  401   403   404 403 403  403 404
PUT new object         closed read list sto-read oth-read   401  401   403   201 403 403  403 201
PUT new object         write                                401  401   403   201 201 201  201 201
PUT new object         sto-write                            401  401   403   201 201 403  403 201
PUT new object         oth-write                            401  401   403   201 403 403  201 201
PUT new object         images                               401  401   403   403 403 403  403 401

PUT if new             closed read list sto-read oth-read   401  401   403   201 403 403  403 201
PUT if new             images                               401  401   403   403 403 403  403 401

POST object            none                                 401  401   403   404 403 403  403 404
POST object            closed read list sto-read oth-read   401  401   403   202 403 403  403 202
POST object            write                                401  401   403   202 202 202  202 202
POST object            sto-write                            401  401   403   202 202 403  403 202
POST object            oth-write                            401  401   403   202 403 403  202 202
POST object            images                               401  401   403   403 403 403  403 401

POST expiry            closed read list sto-read oth-read   401  401   403   202 403 403  403 202
POST expiry            images                               401  401   403   403 403 403  403 401

DELETE object          none                                 401  401   403   404 403 403  403 404
DELETE object          closed read list sto-read oth-read   401  401   403   204 403 403  403 204
DELETE object          write                                401  401   403   204 204 204  204 204
DELETE object          sto-write                            401  401   403   204 204 403  403 204
DELETE object          oth-write                            401  401   403   204 403 403  204 204
DELETE object          images                               401  401   403   403 403 403  403 401

COPY from              none                                 401  401   403   404 403 403  403 401
COPY from              closed write sto-write oth-write     401  401   403   201 403 403  403 401
COPY from              images                               401  401   403   201 403 403  403 401
COPY from              read list                            401  401   403   201 201 201  201 401
COPY from              sto-read                             401  401   403   201 201 403  403 401
COPY from              oth-read                             401  401   403   201 403 403  201 401

PUT X-Copy-From        none                                 401  401   403   404 403 403  403 400
PUT X-Copy-From        closed write sto-write oth-write     401  401   403   201 403 403  403 400
PUT X-Copy-From        images                               401  401   403   201 403 403  403 400
PUT X-Copy-From        read list                            401  401   403   201 201 201  201 400
PUT X-Copy-From        sto-read                             401  401   403   201 201 403  403 400
PUT X-Copy-From        oth-read                             401  401   403   201 403 403  201 400

COPY from, to B        none                                 401  401   403   404 403 403  403 401
COPY from, to B        closed write sto-write oth-write     401  401   403   201 403 403  403 401
COPY from, to B        images                               401  401   403   201 403 403  403 401
COPY from, to B        read list                            401  401   403   201 201 201  201 401
COPY from, to B        sto-read                             401  401   403   201 201 403  403 401
COPY from, to B        oth-read                             401  401   403   201 403 403  201 401

COPY to                none                                 401  401   403   404 403 403  403 401
COPY to                closed read list sto-read oth-read   401  401   403   201 403 403  403 401
COPY to                write                                401  401   403   201 201 201  201 401
COPY to                sto-write                            401  401   403   201 201 403  403 401
COPY to                oth-write                            401  401   403   201 403 403  201 401
COPY to                images                               401  401   403   403 403 403  403 401

COPY to, from B        none                                 401  401   403   404 403 403  403 401
COPY to, from B        closed read list sto-read oth-read   401  401   403   201 403 403  403 401
COPY to, from B        write                                401  401   403   201 201 201  201 401
COPY to, from B        sto-write                            401  401   403   201 201 403  403 401
COPY to, from B        oth-write                            401  401   403   201 403 403  201 401
COPY to, from B        images                               401  401   403   403 403 403  403 401

PUT X-Copy-From read   none                                 401  401   403   404 403 403  403 400
PUT X-Copy-From read   closed read list sto-read oth-read   401  401   403   201 403 403  403 400
PUT X-Copy-From read   write                                401  401   403   201 201 201  201 400
PUT X-Copy-From read   sto-write                            401  401   403   201 201 403  403 400
PUT X-Copy-From read   oth-write                            401  401   403   201 403 403  201 400
PUT X-Copy-From read   images                               401  401   403   403 403 403  403 400

PUT dynamic            none                                 401  401   403   404 403 403  403 400
PUT dynamic            closed read list sto-read oth-read   401  401   403   201 403 403  403 400
PUT dynamic            write                                401  401   403   201 201 201  201 400
PUT dynamic            sto-write                            401  401   403   201 201 403  403 400
PUT dynamic            oth-write                            401  401   403   201 403 403  201 400
PUT dynamic            images                               401  401   403   403 403 403  403 400

PUT static             none                                 401  401   403   404 403 403  403 400
PUT static             closed read list sto-read oth-read   401  401   403   201 403 403  403 400
PUT static             write                                401  401   403   201 201 201  201 400
PUT static             sto-write                            401  401   403   201 201 403  403 400
PUT static             oth-write                            401  401   403   201 403 403  201 400
PUT static             images                               401  401   403   403 403 403  403 400

PUT static of          none                                 401  401   403   404 403 403  403 400
PUT static of          closed write sto-write oth-write     401  401   403   201 403 403  403 400
PUT static of          read list                            401  401   403   201 201 201  201 400
PUT static of          sto-read                             401  401   403   201 201 403  403 400
PUT static of          oth-read                             401  401   403   201 403 403  201 400
PUT static of          images                               401  401   403   404 404 404  404 400

GET static of          closed write sto-write oth-write     401  401   403   200 403 403  403 200
GET static of          read                                 200  401   403   200 200 200  200 200
GET static of          sto-read                             401  401   403   200 200 403  403 200
GET static of          oth-read                             401  401   403   200 403 403  200 200

GET dynamic of         closed write sto-write oth-write     401  401   403   200 403 403  403 200
GET dynamic of         read                                 401  401   403   200 403 403  403 200
GET dynamic of         list                                 200  401   403   200 200 200  200 200
GET dynamic of         sto-read                             401  401   403   200 200 403  403 200
GET dynamic of         oth-read                             401  401   403   200 403 403  200 200

DELETE static of       closed read sto-read oth-read        401  401   403   204 403 403  403 401
DELETE static of       sto-write                            401  401   403   204 204 403  403 401
DELETE static of       oth-write                            401  401   403   204 403 403  204 401

bulk delete            none                                 401  401   403   404 403 403  403 401
bulk delete            closed read list sto-read oth-read   401  401   403   204 403 403  403 401
bulk delete            write                                401  401   403   204 204 204  204 401
bulk delete            sto-write                            401  401   403   204 204 403  403 401
bulk delete            oth-write                            401  401   403   204 403 403  204 401
bulk delete            images                               401  401   403   403 403 403  403 401

bulk DELETE            none                                 401  401   403   404 403 403  403 401
bulk DELETE            closed read list write               401  401   403   409 403 403  403 401
bulk DELETE            sto-read sto-write                   401  401   403   409 403 403  403 401
bulk DELETE            oth-read oth-write                   401  401   403   409 403 403  403 401
bulk DELETE            images                               401  401   403   403 403 403  403 401
"""

# What one ACL gives: r reads objects, l lists and reads, w writes, - nothing. `friend` and `foe` are
# nobody with a Referer of www.friends.example and bad.friends.example, `sto+foe` is `sto` with foe's;
# `peer` is another storage client of A; oth, oth-user and oth-sto are B's; third is a third account's.
GRANTS = """
kind  acl                                                    anon friend foe sto sto+foe peer oth oth-user oth-sto third

Read  .r:*                                                   r    r      r   r   r       r    r   r        r       r
Read  .r:*,.rlistings                                        l    l      l   l   l       l    l   l        l       l
Read  .rlistings                                             -    -      -   -   -       -    -   -        -       -
Read  .r:www.friends.example                                 -    r      -   -   -       -    -   -        -       -
Read  .r:.friends.example                                    -    r      r   -   r       -    -   -        -       -
Read  .r:.friends.example,.r:-bad.friends.example            -    r      -   -   -       -    -   -        -       -
Read  .r:.friends.example,.r:-bad.friends.example,.rlistings -    l      -   -   -       -    -   -        -       -
Read  .r:*,.r:-bad.friends.example                           r    r      -   r   -       r    r   r        r       r
Read  .r:-bad.friends.example,{A}:{sto}                      -    -      -   l   l       -    -   -        -       -
Read  {A}:{sto}                                              -    -      -   l   l       -    -   -        -       -
Read  {A}:*                                                  -    -      -   l   l       l    -   -        -       -
Read  {A}                                                    -    -      -   l   l       l    -   -        -       -
Read  {B}                                                    -    -      -   -   -       -    l   l        l       -
Read  {B}:*                                                  -    -      -   -   -       -    l   l        l       -
Read  {B}:{oth}                                              -    -      -   -   -       -    l   -        -       -
Read  {B}:{oth-user}                                         -    -      -   -   -       -    -   l        -       -
Read  {B}:{oth-sto}                                          -    -      -   -   -       -    -   -        l       -
Read  {B}:{sto},{A}:{oth}                                    -    -      -   -   -       -    -   -        -       -
Read  *:*                                                    -    -      -   l   l       l    l   l        l       l
Write {A}:{sto}                                              -    -      -   w   w       -    -   -        -       -
Write {A}:*                                                  -    -      -   w   w       w    -   -        -       -
Write {A}                                                    -    -      -   w   w       w    -   -        -       -
Write {B}                                                    -    -      -   -   -       -    w   w        w       -
Write {B}:*                                                  -    -      -   -   -       -    w   w        w       -
Write {B}:{oth}                                              -    -      -   -   -       -    w   -        -       -
Write {B}:{oth-user}                                         -    -      -   -   -       -    -   w        -       -
Write {B}:{oth-sto}                                          -    -      -   -   -       -    -   -        w       -
Write {B}:{sto},{A}:{oth}                                    -    -      -   -   -       -    -   -        -       -
Write *:*                                                    -    -      -   w   w       w    w   w        w       w
"""

# ACLs that can be none: 400, and what was granted before stays.
NO_ACLS = [("Write", ".r:*"), ("Write", ".r:.friends.example"), ("Write", ".rlistings"), ("Write", "{B}:{oth},.r:*"),
           ("Read", "{sto}"), ("Write", "{oth}"), ("Read", "{A}:"), ("Read", ":{sto}"), ("Read", "*:{sto}"),
           ("Read", "*"), ("Read", ".x:y"), ("Read", ".r:"), ("Read", ".r:-")]

# Keys: A and A2 of A's account, B of B's, closed and read of those containers; old was one of A's, and
# nobody's is an empty one. ~ before what is signed: a prefix. Paths are below A's account.
TEMPURLS = """
key     signed                    asked                        with                                  status

A       GET closed/secret-o       GET closed/secret-o          -                                     200
A       GET closed/secret-o       HEAD closed/secret-o         -                                     200
A       GET closed/secret-o       PUT closed/secret-o          -                                     401
A       GET closed/secret-o       POST closed/secret-o         -                                     401
A       GET closed/secret-o       DELETE closed/secret-o       -                                     401
A       GET closed/secret-o       COPY closed/secret-o         Destination:write/new                 401
A       HEAD closed/secret-o      HEAD closed/secret-o         -                                     200
A       HEAD closed/secret-o      GET closed/secret-o          -                                     401
A       PUT closed/secret-o       PUT closed/secret-o          -                                     201
A       PUT closed/secret-o       HEAD closed/secret-o         -                                     200
A       PUT closed/secret-o       GET closed/secret-o          -                                     401
A       PUT closed/secret-o       POST closed/secret-o         -                                     401
A       PUT closed/secret-o       DELETE closed/secret-o       -                                     401
A       POST closed/secret-o      POST closed/secret-o         X-Object-Meta-New:changed             202
A       POST closed/secret-o      HEAD closed/secret-o         -                                     200
A       POST closed/secret-o      GET closed/secret-o          -                                     401
A       POST closed/secret-o      PUT closed/secret-o          -                                     401
A       DELETE closed/secret-o    DELETE closed/secret-o       -                                     204
A       DELETE closed/secret-o    HEAD closed/secret-o         -                                     401
A       COPY closed/secret-o      COPY closed/secret-o         Destination:write/new                 401

A2      GET closed/secret-o       GET closed/secret-o          -                                     200
closed  GET closed/secret-o       GET closed/secret-o          -                                     200
closed  PUT closed/new            PUT closed/new               -                                     201
old     GET closed/secret-o       GET closed/secret-o          -                                     401
nobody  GET closed/secret-o       GET closed/secret-o          -                                     401
B       GET closed/secret-o       GET closed/secret-o          -                                     401
B       PUT closed/secret-o       PUT closed/secret-o          -                                     401
B       DELETE closed/secret-o    DELETE closed/secret-o       -                                     401
read    GET closed/secret-o       GET closed/secret-o          -                                     401
read    PUT closed/new            PUT closed/new               -                                     401
closed  GET sto-read/secret-o     GET sto-read/secret-o        -                                     401
closed  GET closed/secret-o       GET read/secret-o            -                                     401
closed  GET images/{image}        GET images/{image}           -                                     401
B       GET read/secret-o         GET read/secret-o            -                                     401
A       GET closed/secret-o       GET closed/none              -                                     401
A       GET closed/none           GET closed/none              -                                     404
A       GET none/secret-o         GET none/secret-o            -                                     404
B       GET none/secret-o         GET none/secret-o            -                                     401

A       GET closed                GET closed                   -                                     401
A       HEAD closed               HEAD closed                  -                                     401
A       PUT closed                PUT closed                   -                                     401
A       POST closed               POST closed                  X-Container-Read:.r:*                 401
A       DELETE closed             DELETE closed                -                                     401
A       GET closed/               GET closed/                  -                                     401
A       GET list                  GET list                     -                                     401
A       GET .                     GET .                        -                                     401
A       POST .                    POST .                       X-Account-Meta-Temp-Url-Key:changed   401
A       POST closed/secret-o      POST .                       ?bulk-delete                          401
A       DELETE closed/secret-o    DELETE closed                -                                     401

A       GET images/{image}        GET images/{image}           -                                     200
A       GET images/{image}        GET images/{image}           ?format=raw                           200
A       PUT images/{image}        PUT images/{image}           -                                     401
A       POST images/{image}       POST images/{image}          -                                     401
A       DELETE images/{image}     DELETE images/{image}        -                                     401
A       PUT images/new            PUT images/new               -                                     401
B       GET images/{image}        GET images/{image}           -                                     401

A       GET ~closed/secret-       GET closed/secret-o          ?temp_url_prefix=secret-              200
A       GET ~closed/              GET closed/secret-o          ?temp_url_prefix=                     200
A       GET ~closed/secret-       GET closed/secret-o          ?temp_url_prefix=                     401
A       GET ~closed/secret-       GET closed/secret-o          ?temp_url_prefix=secret               401
A       GET ~closed/a             GET closed/secret-o          ?temp_url_prefix=a                    401
A       GET ~closed/a/            GET closed/a/../secret-o     ?temp_url_prefix=a/                   404
A       GET ~closed/              GET read/secret-o            ?temp_url_prefix=                     401
A       GET ~closed/secret-       GET read/secret-o            ?temp_url_prefix=secret-              401
A       GET ~closed               GET closed/secret-o          ?temp_url_prefix=                     401
A       GET ~closed/              GET closed                   ?temp_url_prefix=                     401
A       GET ~closed/              GET closed                   ?temp_url_prefix=&prefix=             401
A       GET ~closed/secret-       PUT closed/secret-o          ?temp_url_prefix=secret-              401
A       GET ~closed/secret-       DELETE closed/secret-o       ?temp_url_prefix=secret-              401
B       GET ~closed/              GET closed/secret-o          ?temp_url_prefix=                     401
read    GET ~closed/              GET closed/secret-o          ?temp_url_prefix=                     401
closed  GET ~closed/              GET closed/secret-o          ?temp_url_prefix=                     200

A       PUT closed/new            PUT closed/new               X-Object-Manifest:read/secret-o       400
A       PUT closed/new            PUT closed/new               X-Symlink-Target:read/secret-o        400
A       PUT closed/new            PUT closed/new               X-Copy-From:read/secret-o             400
A       PUT closed/new            PUT closed/new               ?multipart-manifest=put               400
A       POST closed/secret-o      POST closed/secret-o         X-Object-Manifest:read/secret-o       400
A       POST closed/secret-o      POST closed/secret-o         X-Symlink-Target:read/secret-o        400
A       GET list/dynamic-read     GET list/dynamic-read        -                                     200
A       GET list/dynamic-closed   GET list/dynamic-closed      -                                     200
list    GET list/dynamic-closed   GET list/dynamic-closed      -                                     401
list    GET list/static-closed    GET list/static-closed       -                                     401
list    GET list/dynamic-list     GET list/dynamic-list        -                                     200
"""

# Paths that a client of B asks for with its own token; {image} and {public} are A's images.
ESCAPES = """
method  path                                    status

GET     /v1/{B}/../{A}/closed/secret-o          404
GET     /v1/{B}/%2e%2e/{A}/closed/secret-o      404
GET     /v1/{B}/..%2f{A}%2fclosed/secret-o      412
GET     /v1/{B}/open/../../{A}/closed/secret-o  404
GET     /v1/{B}/{A}/closed/secret-o             404
GET     /v1/{B}//{A}/closed/secret-o            412
GET     /v1/{A}%2fclosed/secret-o               412
GET     /v1/{A}%2fclosed%2fsecret-o             412
GET     /v1//{A}/closed/secret-o                401
GET     /v1/{A}/closed%2fsecret-o               412
GET     /v1/{A}/closed//secret-o                403
GET     /v1/{A}/closed/./secret-o               403
GET     /v1/{A}/read/../closed/secret-o         404
GET     /v1/{A}/read/%2e%2e%2fclosed%2fsecret-o 404
GET     /v1/{A}?prefix=closed                   403
GET     /v1/{A}?marker=a&end_marker=z           403
GET     /v1/{B}?marker=../{A}/                  200
GET     /v1/{B}/open?prefix=../../{A}/closed/   204
GET     /v1/{B}/images/{image}                  404
GET     /v1/{B}/images/{public}                 404
GET     /v1/{B}/images/{deprecated}             404
HEAD    /v1/{B}/images/{public}                 404
GET     /v1/{B}/images                          204
GET     /v1/{A}/images/{image}                  403
GET     /v1/{A}/images/{public}                 403
GET     /v1/{A}/images/{deprecated}             403
HEAD    /v1/{A}/images/{public}                 403
GET     /v1/{A}/images/{public}?format=raw      403
GET     /v1/{A}/images/{public}?format=qcow2    403
GET     /v1/{A}/images/img-zzzzz                403
PUT     /v1/{A}/images/{public}                 403
POST    /v1/{A}/images/{public}                 403
DELETE  /v1/{A}/images/{public}                 403
DELETE  /v1/{B}/images/{public}                 403
PUT     /v1/{B}/images/{public}                 403
"""

# What B's client may name when it works in its own account: a line to delete, a segment, what a
# manifest selects. Nothing of A's is ever there.
FOREIGN_NAMES = ["/closed/secret-o", "closed/secret-o", "/{A}/closed/secret-o", "/v1/{A}/closed/secret-o",
                 "/../{A}/closed/secret-o", "/..%2f{A}%2fclosed/secret-o", "/%2e%2e/{A}/closed/secret-o",
                 "/open/../../{A}/closed/secret-o", "/images/{image}", "/read/secret-o", "/oth-read/secret-o"]

# SFTP (draft-ietf-secsh-filexfer-02): ok, no (such file), den(ied), fail, uns(upported). Another
# account's session sees its own containers only: `images`, and `open` with the object `b`.
SFTP = """
verb           places                        own user sto  none oth

stat           none                          no  no   den  den  no
stat           closed                        ok  ok   den  den  no
stat           read                          ok  ok   ok   ok   no
stat           sto-read sto-write sto-both   ok  ok   ok   den  no
stat           images                        ok  ok   den  den  ok
lstat          none                          no  no   den  den  no
lstat          closed                        ok  ok   den  den  no
ls             none                          no  no   den  den  no
ls             closed read sto-write         ok  ok   den  den  no
ls             sto-read sto-both             ok  ok   ok   den  no
ls             images                        ok  ok   den  den  ok
mkdir          none                          ok  ok   den  den  ok
mkdir          closed                        fail fail den den  ok
mkdir          images                        fail fail den den  fail
rmdir          none                          no  no   den  den  no
rmdir          closed sto-read sto-write     fail fail den den  no
rmdir          images                        den den  den  den  den
df             none closed sto-both images   ok  ok   den  den  ok
rename dir     none                          no  no   den  den  no
rename dir     closed read sto-both          ok  ok   den  den  no
rename dir     images                        den den  den  den  den
stat object    none                          no  no   den  den  no
stat object    closed sto-write images       ok  ok   den  den  no
stat object    read                          ok  ok   ok   ok   no
stat object    sto-read sto-both             ok  ok   ok   den  no
get            none                          no  no   den  den  no
get            closed sto-write images       ok  ok   den  den  no
get            read                          ok  ok   ok   ok   no
get            sto-read sto-both             ok  ok   ok   den  no
put            none                          no  no   den  den  no
put            closed read sto-read          ok  ok   den  den  no
put            sto-write sto-both            ok  ok   ok   den  no
put            images                        den den  den  den  den
put new        none                          no  no   den  den  no
put new        closed read sto-read          ok  ok   den  den  no
put new        sto-write sto-both            ok  ok   ok   den  no
put new        images                        den den  den  den  den
put -p         none                          no  no   den  den  no
put -p         closed read sto-read          ok  ok   den  den  no
put -p         sto-write sto-both            ok  ok   ok   den  no
put -p         images                        den den  den  den  den
append         none                          no  no   den  den  no
append         closed read sto-read          ok  ok   den  den  no
append         sto-write                     ok  ok   den  den  no
append         sto-both                      ok  ok   ok   den  no
append         images                        den den  den  den  den
rm             none                          no  no   den  den  no
rm             closed read sto-read          ok  ok   den  den  no
rm             sto-write sto-both            ok  ok   ok   den  no
rm             images                        den den  den  den  no
mkdir in       none                          no  no   den  den  no
mkdir in       closed read sto-read          ok  ok   den  den  no
mkdir in       sto-write sto-both            ok  ok   ok   den  no
mkdir in       images                        den den  den  den  den
rmdir object   closed                        no  no   den  den  no
rmdir object   sto-read                      no  no   no   den  no
rmdir object   images                        no  no   den  den  no
rename from    none                          no  no   den  den  no
rename from    closed read                   ok  ok   den  den  no
rename from    sto-read sto-write            ok  ok   den  den  no
rename from    sto-both                      ok  ok   ok   den  no
rename from    images                        den den  den  den  no
rename to      none                          no  no   den  den  no
rename to      closed read sto-read          ok  ok   den  den  no
rename to      sto-write                     ok  ok   ok   den  no
rename to      images                        den den  den  den  no
rename over    closed read sto-read          ok  ok   den  den  no
rename over    sto-write                     ok  ok   ok   den  no
rename over    images                        den den  den  den  no
set time       none                          no  no   den  den  no
set time       closed read sto-read          ok  ok   den  den  no
set time       sto-write                     ok  ok   den  den  no
set time       sto-both                      ok  ok   ok   den  no
set time       images                        den den  den  den  no
set mode       closed images                 uns uns  den  den  no
set mode       none                          no  no   den  den  no
set id         none closed images            uns uns  uns  uns  uns
set owner      none closed images            uns uns  uns  uns  uns
set size       none closed images            uns uns  uns  uns  uns
readlink       none closed images            uns uns  uns  uns  uns
symlink        none closed images            uns uns  uns  uns  uns
symlink to     none closed images            uns uns  uns  uns  uns
hardlink       none closed images            uns uns  uns  uns  uns
"""

# Paths into other accounts and out of the root, for B's session: what they are, and never there.
SFTP_ESCAPES = {
    "/closed/secret-o": "/closed/secret-o",
    "/{A}/closed/secret-o": "/{A}/closed/secret-o",
    "{A}/closed/secret-o": "/{A}/closed/secret-o",
    "/../{A}/closed/secret-o": "/{A}/closed/secret-o",
    "../../../{A}/closed/secret-o": "/{A}/closed/secret-o",
    "/open/../closed/secret-o": "/closed/secret-o",
    "/open/../../{A}/closed/secret-o": "/{A}/closed/secret-o",
    "open/../../../../closed/./secret-o": "/closed/secret-o",
    "//{A}//closed///secret-o": "/{A}/closed/secret-o",
    "/./../.././closed/secret-o/": "/closed/secret-o",
    "/v1/{A}/closed/secret-o": "/v1/{A}/closed/secret-o",
    "~{A}/closed/secret-o": "/~{A}/closed/secret-o",
    "/images/{image}": "/images/{image}",
    "/images/{public}": "/images/{public}",
    "/images/{public}.raw": "/images/{public}.raw",
    "/images/../{A}/images/{image}": "/{A}/images/{image}",
}

# Names and secrets: whose account the session is in; - for none. The collaborator is of a third
# account, C; the tokens of a client that was revoked live until they expire, as everywhere.
LOGINS = """
name                  secret          account

{own}                 {own-secret}    A
{own}:{A}             {own-secret}    A
{email}               {password}      A
{email}:{A}           {password}      A
{user}                {password}      A
{own}                 {own-token}     A
{email}               {user-token}    A
{collaborator}        {c-password}    C
{collaborator}:{C}    {c-password}    C
{collaborator}:{A}    {c-password}    A
{collaborator}:{B}    {c-password}    -
{sto}                 {sto-secret}    A
{sto}:{A}             {sto-secret}    A
{oth}                 {oth-secret}    B
{own}:{B}             {own-secret}    -
{own}:{B}             {own-token}     -
{email}:{B}           {password}      -
{sto}:{B}             {sto-secret}    -
{oth}:{A}             {oth-secret}    -
{own}                 {oth-secret}    -
{own}                 {oth-token}     -
{own}                 {sto-secret}    -
{own}                 {password}      -
{email}               {own-secret}    -
{email}               {c-password}    -
{email}               {own-token}     -
{own}                 {narrow}        -
{own}                 {expired}       -
{own}                 {invented}      -
{own}                 {own}           -
{own}:                {own-secret}    -
{own}:{A}:{A}         {own-secret}    -
{own}:acc-zzzzz       {own-secret}    -
{A}                   {own-secret}    -
{revoked}             {revoked-secret} -
{revoked}             {revoked-token} A
{left}                {left-password} -
cli-zzzzz             {own-secret}    -
nobody@example.com    {password}      -
"""


def lines(table):
    return [line for line in table.splitlines() if line.strip()]


def rows(table):
    """Without the heads."""
    return [line.split() for line in lines(table)[1:]]


def walk(table):
    """(verb, place, {column: cell}) of a table whose verbs end at two blanks."""
    columns = lines(table)[0].split()[2:]
    for line in lines(table)[1:]:
        verb, _, rest = line.partition("  ")
        words = rest.split()
        for place in words[:-len(columns)]:
            yield verb, place, dict(zip(columns, words[-len(columns):]))
