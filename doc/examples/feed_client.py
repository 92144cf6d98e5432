#!/usr/bin/python3
"""Keeps a copy of a feed, in memory: feed_client.py 'host=... dbname=...' FEED [SCOPE] [--once]

A real client writes rows and position (version, incarnation) to one place, in one transaction.
A notification is a hint: what was missed is asked for by the position. Needs python3-psycopg.
"""
import functools
import json
import sys
import time
from decimal import Decimal

import psycopg
from psycopg.types.json import set_json_loads

set_json_loads(functools.partial(json.loads, parse_float=Decimal))  # money is no float


class Copy:
    def __init__(self, feed, scope):
        self.feed, self.scope, self.version, self.incarnation = feed, scope, None, None
        self.rows, self.paused = {}, set()  # rows: entity -> key -> row

    def ask(self, db):
        """What is new, or everything."""
        delta = db.execute("SELECT sambapos_delta_payload(%s, %s, %s, incarnation => %s)",
                           [self.feed, self.version, self.scope, self.incarnation]).fetchone()[0]
        if delta.get("fullRequired"):
            return self.take(db, None)
        ended = self.paused - set(delta.get("paused", []))  # what changed during a pause is not told
        self.paused = set(delta.get("paused", []))
        for entity in ended.union(delta["fullEntities"]):
            self.take(db, [entity])
        for change in delta["changes"]:
            rows, key = self.rows.setdefault(change["entityType"], {}), json.dumps(change["entityId"], sort_keys=True)
            rows.pop(key, None)
            if change["operation"] != "DELETE":
                rows[key] = change["data"]
        self.version = delta["toVersion"]

    def take(self, db, entities):
        """All of these entities, or of all: then the position moves. A paused one has no array, its rows stay."""
        full = db.execute("SELECT sambapos_full_payload(%s, %s, %s)", [self.feed, self.scope, entities]).fetchone()[0]
        for entity, name, key in db.execute("SELECT entity, payload_key, key FROM sambapos.entities WHERE feed = %s", [self.feed]):
            if name in full and (entities is None or entity in entities):
                self.rows[entity] = {json.dumps(r[key[0]] if len(key) == 1 else {k: r[k] for k in key}, sort_keys=True): r
                                     for r in full[name]}
        self.paused |= set(full.get("paused", []))
        if entities is None:
            self.version, self.incarnation = full["version"], full["incarnation"]


def follow(dsn, copy, once):
    with psycopg.connect(dsn, autocommit=True) as db:
        db.execute("LISTEN sambapos_changed")
        copy.ask(db)
        for notice in () if once else db.notifies():
            if json.loads(notice.payload)["feed"] == copy.feed:
                copy.ask(db)
                print(copy.version, {entity: len(rows) for entity, rows in copy.rows.items()}, flush=True)


def main(arguments):
    dsn, feed, *rest = [a for a in arguments if a != "--once"]
    copy = Copy(feed, rest[0] if rest else None)
    while True:
        try:
            follow(dsn, copy, "--once" in arguments)
            return print(json.dumps({"version": copy.version, "rows": copy.rows}, sort_keys=True, default=str))
        except psycopg.OperationalError as error:
            print(f"feed_client: {error}; again in 5 seconds", file=sys.stderr, flush=True)
            time.sleep(5)


if __name__ == "__main__":
    main(sys.argv[1:])
