-- fingerprint.sql: what cannot change about a root.
--
-- Rules:
-- * A TicketUid decides alone. Otherwise the date of birth must be equal, and the number or the document may not
--   contradict: either can be given later, so an empty one contradicts nothing.

CREATE FUNCTION sambapos._root_fingerprint(place sambapos._place, t sambapos._table) RETURNS name[]
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS
$$
  SELECT array_agg(c.column_name ORDER BY c.ordinal) FROM sambapos._table_columns(place, t) AS c
  WHERE c.column_name IN ('id', t.date_column)
     OR (t.kind = 'ticket' AND c.column_name IN ('ticket_uid', 'ticket_number', 'transaction_document_id'));
$$;
COMMENT ON FUNCTION sambapos._root_fingerprint(sambapos._place, sambapos._table) IS
  'The columns of a root that tell it from another row under its id';

-- Two values that do not contradict: equal, or one of them not given yet.
CREATE FUNCTION sambapos._root_agrees_sql(column_name name) RETURNS text
LANGUAGE sql IMMUTABLE SET search_path = pg_catalog, pg_temp AS
$$ SELECT format('coalesce(nullif(r.%1$I::text, '''') = nullif(s.%1$I::text, ''''), true)', column_name); $$;
COMMENT ON FUNCTION sambapos._root_agrees_sql(name) IS
  'SQL that is true unless replica row r and staged row s both have a value, and another one';

-- Which of the ticket's uid, and of its names (number, document), the table has.
CREATE FUNCTION sambapos._root_names_agree_sql(place sambapos._place, t sambapos._table) RETURNS text
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS
$$
  SELECT coalesce('(' || string_agg(sambapos._root_agrees_sql(c), ' OR ') || ')', 'true')
  FROM unnest(sambapos._root_fingerprint(place, t)) AS c WHERE c IN ('ticket_number', 'transaction_document_id');
$$;
COMMENT ON FUNCTION sambapos._root_names_agree_sql(sambapos._place, sambapos._table) IS
  'SQL that is true if number or document of replica row r and staged row s do not contradict';

CREATE FUNCTION sambapos._root_uid_sql(place sambapos._place, t sambapos._table, operator text) RETURNS text
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS
$$
  SELECT CASE WHEN 'ticket_uid' = ANY (sambapos._root_fingerprint(place, t))
              THEN format('nullif(r.ticket_uid, '''') %s nullif(s.ticket_uid, '''')', operator)
              ELSE 'NULL::boolean' END;
$$;
COMMENT ON FUNCTION sambapos._root_uid_sql(sambapos._place, sambapos._table, text) IS
  'SQL that compares the uids of replica row r and staged row s; NULL if one has none';

CREATE FUNCTION sambapos._root_same_sql(place sambapos._place, t sambapos._table) RETURNS text
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS
$$
  SELECT format('coalesce(%s, r.%I IS NOT DISTINCT FROM s.%2$I AND %s)', sambapos._root_uid_sql(place, t, '='),
                t.date_column, sambapos._root_names_agree_sql(place, t));
$$;
COMMENT ON FUNCTION sambapos._root_same_sql(sambapos._place, sambapos._table) IS
  'The fingerprint: SQL that is true if replica row r and staged row s, of one id, are one ticket, document or period';

-- A ticket that has a total has orders, and one of which less is open has payments. Of other children it says nothing.
CREATE FUNCTION sambapos._ticket_has_sql(place sambapos._place, child name, ticket text) RETURNS text
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS
$$
  SELECT CASE child WHEN 'orders' THEN format('%s.total_amount <> 0', ticket)
                    WHEN 'payments' THEN format('%1$s.total_amount <> %1$s.remaining_amount', ticket) END
  FROM sambapos._table AS k
  WHERE k.site_id = place.site_id AND k.table_name = 'tickets' AND sambapos._replica_table('tickets') IS NOT NULL
    AND cardinality(sambapos._table_has(place, k, '{total_amount,remaining_amount}')) = 2;
$$;
COMMENT ON FUNCTION sambapos._ticket_has_sql(sambapos._place, name, text) IS
  'SQL that is true if a ticket''s amounts say that it has rows in a child table, false if it has none; NULL: they say '
  'nothing of that table';
