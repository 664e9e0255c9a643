# SPDX-License-Identifier: Apache-2.0
"""Fills a catalogue by SQL. Every row is a copy of one that darkroomd wrote, so that nothing here
knows the schema beyond the columns that must differ."""
import random
import sqlite3
import string

ACCOUNTS = 10_000
YEAR = 365 * 86400
NOW = 1_750_000_000
PUBLISHER = 'acc-publisher'  # longer than the random ones: no clash


def open_catalogue(path):
    db = sqlite3.connect(path, timeout=60)
    db.execute('PRAGMA synchronous = OFF')  # made anew for every run
    db.execute('PRAGMA cache_size = -1000000')
    return db


def template(db, table):
    cursor = db.execute(f'SELECT * FROM {table} LIMIT 1')
    row = cursor.fetchone()
    return dict(zip([c[0] for c in cursor.description], row))


def insert(db, table, rows, like):
    names = list(like)
    db.executemany(f'INSERT INTO {table} ({", ".join(names)}) VALUES ({", ".join("?" * len(names))})',
                   ([row.get(n, like[n]) for n in names] for row in rows))


def identifiers(prefix, count, chance):
    """That many different ones, in no order."""
    letters = string.digits + string.ascii_lowercase
    found = set()
    while len(found) < count:
        found.add(prefix + ''.join(chance.choices(letters, k=5)))
    return sorted(found, key=lambda _: chance.random())


def image_rows(ids, accounts, chance):
    for n, one in enumerate(ids):
        made = NOW - chance.randrange(YEAR)
        yield {'id': one, 'account': accounts[n % len(accounts)], 'name': f'image {n}',
               'description': f'made for measuring, number {n}', 'created_at': made,
               'available_at': made + 60, 'manifest': f'{chance.getrandbits(256):064x}',
               'digest': f'{chance.getrandbits(256):064x}'}


def fill(path, account, own, others):
    """`own` images of the account and `others` of ACCOUNTS other accounts, all private."""
    chance = random.Random(1)
    db = open_catalogue(path)
    with db:
        like = template(db, 'images')
        db.execute("DELETE FROM jobs")
        db.execute("DELETE FROM images")
        strangers = identifiers('acc-', ACCOUNTS, chance) if others else []
        insert(db, 'accounts', ({'id': a, 'name': f'Account {a}'} for a in strangers if a != account),
               template(db, 'accounts'))
        ids = identifiers('img-', own + others, chance)
        insert(db, 'images', image_rows(ids[:own], [account], chance), like)
        if others:
            insert(db, 'images', image_rows(ids[own:], strangers, chance), like)
    db.execute('PRAGMA wal_checkpoint(TRUNCATE)')
    db.close()


def publish(path, count):
    """That many official images of an account of its own, which every account lists."""
    chance = random.Random(2)
    db = open_catalogue(path)
    with db:
        like = {**template(db, 'images'), 'is_public': 1, 'official': 1}
        insert(db, 'accounts', [{'id': PUBLISHER, 'name': 'Publisher'}], template(db, 'accounts'))
        insert(db, 'images', image_rows([f'img-public{n}' for n in range(count)], [PUBLISHER], chance), like)
        db.execute("UPDATE counters SET value = value + 1 WHERE name = 'public_changes'")
    db.close()
