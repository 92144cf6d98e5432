-- doctor.sql: sambapos_check: everything between here and the till, looked at one by one.
--
-- Rules:
-- * A check that fails, or cannot be asked, stops no other. What needs a connection is skipped without one.
-- * Nothing is written, here or there, and no row of the till is read: only its catalog and its clock.
-- * No answer has a password in it.

CREATE FUNCTION sambapos._doctor_checks() RETURNS TABLE (name text, function name, asks_till boolean)
LANGUAGE sql IMMUTABLE PARALLEL SAFE ROWS 20 SET search_path = pg_catalog, pg_temp AS
$$
  VALUES
    ('version', '_doctor_version'::name, true),
    ('rights', '_doctor_rights', true),
    ('secrets', '_doctor_secrets', true),
    ('tables', '_doctor_tables', true),
    ('new tables', '_doctor_new_tables', true),
    ('collation', '_doctor_collation', true),
    ('snapshot isolation', '_doctor_snapshot', true),
    ('change tracking', '_doctor_tracking', true),
    ('clock', '_doctor_clock', true),
    ('time zone', '_doctor_zone', true),
    ('lock waits', '_doctor_lock_waits', true),
    ('database size', '_doctor_size', true),
    ('encryption', '_doctor_encryption', false),
    ('passwords in dumps', '_doctor_passwords', false),
    ('mapping for PUBLIC', '_doctor_public', false),
    ('copied database', '_doctor_copy', false),
    ('question of a run', '_doctor_question', false),
    ('worker', '_doctor_worker', false),
    ('pg_cron', '_doctor_cron', false),
    ('triggers on the replica', '_doctor_triggers', false),
    ('history guard', '_doctor_guard', false),
    ('publications of the replica', '_doctor_publications', false),
    ('host connections', '_doctor_hosts', false);
$$;
COMMENT ON FUNCTION sambapos._doctor_checks() IS
  'The checks of sambapos_check, in their order, behind the steps of the connection';

-- Some servers end the transaction over a question that they do not know: what the next check asks is asked again in
-- another one.
CREATE FUNCTION sambapos._doctor_ask(function name, server text) RETURNS sambapos.finding
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
  outcome sambapos.finding;
BEGIN
  FOR attempt IN 1 .. 2 LOOP
    BEGIN
      IF attempt = 2 THEN
        PERFORM sambapos._end_remote_transaction(server);
      END IF;
      EXECUTE format('SELECT (f).* FROM sambapos.%I($1) AS f', function) INTO outcome USING server;
      RETURN outcome;
    EXCEPTION WHEN OTHERS THEN
      outcome := sambapos._finding('skipped', 'could not be asked: ' || SQLERRM);
      EXIT WHEN SQLSTATE !~ '^(40001|25P02|08)';
    END;
  END LOOP;
  RETURN outcome;
END;
$$;
COMMENT ON FUNCTION sambapos._doctor_ask(name, text) IS 'What a check found, or why it could not look';

CREATE FUNCTION @extschema@.sambapos_check(server text)
RETURNS TABLE ("check" text, status text, detail text, fix text)
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
  broken text;
  outcome sambapos.finding;
  c record;
BEGIN
  PERFORM sambapos._server_check(server);
  PERFORM sambapos._disconnect(server); -- a connection that is kept says nothing about the way there
  FOR "check", status, detail, fix IN SELECT w.step, (w.outcome).* FROM sambapos._doctor_way(server) AS w LOOP
    broken := coalesce(broken, CASE status WHEN 'error' THEN "check" END);
    RETURN NEXT;
  END LOOP;
  FOR c IN SELECT * FROM sambapos._doctor_checks() LOOP
    "check" := c.name;
    outcome := CASE WHEN c.asks_till AND broken IS NOT NULL
                    THEN sambapos._finding('skipped', format('not tried: see %s', broken))
                    ELSE sambapos._doctor_ask(c.function, server) END;
    SELECT (outcome).* INTO status, detail, fix;
    RETURN NEXT;
  END LOOP;
END;
$$;
COMMENT ON FUNCTION @extschema@.sambapos_check(text) IS
  'Looks at everything between here and a till: a row for each check. status: ok; warning (it works, but read on); '
  'error (it does not work); skipped (the detail says why). fix: what to type or to do. The caller''s user mapping is '
  'used. Writes nothing and reads no row of the till. Connects anew, unless this transaction has used the server '
  'already. Errors: 42704 no such server, 42809 a server of another wrapper';
