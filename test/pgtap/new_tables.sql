-- Promise: a run asks once a night, and only where a table was asked for in vain, which of them the source has now; alert
-- new table names them until they are added, not wanted, or gone again. A source that cannot say it fails no run.
BEGIN;
\ir seam.psql
SET LOCAL search_path = public, till;
SELECT no_plan();
SELECT till.sell(1, 5);
CREATE FUNCTION till.alert() RETURNS text LANGUAGE sql AS
$$ SELECT coalesce(string_agg(severity || ' ' || kind || ': ' || message, ' | '), 'none') FROM sambapos.alerts WHERE kind = 'new table'; $$;
-- A run, and how often it has asked for tables.
CREATE FUNCTION till.run() RETURNS bigint LANGUAGE sql AS
$$
  DELETE FROM till.asked;
  SELECT till.quiet_sync();
  SELECT count(*) FROM till.asked WHERE question LIKE '%INFORMATION\_SCHEMA.TABLES%';
$$;
CREATE FUNCTION till.night() RETURNS void LANGUAGE sql AS
$$
  UPDATE sambapos.wanted_table SET asked_at = asked_at - interval '1 day';
  UPDATE sambapos.site_state SET tables_asked_at = tables_asked_at - interval '1 day';
$$;
CREATE FUNCTION till.want(tables text[]) RETURNS bigint LANGUAGE sql AS
$$ SELECT count(sambapos._wanted_note(s.site_id, t)) FROM sambapos.site AS s, unnest(tables) AS t; $$;
CREATE FUNCTION till.state() RETURNS text LANGUAGE sql AS
$$ SELECT concat_ws(' ', new_tables, tables_asked_at IS NOT NULL, new_tables_since IS NOT NULL) FROM sambapos.site_state; $$;

SELECT is(till.run(), 0::bigint, 'the first load asks for no tables');
SELECT till.night();
SELECT is(till.run(), 0::bigint, 'nor does any run of a site that waits for none');

SELECT till.want('{departments,states,recipe_items,inventory_transactions,orders}');
SELECT is((SELECT string_agg(table_name, ', ' ORDER BY table_name) FROM sambapos.wanted_table), 'departments, inventory_transactions, recipe_items, states',
          'what a site has it does not wait for');
SELECT is(till.run(), 0::bigint, 'what was asked for a moment ago is not asked for again');
SELECT till.night();
SELECT is(till.run(), 1::bigint, 'in the night it is');
SELECT is(till.alert() || ', ' || till.state(), 'none, {} t f', 'they are not there');
SELECT is(till.run(), 0::bigint, 'once a night');

CREATE TABLE sambapos_live_shop.departments (id int, name text);
CREATE TABLE sambapos_live_shop.inventory_transactions (id int, inventory_transaction_document_id int);
SELECT is(till.run() || till.alert(), '0none', 'a new version came: the night is waited for');
SELECT till.night();
SELECT is(till.run(), 1::bigint, 'the night');
SELECT is(till.alert(), 'warning new table: the source has tables now that it did not have when they were asked for: departments',
          'what is there now is said; a child without its root is not');
SELECT matches((SELECT hint FROM sambapos.alerts WHERE kind = 'new table'), 'sambapos_add_table\(''shop'', \.\.\.\).*sambapos_remove_table\(''shop''', 'with what to do');
SELECT ok((SELECT since <= clock_timestamp() FROM sambapos.alerts WHERE kind = 'new table'), 'and since when');
SELECT is(till.run(), 0::bigint, 'it is not asked for again');

CREATE TABLE sambapos_live_shop.inventory_transaction_documents (id int, date timestamp);
CREATE TABLE sambapos_live_shop.states (id int);
SELECT till.night();
SELECT till.run();
SELECT matches(till.alert(), ': departments, inventory_transactions, states$', 'one alert names them all, the child when its root is there');

SELECT sambapos._wanted_forget((SELECT site_id FROM sambapos.site), '{inventory_transactions}');
SELECT matches(till.alert(), ': departments, states$', 'one that was added, or is not wanted, is not named any more');
DROP TABLE sambapos_live_shop.departments;
SELECT till.night();
SELECT till.run();
SELECT matches(till.alert(), ': states$', 'nor is one that is gone again');
SELECT sambapos._wanted_forget((SELECT site_id FROM sambapos.site), '{states}');
SELECT is(till.alert(), 'none', 'after the last one the alert is over, without a run');
SELECT till.want('{states}');
SELECT is(till.alert(), 'none', 'one that is asked for in vain later is not taken for the one that was there');

-- a source that cannot say it
SELECT till.night();
SELECT till.run();
SELECT matches(till.alert(), ': states$', 'it is there');
DROP TABLE sambapos_live_shop.states;
INSERT INTO till.failure VALUES ('INFORMATION_SCHEMA.TABLES', '42000', 'incorrect syntax');
SELECT till.night();
SELECT is_empty('SELECT * FROM till.sync()', 'a source that cannot say it fails no run');
SELECT matches(till.alert(), ': states$', 'what is known stays');
DELETE FROM till.failure;
SELECT is(till.run(), 0::bigint, 'it is asked the next night');
SELECT till.night();
SELECT is(till.run() || till.alert(), '1none', 'and then can say it');

-- another database
UPDATE sambapos.site_state SET held_database = '{"name": "Other"}';
SELECT till.night();
SELECT is(sambapos._new_tables_are_due(s), false, 'a database that is held is not asked') FROM sambapos._place AS s;

SELECT * FROM finish();
ROLLBACK;
