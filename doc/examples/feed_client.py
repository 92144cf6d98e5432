#!/usr/bin/python3
"""Keeps a copy of a feed: a client of sambapos_fdw's change feed, to copy from.

    feed_client.py 'host=... dbname=...' FEED [SCOPE] [--once]

It asks for what is new, applies it, waits for the next notification and asks again. It holds a
position (version and incarnation) and the rows, here in memory; a real client writes both to one
file or database, in one transaction. A notification is a hint: what was missed while the connection
was down is asked for by the position. Needs python3-psycopg.
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
        self.feed, self.scope = feed, scope
        self.version = self.incarnation = None
        self.rows = {}  # entity -> key -> row
        self.paused = set()

    def ask(self, connection):
        """One round: what is new, or everything."""
        delta = self.call(connection, "SELECT sambapos_delta_payload(%s, %s, %s, incarnation => %s)",
                          self.feed, self.version, self.scope, self.incarnation)
        if delta.get("fullRequired"):
            self.take(connection, None)
            return
        ended = self.paused - set(delta.get("paused", []))  # what changed during a pause may never be told
        self.paused = set(delta.get("paused", []))
        for entity in ended.union(delta["fullEntities"]):
            self.take(connection, [entity])
        for change in delta["changes"]:
            rows = self.rows.setdefault(change["entityType"], {})
            key = json.dumps(change["entityId"], sort_keys=True)
            if change["operation"] == "DELETE":
                rows.pop(key, None)
            else:
                rows[key] = change["data"]
        self.version = delta["toVersion"]

    def take(self, connection, entities):
        """Everything, of all entities or of some; the position moves with a whole answer only.

        Of an entity that is paused there is no array: what is here of it stays.
        """
        full = self.call(connection, "SELECT sambapos_full_payload(%s, %s, %s)", self.feed, self.scope, entities)
        for entity, payload_key, key in connection.execute(
                "SELECT entity, payload_key, key FROM sambapos.entities WHERE feed = %s", [self.feed]):
            if payload_key in full and (entities is None or entity in entities):
                self.rows[entity] = {self.name(row, key): row for row in full[payload_key]}
        self.paused |= set(full.get("paused", []))
        if entities is None:
            self.version, self.incarnation = full["version"], full["incarnation"]

    @staticmethod
    def name(row, key):
        return json.dumps(row[key[0]] if len(key) == 1 else {k: row[k] for k in key}, sort_keys=True)

    @staticmethod
    def call(connection, sql, *arguments):
        return connection.execute(sql, arguments).fetchone()[0]


def follow(dsn, copy, once):
    """Asks until the connection breaks."""
    with psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute("LISTEN sambapos_changed")
        copy.ask(connection)
        while not once:
            for notice in connection.notifies():
                if json.loads(notice.payload)["feed"] == copy.feed:
                    copy.ask(connection)
                    print(copy.version, {entity: len(rows) for entity, rows in copy.rows.items()}, flush=True)


def main(arguments):
    once = "--once" in arguments
    dsn, feed, *rest = [a for a in arguments if a != "--once"]
    copy = Copy(feed, rest[0] if rest else None)
    while True:
        try:
            follow(dsn, copy, once)
        except psycopg.OperationalError as error:
            print(f"feed_client: {error}; again in 5 seconds", file=sys.stderr, flush=True)
            time.sleep(5)
            continue
        break
    print(json.dumps({"version": copy.version, "rows": copy.rows}, sort_keys=True, default=str))


if __name__ == "__main__":
    main(sys.argv[1:])
