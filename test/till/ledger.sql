-- For tests: what the till ever did, row by row, kept where no client changes it; and a backup to go back to.
-- Loaded into the till's database in its own cluster, which holds SambaPOS's tables by then; it is PostgreSQL's SQL.
--
--   till.ledger      each row that came (I), changed (U) or went (D): its key as text, and the whole row as it then was.
--                    A row whose key changes goes and comes. Who has a snapshot knows what of it was there then:
--                    pg_visible_in_snapshot(xid, snapshot)
--   till.operation   what the till was about: till.begin('clear') counts for all that follows
--   till.backup(), till.restore()   all of dbo, and the identities; a restore is one transaction, and an operation

CREATE TABLE till.operation (
	number integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY, kind text NOT NULL, snapshot pg_snapshot);

CREATE TABLE till.ledger (
	number bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, xid xid8 NOT NULL DEFAULT pg_current_xact_id(),
	operation bigint NOT NULL DEFAULT pg_sequence_last_value('till.operation_number_seq'),
	relation text NOT NULL, act "char" NOT NULL, key text NOT NULL, content jsonb);

CREATE FUNCTION till.begin(kind text, snapshot pg_snapshot DEFAULT NULL) RETURNS void LANGUAGE sql
AS 'INSERT INTO till.operation (kind, snapshot) VALUES (kind, snapshot)';
SELECT till.begin('before');

-- The key's columns are the trigger's arguments.
CREATE FUNCTION till.ledger_key(content jsonb, columns text[]) RETURNS text LANGUAGE sql IMMUTABLE
AS $$ SELECT string_agg(coalesce(content ->> c, '-'), ' ' ORDER BY n) FROM unnest(columns) WITH ORDINALITY AS x (c, n) $$;

CREATE FUNCTION till.keep_ledger() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
	before jsonb := CASE WHEN TG_OP <> 'INSERT' THEN to_jsonb(OLD) END;
	after jsonb := CASE WHEN TG_OP <> 'DELETE' THEN to_jsonb(NEW) END;
	old_key text := till.ledger_key(before, TG_ARGV);
	new_key text := till.ledger_key(after, TG_ARGV);
BEGIN
	IF old_key IS DISTINCT FROM new_key AND before IS NOT NULL THEN
		INSERT INTO till.ledger (relation, act, key, content) VALUES (TG_TABLE_NAME, 'D', old_key, before);
	END IF;
	IF after IS NOT NULL AND before IS DISTINCT FROM after THEN
		INSERT INTO till.ledger (relation, act, key, content)
		VALUES (TG_TABLE_NAME, CASE WHEN old_key = new_key THEN 'U' ELSE 'I' END, new_key, after);
	END IF;
	RETURN NULL;
END $$;

CREATE FUNCTION till.truncate_ledger() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
	EXECUTE format('INSERT INTO till.ledger (relation, act, key, content)
		SELECT %L, ''D'', till.ledger_key(to_jsonb(t), $1), to_jsonb(t) FROM %s AS t', TG_TABLE_NAME, TG_RELID::regclass) USING TG_ARGV;
	RETURN NULL;
END $$;

-- What is there already came before.
CREATE FUNCTION till.keep_ledger_of(relation text, VARIADIC columns text[]) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
	arguments text := (SELECT string_agg(quote_literal(c), ', ') FROM unnest(columns) AS c);
BEGIN
	EXECUTE format('CREATE TRIGGER ledger AFTER INSERT OR UPDATE OR DELETE ON dbo.%1$I FOR EACH ROW EXECUTE FUNCTION till.keep_ledger(%2$s);
		CREATE TRIGGER ledger_truncated BEFORE TRUNCATE ON dbo.%1$I FOR EACH STATEMENT EXECUTE FUNCTION till.truncate_ledger(%2$s);
		ALTER TABLE dbo.%1$I ENABLE ALWAYS TRIGGER ledger', relation, arguments);
	EXECUTE format('INSERT INTO till.ledger (relation, act, key, content)
		SELECT %L, ''I'', till.ledger_key(to_jsonb(t), $1), to_jsonb(t) FROM dbo.%I AS t', relation, relation) USING columns;
END $$;

-- A root by its id, a child by its own id and its root's.
SELECT till.keep_ledger_of(relation, 'Id') FROM unnest('{Tickets,AccountTransactionDocuments,WorkPeriods,InventoryTransactionDocuments}'::text[]) AS relation;
SELECT till.keep_ledger_of(relation, 'Id', root) FROM (VALUES
	('Orders', 'TicketId'), ('Payments', 'TicketId'), ('ChangePayments', 'TicketId'), ('Calculations', 'TicketId'),
	('PaidItems', 'TicketId'), ('TicketEntities', 'Ticket_Id'),
	('AccountTransactions', 'AccountTransactionDocumentId'), ('AccountTransactionValues', 'AccountTransactionDocumentId'),
	('InventoryTransactions', 'InventoryTransactionDocumentId')) AS x (relation, root);

CREATE TABLE till.backup_identity (sequence regclass PRIMARY KEY, value bigint, called boolean);

CREATE FUNCTION till.backup() RETURNS void LANGUAGE plpgsql SET client_min_messages = warning AS $$
DECLARE
	t pg_class;
	sequence regclass;
BEGIN
	TRUNCATE till.backup_identity;
	PERFORM till.begin('sale', pg_current_snapshot());
	FOR t IN SELECT c.* FROM pg_class AS c WHERE c.relnamespace = 'dbo'::regnamespace AND c.relkind = 'r' LOOP
		EXECUTE format('DROP TABLE IF EXISTS till.%I; CREATE TABLE till.%1$I AS TABLE dbo.%I', 'backup ' || t.relname, t.relname);
		sequence := till.identity_sequence(format('dbo.%I', t.relname));
		IF sequence IS NOT NULL THEN
			EXECUTE format('INSERT INTO till.backup_identity SELECT $1, last_value, is_called FROM %s', sequence) USING sequence;
		END IF;
	END LOOP;
END $$;

-- Rows that are as they were stay. No foreign key and no trigger but the ledger's sees it, as with RESTORE DATABASE.
CREATE FUNCTION till.restore() RETURNS void LANGUAGE plpgsql SET session_replication_role = replica AS $$
DECLARE
	t pg_class;
	backup text;
BEGIN
	PERFORM till.begin('restore', (SELECT o.snapshot FROM till.operation AS o WHERE o.snapshot IS NOT NULL ORDER BY o.number DESC LIMIT 1));
	FOR t IN SELECT c.* FROM pg_class AS c WHERE c.relnamespace = 'dbo'::regnamespace AND c.relkind = 'r' LOOP
		backup := format('till.%I', 'backup ' || t.relname);
		EXECUTE format('DELETE FROM dbo.%I AS t WHERE to_jsonb(t) NOT IN (SELECT to_jsonb(b) FROM %s AS b)', t.relname, backup);
		EXECUTE format('INSERT INTO dbo.%I OVERRIDING SYSTEM VALUE SELECT * FROM %s AS b
			WHERE to_jsonb(b) NOT IN (SELECT to_jsonb(t) FROM dbo.%1$I AS t)', t.relname, backup);
	END LOOP;
	PERFORM setval(sequence, value, called) FROM till.backup_identity;
END $$;
