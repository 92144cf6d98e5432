-- sale.sql: sales page by page, the newest first; one sale by its number.
--
-- Rules:
-- * A page begins after the last row of the page before, by (date, epoch, id): so it is found in an index, whatever came
--   meanwhile, and no sale is on two pages.
-- * The keys of a page are read first, then what these sales have. OFFSET 0 keeps the planner from joining all sales
--   first, and from reading the lines of all to find out which tickets have some.

CREATE FUNCTION sambapos._sale_columns() RETURNS text
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS
$$
BEGIN
  RETURN 'r.site, r.sale_number, r.ticket_id::bigint, r.epoch, r.created_at, r.customer_name, r.notes, r.cashier, r.cashier_id, '
         'r.payment_method, r.subtotal, r.tax_amount, r.discount_amount, r.total_amount, r.tendered_amount, r.change_amount, '
         'r.sync_status, r.ledger_reference, r.items';
END;
$$;
COMMENT ON FUNCTION sambapos._sale_columns() IS 'The columns of report sales, of alias r';

-- Of another consumer than the site's own the status is looked up under its number.
CREATE FUNCTION sambapos._sale_sql(place sambapos._place, consumer_id integer) RETURNS text
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS
$$
BEGIN
  RETURN sambapos._report_sql(
    replace(sambapos._report_sales('t.date AS ticket_date,'), 's.sales_consumer',
            coalesce(consumer_id::text, 'NULL::integer')), place, place.site_id IS NOT NULL);
END;
$$;
COMMENT ON FUNCTION sambapos._sale_sql(sambapos._place, integer) IS
  'Sales with the status that a consumer knows, and the date that they are ordered by, as SQL';

-- $1 site, $2, $3 the first day and the one after the last, $4 to $6 date, epoch and id of the sale before, $7 how many, $8
-- consumer, $9 status. A ticket without lines and money is no sale.
CREATE FUNCTION sambapos._sale_page_sql() RETURNS text
LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog, pg_temp AS
$$
BEGIN
  RETURN $sql$
SELECT t.date, t.epoch, t.id FROM {tickets} AS t
LEFT JOIN sambapos.delivery AS d
  ON d.consumer_id = $8 AND d.entity = 'sales' AND $9 IS NOT NULL
 AND d.key_hash = md5(jsonb_build_object('epoch', t.epoch, 'ticket_id', t.id)::text)::uuid
WHERE t.site_id = $1 AND t.date >= $2 AND t.date < $3 AND t.date <= $4 AND (t.date, t.epoch, t.id) < ($4, $5, $6)
  AND (t.total_amount <> 0
       OR EXISTS (SELECT FROM {orders} AS o WHERE (o.site_id, o.epoch, o.ticket_id) = (t.site_id, t.epoch, t.id) OFFSET 0))
  AND ($9 IS NULL OR d.delivery_no IS NOT NULL AND sambapos._delivery_status(d) = $9)
ORDER BY t.date DESC, t.epoch DESC, t.id DESC LIMIT $7$sql$;
END;
$$;
COMMENT ON FUNCTION sambapos._sale_page_sql() IS 'The keys of a page of sales, the newest first';

CREATE FUNCTION sambapos._sale_consumer_named(place sambapos._place, consumer text) RETURNS integer
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
  found integer := (SELECT c.consumer_id FROM sambapos.feed_consumer AS c JOIN sambapos.change_feed AS f USING (feed_id)
                    WHERE f.site_id = place.site_id AND c.name = consumer AND c.mode = 'work' AND 'sales' = ANY (c.entities));
BEGIN
  IF consumer IS NULL THEN
    RETURN sambapos._sale_consumer(place.site_id);
  ELSIF found IS NULL THEN
    RAISE EXCEPTION 'there is no consumer "%" of the sales of site "%"', consumer, place.name USING ERRCODE = 'undefined_object',
      HINT = 'View sambapos.consumers has those that there are.';
  END IF;
  RETURN found;
END;
$$;
COMMENT ON FUNCTION sambapos._sale_consumer_named(sambapos._place, text) IS
  'The consumer of that name, or the site''s own; raises 42704 for one that gets no sales of the site';

CREATE FUNCTION sambapos._sale_check_after(after jsonb) RETURNS void
LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog, pg_temp AS
$$
BEGIN
  IF after IS NOT NULL AND NOT (jsonb_typeof(after) = 'object' AND after ?& '{date,epoch,id}'::text[]) THEN
    RAISE EXCEPTION 'invalid after: %', after USING ERRCODE = 'invalid_parameter_value',
      HINT = 'Give the value of column after of the last row of the page before.';
  END IF;
END;
$$;
COMMENT ON FUNCTION sambapos._sale_check_after(jsonb) IS 'Raises 22023 for what is no position among sales';

CREATE FUNCTION sambapos._sale_check(from_date date, to_date date, after jsonb, page_rows integer, status text) RETURNS void
LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog, pg_temp AS
$$
BEGIN
  PERFORM sambapos._sale_check_after(after);
  IF page_rows IS NULL OR page_rows NOT BETWEEN 1 AND 10000 THEN
    RAISE EXCEPTION 'invalid page_rows %', coalesce(page_rows::text, 'NULL') USING ERRCODE = 'invalid_parameter_value',
      HINT = 'Valid: 1 to 10000.';
  ELSIF status IS NOT NULL AND status <> ALL ('{pending,leased,synced,failed,dead}') THEN
    RAISE EXCEPTION 'unknown status "%"', status USING ERRCODE = 'invalid_parameter_value',
      HINT = 'Valid: pending, leased, synced, failed, dead.';
  ELSIF from_date > to_date THEN
    RAISE EXCEPTION 'from_date % is after to_date %', from_date, to_date USING ERRCODE = 'invalid_parameter_value',
      HINT = 'Both days are included; NULL means without a limit.';
  END IF;
END;
$$;
COMMENT ON FUNCTION sambapos._sale_check(date, date, jsonb, integer, text) IS 'Raises 22023 for what a page of sales cannot be';

CREATE TYPE sambapos._sale_row AS (
  site text, sale_number text, ticket_id bigint, epoch integer, created_at timestamptz, customer_name text, notes text,
  cashier text, cashier_id integer, payment_method text, subtotal numeric, tax_amount numeric, discount_amount numeric,
  total_amount numeric, tendered_amount numeric, change_amount numeric, sync_status text, ledger_reference text,
  items jsonb, after jsonb);
COMMENT ON TYPE sambapos._sale_row IS 'A row of report sales, and the position after it';

-- The keys are parameters, so that each sale is looked up.
CREATE FUNCTION sambapos._sale_rows_sql(place sambapos._place, consumer_id integer) RETURNS text
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS
$$
BEGIN
  RETURN format('SELECT %s, jsonb_build_object(''date'', r.ticket_date, ''epoch'', r.epoch, ''id'', r.ticket_id) '
                'FROM unnest($2, $3) WITH ORDINALITY AS k (epoch, id, n) '
                'CROSS JOIN LATERAL (%s AND (t.site_id, t.epoch, t.id) = ($1, k.epoch, k.id) OFFSET 0) AS r ORDER BY k.n',
                sambapos._sale_columns(), sambapos._sale_sql(place, consumer_id));
END;
$$;
COMMENT ON FUNCTION sambapos._sale_rows_sql(sambapos._place, integer) IS
  'SQL for the sales of site $1 with epochs $2 and ids $3, in that order';

-- A till is asked once, and has the present period alone: it is sorted here.
CREATE FUNCTION sambapos._sale_live_sql(place sambapos._place) RETURNS text
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS
$$
BEGIN
  RETURN format('SELECT %s, jsonb_build_object(''date'', r.ticket_date, ''epoch'', r.epoch, ''id'', r.ticket_id) FROM (%s) AS r '
                'WHERE r.ticket_date >= $1 AND r.ticket_date < $2 AND (r.ticket_date, r.epoch, r.ticket_id) < ($3, $4, $5) '
                'AND ($7 IS NULL OR r.sale_number = $7) '
                'ORDER BY r.ticket_date DESC, r.epoch DESC, r.ticket_id DESC LIMIT $6',
                sambapos._sale_columns(), sambapos._sale_sql(place, NULL));
END;
$$;
COMMENT ON FUNCTION sambapos._sale_live_sql(sambapos._place) IS 'SQL for a page of sales as the till has them';

CREATE FUNCTION @extschema@.sambapos_list_sales(site text, from_date date DEFAULT NULL, to_date date DEFAULT NULL,
  after jsonb DEFAULT NULL, page_rows integer DEFAULT 50, status text DEFAULT NULL, consumer text DEFAULT NULL)
RETURNS SETOF sambapos._sale_row
LANGUAGE plpgsql STABLE ROWS 50 SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
  place sambapos._place := sambapos._site(site);
  nowhere sambapos._place;
  consumer_id integer := sambapos._sale_consumer_named(place, consumer);
  first_day timestamp := coalesce(from_date, '-infinity');
  end_day timestamp := coalesce((to_date + 1)::timestamp, 'infinity');
  after_date timestamp;
  after_epoch integer;
  after_id bigint;
  epochs integer[];
  ids bigint[];
BEGIN
  PERFORM sambapos._sale_check(from_date, to_date, after, page_rows, status);
  after_date := coalesce((after ->> 'date')::timestamp, 'infinity');
  after_epoch := coalesce((after ->> 'epoch')::integer, 0);
  after_id := coalesce((after ->> 'id')::bigint, 0);
  IF sambapos._report_reads_live(place.site_id) THEN
    RETURN QUERY EXECUTE sambapos._sale_live_sql(place) USING first_day, end_day, after_date, after_epoch, after_id,
                         CASE WHEN status IS NULL THEN page_rows ELSE 0 END, NULL::text;
    RETURN;
  END IF;
  EXECUTE format('SELECT array_agg(k.epoch), array_agg(k.id) FROM (%s) AS k', sambapos._report_sql(sambapos._sale_page_sql(), nowhere))
    INTO epochs, ids
    USING place.site_id, first_day, end_day, after_date, after_epoch, after_id, page_rows, consumer_id, status;
  RETURN QUERY EXECUTE sambapos._sale_rows_sql(nowhere, consumer_id) USING place.site_id, epochs, ids;
END;
$$;
COMMENT ON FUNCTION @extschema@.sambapos_list_sales(text, date, date, jsonb, integer, text, text) IS
  'Sales of a site, the newest first, page by page: rows of report sales, each with its position. after: the position of the '
  'last row of the page before. from_date, to_date: days by the till''s clock, both included. status: only those whose delivery '
  'stands so. consumer: whose deliveries; by default those of setting sales_consumer, or of the only one. Errors: 42704 no such '
  'site or consumer, 22023 an argument';

-- $1 site, $2 number, $3, $4 the day.
CREATE FUNCTION sambapos._sale_find_sql() RETURNS text
LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog, pg_temp AS
$$
BEGIN
  RETURN $sql$
SELECT t.epoch, t.id, t.date, t.total_amount FROM {tickets} AS t
WHERE t.site_id = $1 AND t.ticket_number = $2 AND t.date >= $3 AND t.date < $4
  AND (t.total_amount <> 0
       OR EXISTS (SELECT FROM {orders} AS o WHERE (o.site_id, o.epoch, o.ticket_id) = (t.site_id, t.epoch, t.id) OFFSET 0))
ORDER BY t.date DESC, t.epoch DESC, t.id DESC$sql$;
END;
$$;
COMMENT ON FUNCTION sambapos._sale_find_sql() IS 'The sales of a number, the newest first';

CREATE FUNCTION sambapos._sale_as_json(place sambapos._place, epoch integer, id bigint, others jsonb) RETURNS jsonb
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
  nowhere sambapos._place;
  found sambapos._sale_row;
BEGIN
  EXECUTE sambapos._sale_rows_sql(nowhere, sambapos._sale_consumer(place.site_id)) INTO found
    USING place.site_id, ARRAY[epoch], ARRAY[id];
  RETURN to_jsonb(found) - 'after' || jsonb_build_object('others', others);
END;
$$;
COMMENT ON FUNCTION sambapos._sale_as_json(sambapos._place, integer, bigint, jsonb) IS 'One sale, with others of its number';

CREATE FUNCTION sambapos._sale_live(place sambapos._place, sale_number text, first_day timestamp, end_day timestamp) RETURNS jsonb
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
  found sambapos._sale_row;
BEGIN
  EXECUTE sambapos._sale_live_sql(place) INTO found USING first_day, end_day, 'infinity'::timestamp, 0, 0, 1, coalesce(sale_number, '');
  RETURN CASE WHEN found.ticket_id IS NOT NULL THEN to_jsonb(found) - 'after' || '{"others": []}' END;
END;
$$;
COMMENT ON FUNCTION sambapos._sale_live(sambapos._place, text, timestamp, timestamp) IS 'One sale as the till has it; NULL: there is none';

CREATE FUNCTION @extschema@.sambapos_get_sale(site text, sale_number text, day date DEFAULT NULL) RETURNS jsonb
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
  place sambapos._place := sambapos._site(site);
  nowhere sambapos._place;
  first_day timestamp := coalesce(day, '-infinity');
  end_day timestamp := coalesce((day + 1)::timestamp, 'infinity');
  found record;
BEGIN
  IF sambapos._report_reads_live(place.site_id) THEN
    RETURN sambapos._sale_live(place, sale_number, first_day, end_day);
  END IF;
  EXECUTE format('SELECT (array_agg(f.epoch))[1] AS epoch, (array_agg(f.id))[1] AS id, jsonb_agg(jsonb_build_object('
                 '''epoch'', f.epoch, ''ticket_id'', f.id, ''date'', f.date, ''total_amount'', f.total_amount)) - 0 AS others '
                 'FROM (%s) AS f', sambapos._report_sql(sambapos._sale_find_sql(), nowhere)) INTO found
    USING place.site_id, sale_number, first_day, end_day;
  RETURN CASE WHEN found.id IS NOT NULL THEN sambapos._sale_as_json(place, found.epoch, found.id, found.others) END;
END;
$$;
COMMENT ON FUNCTION @extschema@.sambapos_get_sale(text, text, date) IS
  'One sale as JSON, with the columns of report sales: the newest of that number, since numbers begin anew with a clear; others '
  'names the other sales that have it. day: only those of a day by the till''s clock. NULL: there is none. Errors: 42704 no such '
  'site';
