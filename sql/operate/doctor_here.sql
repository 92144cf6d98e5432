-- doctor_here.sql: what on our side would keep a sync from working, or give something away? No server is asked.

CREATE FUNCTION sambapos._doctor_encryption(server text) RETURNS sambapos.finding
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
  encryption text := sambapos._server_option(server, 'encryption', 'require');
BEGIN
  IF encryption <> 'require' THEN
    RETURN sambapos._finding('warning', format('option encryption is %s: %s', encryption,
      CASE encryption WHEN 'off' THEN 'the password and all data cross in clear'
          ELSE 'where the server cannot, all data cross in clear' END),
      format('ALTER SERVER %I OPTIONS (SET encryption ''require'');', server));
  ELSIF sambapos._server_option(server, 'min_tls', '1.1') = '1.0' THEN
    RETURN sambapos._finding('warning', 'TLS 1.0, which can be broken, is accepted',
      format('Install the updates of Windows and SQL Server on the till PC, then ALTER SERVER %I OPTIONS (DROP '
          'min_tls);', server));
  ELSIF sambapos._server_option(server, 'ca_file') IS NULL THEN
    RETURN sambapos._finding('warning', 'the server''s certificate is not checked: whoever stands between can pretend '
        'to be the till',
      format('Copy the server''s certificate to this machine; as a superuser: ALTER SERVER %I OPTIONS (ADD ca_file ''/etc/ssl/till.pem'');',
          server));
  ELSIF sambapos._server_option(server, 'check_hostname', 'true')::boolean IS FALSE THEN
    RETURN sambapos._finding('warning', 'the certificate may name any host',
        format('ALTER SERVER %I OPTIONS (SET check_hostname ''true'');', server));
  END IF;
  RETURN sambapos._finding('ok', 'everything is encrypted, and the certificate is checked');
END;
$$;
COMMENT ON FUNCTION sambapos._doctor_encryption(text) IS 'Do the server''s options allow a connection that others can '
    'read?';

-- Of other roles' mappings only superusers and the server's owner see the options.
CREATE FUNCTION sambapos._doctor_passwords(server text) RETURNS sambapos.finding
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
  holders text[];
  fixes   text;
BEGIN
  SELECT array_agg(m.usename ORDER BY m.usename),
         string_agg(format('ALTER USER MAPPING FOR %s SERVER %I OPTIONS '
                           '(DROP password, ADD password_file ''/etc/sambapos/password'');',
                           CASE WHEN m.umuser = 0 THEN 'PUBLIC' ELSE quote_ident(m.usename) END, server), ' '
                    ORDER BY m.usename)
    INTO holders, fixes
  FROM pg_user_mappings AS m
  WHERE m.srvname = server
    AND EXISTS (SELECT FROM pg_options_to_table(m.umoptions) AS o WHERE o.option_name = 'password');
  IF holders IS NULL THEN
    RETURN sambapos._finding('ok', 'no user mapping that this role may look into has a password in it');
  END IF;
  RETURN sambapos._finding('warning', 'every dump of this database has the password of the user mapping of '
      || sambapos._words_some(holders, 5, ', '),
    'As a superuser, with the password in a file that only the server''s user can read: ' || fixes);
END;
$$;
COMMENT ON FUNCTION sambapos._doctor_passwords(text) IS 'Would a dump have a password in it?';

CREATE FUNCTION sambapos._doctor_public(server text) RETURNS sambapos.finding
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS
$$
  SELECT CASE WHEN EXISTS (SELECT FROM pg_user_mappings AS m WHERE m.srvname = server AND m.umuser = 0)
    THEN sambapos._finding('warning', 'every role that gets at a foreign table reads with the login of the mapping '
        'for PUBLIC',
           format('CREATE USER MAPPING FOR ... SERVER %I OPTIONS (...) for those who need one, then DROP USER MAPPING '
               'FOR PUBLIC SERVER %1$I;', server))
    ELSE sambapos._finding('ok', 'each role has a mapping of its own') END;
$$;
COMMENT ON FUNCTION sambapos._doctor_public(text) IS 'Is the login given to everybody?';

-- Whatever calls sambapos_run: pg_cron of another database, systemd, a superuser's job.
CREATE FUNCTION sambapos._doctor_runs_come(site text) RETURNS boolean
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS
$$
  SELECT EXISTS (SELECT FROM sambapos._place AS s JOIN sambapos.run AS r USING (site_id)
                 WHERE s.name = site AND r.trigger IN ('schedule', 'request')
                   AND (r.status = 'running' OR coalesce(r.ended_at, r.started_at)
                                                > now() - greatest(8 * s.sync_interval, interval '1 hour')));
$$;
COMMENT ON FUNCTION sambapos._doctor_runs_come(text) IS 'True if something has run a site of late that no person did';

-- Where the role cannot see which database is pg_cron's, only that tells.
CREATE FUNCTION sambapos._doctor_misses_runs(site text) RETURNS boolean
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS
$$
BEGIN
  RETURN EXISTS (SELECT FROM sambapos._place AS s
                 WHERE s.name = site AND s.enabled AND s.paused_reason IS NULL AND NOT s.auth_failed
                   AND s.schedule IS NULL AND s.blackout IS NULL AND sambapos._runs_enabled()
                   AND sambapos._copied_reason(s.site_id) IS NULL
                   AND s.next_due_at < now() - interval '15 minutes'
                   AND s.added_at < now() - greatest(8 * s.sync_interval, interval '1 hour'))
     AND NOT sambapos._doctor_runs_come(site)
     AND NOT EXISTS (SELECT FROM sambapos._place AS s WHERE s.name = site AND sambapos._backfill_is_on(s.site_id));
END;
$$;
COMMENT ON FUNCTION sambapos._doctor_misses_runs(text) IS
  'True if a site has been due for a while, and nothing runs it';

CREATE FUNCTION sambapos._doctor_worker(server text) RETURNS sambapos.finding
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
  sites text[];
  words text[];
BEGIN
  SELECT array_agg(s.name ORDER BY s.name),
         array_agg(CASE WHEN w.is_busy THEN format('site %s: process %s is at it', s.name, w.pid)
                        WHEN w.failures > 0 THEN format('site %s: failed %s times in a row', s.name, w.failures)
                        ELSE format('site %s: last looked at %s', s.name, date_trunc('second', w.looked_at)) END
                   ORDER BY w.failures DESC, s.name) FILTER (WHERE sambapos._worker_serves(s.site_id))
    INTO sites, words
  FROM sambapos._place AS s LEFT JOIN sambapos._worker_turns() AS w USING (site_id)
  WHERE s.server = _doctor_worker.server AND s.removed_at IS NULL;
  IF words IS NOT NULL THEN
    RETURN sambapos._finding('ok', sambapos._words_some(words, 5, '; '));
  ELSIF NOT sambapos._worker_is_named() THEN
    RETURN sambapos._finding('ok', 'not switched on (setting sambapos.worker_databases)');
  ELSIF sites IS NULL THEN
    RETURN sambapos._finding('skipped', 'there is no site on this server yet: see sambapos_add_site');
  END IF;
  RETURN sambapos._finding('warning',
                           'sambapos.worker_databases names this database, and no site of the server is looked at',
    'If one is to be synced (see sambapos_status): set shared_preload_libraries = ''sambapos_fdw'', beside what is '
    'there, and restart; let the role that owns schema sambapos_replica log in; give each database three of '
    'max_worker_processes. The server''s log says what is wrong.');
END;
$$;
COMMENT ON FUNCTION sambapos._doctor_worker(text) IS 'Does the background worker look at the sites of a server?';

-- Without an answer a run finds what has changed all the same, but reads everything that might have.
CREATE FUNCTION sambapos._doctor_question(server text) RETURNS sambapos.finding
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
  errors text[] := (SELECT array_agg(format('site %s: %s', s.name, q.last_error) ORDER BY s.name)
                    FROM sambapos._place AS s JOIN sambapos.source_question AS q USING (site_id)
                    WHERE s.server = _doctor_question.server AND s.removed_at IS NULL AND q.last_error IS NOT NULL);
BEGIN
  IF errors IS NULL THEN
    RETURN sambapos._finding('ok', 'each run begins with an answer, and reads what has changed');
  END IF;
  RETURN sambapos._finding('warning', 'runs read more than has changed, since the till did not answer what has: '
                                      || sambapos._words_some(errors, 5, '; '),
    'Nothing is lost. If it stays so, report the message, with the version of SQL Server that check "version" shows.');
END;
$$;
COMMENT ON FUNCTION sambapos._doctor_question(text) IS
  'Was the question answered that each run of a server''s sites begins with?';

-- Promoted was a standby after a failover, or a copy of the files that runs beside its original: nobody can tell which.
CREATE FUNCTION sambapos._doctor_promoted(server text) RETURNS sambapos.finding
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
  present bigint := (SELECT h.timeline FROM sambapos._home() AS h);
  noted   bigint;
  sites   text;
BEGIN
  SELECT string_agg(format('SELECT * FROM sambapos_resume(%L);', s.name), ' ' ORDER BY s.name), min(h.timeline)
    INTO sites, noted
  FROM sambapos.site AS s JOIN sambapos.site_home AS h USING (site_id)
  WHERE s.server = _doctor_promoted.server AND s.removed_at IS NULL AND h.timeline <> present;
  IF sites IS NULL THEN
    RETURN NULL;
  END IF;
  RETURN sambapos._finding('warning', format(
    'the server was promoted since (timeline %s then, %s now): after a failover, or a restore in its place, all is as '
    'it should be; a copy of its files beside the original reads the tills too, and cannot be told from it',
    noted, present), 'If this is the original: ' || sites
    || ' If it is a copy: SELECT sambapos_configure(NULL, ''enabled'', ''false'');');
END;
$$;
COMMENT ON FUNCTION sambapos._doctor_promoted(text) IS
  'Was the server promoted since the scheduled runs came to this database? NULL: no, or it cannot be seen';

CREATE FUNCTION sambapos._doctor_copy(server text) RETURNS sambapos.finding
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
  words text;
  fixes text;
BEGIN
  SELECT string_agg(format('site %s: %s', s.name, c.reason), '; ' ORDER BY s.name),
         string_agg(format('SELECT * FROM sambapos_resume(%L);', s.name), ' ' ORDER BY s.name)
    INTO words, fixes
  FROM sambapos.site AS s JOIN sambapos._copied AS c USING (site_id)
  WHERE s.server = _doctor_copy.server AND s.removed_at IS NULL;
  IF words IS NOT NULL THEN
    RETURN sambapos._finding('warning', 'scheduled runs are paused: ' || words, 'If they are to go on here: ' || fixes);
  ELSIF NOT has_function_privilege('pg_control_system()', 'EXECUTE') THEN
    RETURN sambapos._finding('warning',
      format('role %s may not ask for the server''s system identifier: of a copy on another server runs would go on, '
             'should the database have the same number there', current_user),
      format('As a superuser: GRANT EXECUTE ON FUNCTION pg_control_system() TO %I;', current_user));
  END IF;
  RETURN coalesce(sambapos._doctor_promoted(server),
                  sambapos._finding('ok', 'the scheduled runs of its sites belong to this database'));
END;
$$;
COMMENT ON FUNCTION sambapos._doctor_copy(text) IS 'Is this database a copy of the one that is to sync?';

CREATE FUNCTION sambapos._doctor_cron(server text) RETURNS sambapos.finding
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
  sites text[] := ARRAY(SELECT s.name FROM sambapos._place AS s
                        WHERE s.server = _doctor_cron.server AND s.removed_at IS NULL ORDER BY 1);
  home  text := sambapos._cron_database();
  unseen CONSTANT text := 'it has a job, and no scheduled run comes: pg_cron may have been moved to another database';
  words text;
  fixes text;
BEGIN
  IF cardinality(sites) = 0 THEN
    RETURN sambapos._finding('skipped', 'there is no site on this server yet: see sambapos_add_site');
  ELSIF (SELECT bool_and(sambapos._worker_serves(s.site_id)) FROM sambapos._place AS s WHERE s.name = ANY (sites)) THEN
    RETURN sambapos._finding('ok', 'not needed: the worker is on');
  ELSIF NOT (sambapos._cron_here() AND has_schema_privilege('cron', 'USAGE'))
        AND (SELECT bool_and(sambapos._doctor_runs_come(s)) FROM unnest(sites) AS s) THEN
    RETURN sambapos._finding('ok', 'not for this role to see, but scheduled runs come');
  ELSIF home IS NOT NULL THEN
    RETURN sambapos._finding('warning', format('pg_cron lives in database %s: whether a job is there cannot be seen '
        'from here', home),
      format('SELECT * FROM sambapos_schedule(%L); says what to type there', sites[1]));
  ELSIF NOT sambapos._cron_here() THEN
    RETURN sambapos._finding('warning', 'pg_cron is not in this database: nothing syncs by itself, unless something '
        'else calls sambapos_run', sambapos._cron_steps());
  ELSIF NOT has_schema_privilege('cron', 'USAGE') THEN
    RETURN sambapos._finding('warning', format('role %s may not use pg_cron', current_user),
        format('As a superuser: GRANT USAGE ON SCHEMA cron TO %I;', current_user));
  END IF;
  SELECT string_agg(format('site %s: %s', s.name, c.complaint), '; '),
         string_agg(CASE WHEN c.complaint = unseen THEN 'A superuser looks: SHOW cron.database_name;'
                         ELSE format('SELECT * FROM sambapos_schedule(%L);', s.name) END, ' ')
    INTO words, fixes
  FROM unnest(sites) AS s (name)
  CROSS JOIN LATERAL (
    SELECT coalesce(sambapos._cron_complaint(s.name),
                    CASE WHEN sambapos._doctor_misses_runs(s.name) THEN unseen END) AS complaint) AS c
  WHERE c.complaint IS NOT NULL AND NOT (c.complaint LIKE 'no pg_cron job%' AND sambapos._doctor_runs_come(s.name));
  IF words IS NOT NULL THEN
    RETURN sambapos._finding('warning', words, fixes);
  END IF;
  RETURN sambapos._finding('ok', 'each site is run, and nothing is known to keep its job from running');
END;
$$;
COMMENT ON FUNCTION sambapos._doctor_cron(text) IS 'Does pg_cron run the sites of a server, and can it log in?';

-- ---- what others hang on the replica ----

CREATE FUNCTION sambapos._doctor_replica_tables()
RETURNS TABLE (relation regclass, name name, identity smallint[], identity_is_full boolean)
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS
$$
  SELECT c.oid, c.relname, CASE c.relreplident
    WHEN 'f' THEN ARRAY(SELECT a.attnum FROM pg_attribute AS a WHERE a.attrelid = c.oid AND a.attnum > 0
        AND NOT a.attisdropped)
    ELSE (SELECT i.indkey::smallint[] FROM pg_index AS i
          WHERE i.indrelid = c.oid AND CASE c.relreplident WHEN 'd' THEN i.indisprimary WHEN 'i' THEN i.indisreplident
              ELSE false END) END, c.relreplident = 'f'
  FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace
  WHERE n.nspname = 'sambapos_replica' AND c.relkind IN ('r', 'p');
$$;
COMMENT ON FUNCTION sambapos._doctor_replica_tables() IS
  'The tables of the replica, and the columns of their replica identity; NULL: they have none';

CREATE FUNCTION sambapos._doctor_triggers(server text) RETURNS sambapos.finding
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
  others   text := (SELECT string_agg(sambapos._relation_code_of_others(r.relation), '; ')
                    FROM sambapos._doctor_replica_tables() AS r);
  triggers text[] := ARRAY(
    SELECT format('%s on %s', t.tgname, r.relation)
    FROM sambapos._doctor_replica_tables() AS r JOIN pg_trigger AS t ON t.tgrelid = r.relation AND NOT t.tgisinternal
    WHERE t.tgfoid IS DISTINCT FROM to_regprocedure('sambapos_replica.keep_history()') ORDER BY 1);
BEGIN
  IF others IS NOT NULL THEN
    RETURN sambapos._finding('warning', 'code of others runs with the rights of the sync: ' || others,
      'Drop it, or give its function to a superuser who has read it; see "What belongs to others" in the manual''s '
          'page on hardening.');
  ELSIF cardinality(triggers) > 0 THEN
    RETURN sambapos._finding('warning',
      'triggers run within each sync; one that fails or waits does so to its table: '
        || sambapos._words_some(triggers, 5, ', '),
      'Keep what they do short, or let a job of your own look at column version instead.');
  END IF;
  RETURN sambapos._finding('ok', 'none');
END;
$$;
COMMENT ON FUNCTION sambapos._doctor_triggers(text) IS 'Do triggers, rules or the like of others run when the sync '
    'writes?';

-- Without it a fault is a loss and not an error. Only the tables of a site, and those of earlier versions beside them.
CREATE FUNCTION sambapos._doctor_guard(server text) RETURNS sambapos.finding
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
  open_tables text[];
  fixes       text;
BEGIN
  SELECT array_agg(DISTINCT r.relation::text), string_agg(DISTINCT format(
           'DROP TRIGGER IF EXISTS keep_history ON %s; %s;', r.relation, sambapos._guard_definition(r.relation)), E'\n')
    INTO open_tables, fixes
  FROM sambapos._place AS s JOIN sambapos._table AS t USING (site_id)
  JOIN sambapos._doctor_replica_tables() AS r
    ON r.name = t.table_name OR (t.history AND r.name = (t.table_name || '_history')::name)
  WHERE s.removed_at IS NULL AND NOT sambapos._guard_is_on(r.relation);
  IF open_tables IS NOT NULL THEN
    RETURN sambapos._finding('warning', 'trigger keep_history is missing, disabled or changed, so rows of '
        'history can be changed: ' || sambapos._words_some(open_tables, 5, ', '), fixes);
  END IF;
  RETURN sambapos._finding('ok', 'every table keeps the values of its history');
END;
$$;
COMMENT ON FUNCTION sambapos._doctor_guard(text) IS 'Has each replica table the trigger that keeps history, enabled?';

-- PostgreSQL refuses the UPDATE of a published row unless filter and column list go by its replica identity. The
-- columns of a filter stand nowhere but in its expression: pg_depend has those of the column list as well.
-- What is filtered or left out may be left out for a reason: no fix publishes more than before, but for the key.
CREATE FUNCTION sambapos._doctor_publication_fix(publication oid, relation regclass, what text) RETURNS text
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS
$$
  SELECT CASE
    WHEN what = 'the column list' AND r.identity_is_full THEN
      format('ALTER TABLE %s REPLICA IDENTITY DEFAULT;', r.relation)
    WHEN what = 'the column list' THEN
      format(E'ALTER PUBLICATION %I DROP TABLE %s;\nALTER PUBLICATION %1$I ADD TABLE %2$s (%s)%s;',
             p.pubname, r.relation,
             (SELECT string_agg(quote_ident(a.attname), ', ' ORDER BY a.attnum) FROM pg_attribute AS a
              WHERE a.attrelid = r.relation AND a.attnum = ANY (t.prattrs::smallint[] || r.identity)),
             ' WHERE (' || pg_get_expr(t.prqual, t.prrelid) || ')')
    -- a column list cannot stand beside REPLICA IDENTITY FULL, in whichever publication
    WHEN EXISTS (SELECT FROM pg_publication_rel AS l WHERE l.prrelid = r.relation AND l.prattrs IS NOT NULL) THEN
      format('ALTER PUBLICATION %I DROP TABLE %s; -- then add it with a filter on its key, or where no column list is',
             p.pubname, r.relation)
    ELSE format('ALTER TABLE %s REPLICA IDENTITY FULL;', r.relation) END
  FROM pg_publication_rel AS t JOIN pg_publication AS p ON p.oid = t.prpubid
  JOIN sambapos._doctor_replica_tables() AS r ON r.relation = t.prrelid
  WHERE (t.prpubid, t.prrelid) = (publication, _doctor_publication_fix.relation::oid);
$$;
COMMENT ON FUNCTION sambapos._doctor_publication_fix(oid, regclass, text) IS
  'What ends a problem of a publication with the row filter or the column list of a table';

CREATE FUNCTION sambapos._doctor_publication_problems() RETURNS TABLE (problem text, fix text)
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS
$$
  SELECT format('publication %s: %s has no replica identity', p.pubname, r.relation),
      format('ALTER TABLE %s REPLICA IDENTITY DEFAULT;', r.relation)
  FROM pg_publication AS p
  JOIN pg_publication_tables AS t ON t.pubname = p.pubname AND t.schemaname = 'sambapos_replica'
  JOIN sambapos._doctor_replica_tables() AS r ON r.relation = format('%I.%I', t.schemaname, t.tablename)::regclass
  WHERE (p.pubupdate OR p.pubdelete) AND r.identity IS NULL
  UNION ALL
  SELECT format('publication %s: %s of %s %s outside the key', p.pubname, b.what, r.relation,
                CASE b.what WHEN 'the row filter' THEN 'names columns' ELSE 'leaves out columns' END),
         sambapos._doctor_publication_fix(p.oid, r.relation, b.what)
  FROM pg_publication AS p
  JOIN pg_publication_rel AS t ON t.prpubid = p.oid
  JOIN sambapos._doctor_replica_tables() AS r ON r.relation = t.prrelid
  CROSS JOIN LATERAL (
    SELECT 'the row filter' AS what
    WHERE EXISTS (SELECT FROM regexp_matches(t.prqual::text, ':varattno (\d+)', 'g') AS v (number)
                  WHERE v.number[1]::smallint <> ALL (r.identity))
    UNION ALL
    SELECT 'the column list' WHERE NOT r.identity <@ t.prattrs::smallint[]) AS b
  WHERE p.pubupdate OR p.pubdelete;
$$;
COMMENT ON FUNCTION sambapos._doctor_publication_problems() IS
  'Publications that make PostgreSQL refuse what the sync does';

CREATE FUNCTION sambapos._doctor_publications(server text) RETURNS sambapos.finding
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
  problems text;
  fixes    text;
BEGIN
  SELECT string_agg(p.problems, '; ' ORDER BY p.problems), string_agg(p.fix, E'\n' ORDER BY p.problems)
    INTO problems, fixes
  FROM (SELECT string_agg(q.problem, '; ' ORDER BY q.problem) AS problems, q.fix
        FROM sambapos._doctor_publication_problems() AS q GROUP BY q.fix) AS p;
  IF problems IS NOT NULL THEN
    RETURN sambapos._finding('error', 'the sync''s UPDATE will be refused: ' || problems, fixes);
  END IF;
  RETURN sambapos._finding('ok', 'no publication stands in the way');
END;
$$;
COMMENT ON FUNCTION sambapos._doctor_publications(text) IS 'Does a publication of a replica table keep the sync from '
    'writing?';

-- ---- what hosts come by ----

CREATE FUNCTION sambapos._doctor_hosts(server text) RETURNS sambapos.finding
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
  hosts bigint := (SELECT count(*) FROM sambapos.feed_host);
  least text := current_setting('ssl_min_protocol_version');
BEGIN
  IF hosts = 0 THEN
    RETURN sambapos._finding('ok', 'no hosts are registered');
  ELSIF NOT current_setting('ssl')::boolean THEN
    RETURN sambapos._finding('warning', format('%s hosts are registered, and this server takes no TLS: setting ssl is off', hosts),
      'Give the server a certificate, set ssl = on and ssl_min_protocol_version = ''TLSv1.3'', reload, and have pg_hba.conf take '
      'hosts by hostssl only; see the manual''s page on hosts. Where hosts come by a web tier alone, that one encrypts.');
  ELSIF least <> 'TLSv1.3' THEN
    RETURN sambapos._finding('warning', format('%s hosts are registered, and this server takes TLS below 1.3: '
      'ssl_min_protocol_version is %s', hosts, coalesce(nullif(least, ''), 'not set')),
      'ALTER SYSTEM SET ssl_min_protocol_version = ''TLSv1.3''; SELECT pg_reload_conf();');
  END IF;
  RETURN sambapos._finding('ok', format('%s hosts are registered, and this server takes TLS 1.3 and no less', hosts));
END;
$$;
COMMENT ON FUNCTION sambapos._doctor_hosts(text) IS 'Where there are hosts: does this server encrypt as they need it?';
