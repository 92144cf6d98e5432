#!/usr/bin/python3
"""Posts what a consumer is given to a ledger over HTTP: a worker for sambapos_next, to copy from.

    ledger_worker.py 'host=... dbname=... user=...' CONSUMER URL

Start as many as you like: no two are given the same row. The ledger has to answer an Idempotency-Key that it has seen
before as it did then. Its answer is JSON with an id. Needs python3-psycopg (version 3).

It ends when the database is gone: have a supervisor start it again, as systemd does with Restart=always. What it had in
hand is given out again when the lease is over.
"""
import http.client
import json
import select
import signal
import sys
import urllib.error
import urllib.request

import psycopg

CALM = 5  # seconds between two looks: what has failed is due again without an announcement
BATCH = 10  # as many as can be posted within the consumer's lease
going = True


def post(url, delivery):
    """Sends one row as it is; returns what the ledger calls it."""
    request = urllib.request.Request(url, delivery["body"].encode(), {
        "Content-Type": "application/json", "Idempotency-Key": delivery["idempotency_key"]})
    with urllib.request.urlopen(request, timeout=5) as answer:
        return str(json.load(answer)["id"])


def deliver(db, consumer, url):
    """Takes what is due, posts it, says how it went; returns how many there were."""
    due = db.execute("SELECT d.delivery_id, d.idempotency_key, to_jsonb(d)::text AS body FROM sambapos_next(%s, %s) AS d",
                     (consumer, BATCH)).fetchall()  # autocommit: it is leased before the work begins
    for delivery in due:
        try:
            reference = post(url, delivery)
        except (OSError, http.client.HTTPException, ValueError, KeyError, TypeError) as error:
            # what the ledger finds wrong with the row itself is no better at the next attempt: a person has to see it
            refused = isinstance(error, urllib.error.HTTPError) and error.code in (400, 422)
            fail(db, consumer, delivery, error, not refused)
        else:
            try:
                end(db, "SELECT sambapos_ack(%s, %s, %s)", consumer, delivery["delivery_id"], reference)
            except psycopg.Error as error:  # the table did not take what is written back
                fail(db, consumer, delivery, error, True)
    return len(due)


def fail(db, consumer, delivery, error, again):
    end(db, "SELECT sambapos_nack(%s, %s, %s, %s)", consumer, delivery["delivery_id"], repr(error), again)


def end(db, call, *arguments):
    try:
        db.execute(call, arguments)
    except psycopg.errors.ObjectNotInPrerequisiteState:
        pass  # it took longer than the lease: another worker has it, and the ledger knows its key


def main(dsn, consumer, url):
    signal.signal(signal.SIGTERM, stop)
    with psycopg.connect(dsn, autocommit=True, row_factory=psycopg.rows.dict_row) as db:
        db.execute("LISTEN sambapos_changed")
        while going:
            if deliver(db, consumer, url) == 0:
                select.select([db], [], [], CALM)  # until a feed announces something, or for a while


def stop(*_):
    global going
    going = False


if __name__ == "__main__":
    if len(sys.argv) != 4:
        sys.exit(__doc__)
    main(*sys.argv[1:])
