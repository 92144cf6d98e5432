-- Promise: the questions of an application (sambapos_report.top_sellers and its kin) keep each of their rules, over the
-- replica and over the live tables alike; bad arguments are told apart.
BEGIN;
\ir seam.psql
SELECT plan(89);

-- A till with the columns that the questions read.
ALTER TABLE tickets ADD ticket_tags text;
ALTER TABLE ticket_entities ADD entity_type_id int;
ALTER TABLE orders ADD menu_item_name text, ADD portion_name text, ADD calculate_price boolean, ADD decrease_inventory boolean,
  ADD increase_inventory boolean, ADD created_date_time timestamp, ADD product_timer_value_id int, ADD order_tags text;
ALTER TABLE menu_items ADD custom_tags text;
CREATE TABLE menu_item_portions (id int, name text, menu_item_id int);
CREATE TABLE entity_types (id int, entity_name text, name text);
UPDATE pg_attribute AS a
   SET attfdwoptions = ARRAY['column_name=' || till.source_name(c.relname, a.attname), 'remote_type=' || format_type(a.atttypid, a.atttypmod)]
                       || CASE WHEN till.is_key(c.relname, a.attname) THEN '{key=true}'::text[] ELSE '{}' END
  FROM pg_class AS c WHERE c.oid = a.attrelid AND c.relnamespace = 'sambapos_live_shop'::regnamespace AND a.attnum > 0;
INSERT INTO sambapos.replicated_table (site_id, table_name, source_name, kind, parent, parent_key, date_column, history)
SELECT s.site_id, k.table_name, k.source_name, k.kind, k.parent, k.parent_key, k.date_column, k.history
FROM sambapos._place AS s, sambapos._known_tables() AS k WHERE k.table_name IN ('menu_item_portions', 'entity_types');
SET LOCAL quote_all_identifiers = off;
DROP TABLE sambapos_replica.orders CASCADE; -- made anew with all columns, as for a till that has them
SELECT count(*) AS made FROM sambapos._table AS t, sambapos._replica_ensure(t.site_id, t.table_name) \gset
RESET quote_all_identifiers;
SELECT sambapos_configure('shop', 'time_zone', 'Europe/Istanbul') \gset ignored_

DELETE FROM menu_items;
DELETE FROM menu_item_prices;
INSERT INTO menu_items (id, name, group_code, custom_tags) VALUES
  (1, 'Soup', 'Food', '[{"TN":"Course","TV":"Starter"},{"TN":"GL","TV":"4000"}]'),
  (2, 'Steak', NULL, '[{"TV":"Main ","TN":"COURSE  "},{"TV":"4000 ","TN":"gl"}]'),           -- the value before the name
  (3, 'Pie', '  ', '[ { "TN" : "Course" , "TV" : "MAIN" }, {"TN":"Course","TV":"Starter"}, {"TN":"GL","TV":"4000"} ]'),
  (4, 'Wine', 'Drinks ', '[{"TN":"GL","TV":"4010"}]'),                                      -- no course
  (5, 'Salad', 'food', '[{"TN":"Course","TV":"starter'),                                     -- cut off: no value
  (6, 'Cake', 'Food', '[{"TN":"Course","TV":"Dessert"},{"TN":"GL","TV":"40\u0030\u0030"},'), -- broken, but readable
  (7, 'Shared', 'Food', '[{"TN":"Course","TV":"Main"},{"TN":"GL","TV":"both"}]'),
  (8, 'Blank', 'Food', '[{"TN":"Course","TV":"  "},{"TN":"GL","TV":""}]'),
  (9, 'None', NULL, NULL);
INSERT INTO menu_item_portions VALUES (11, 'Normal', 1), (21, 'Small', 2), (22, 'Large', 2), (31, NULL, 3), (61, '', 6);
INSERT INTO menu_item_prices VALUES (1, 11, NULL, 5), (2, 21, '', 20), (3, 21, 'HH', 15), (4, 22, NULL, 30), (5, 22, '', 31), (6, 31, 'HH', 9);
INSERT INTO entity_types VALUES (1, 'Guest', 'Guests'), (2, 'Table', 'Tables'), (3, 'Room', 'Rooms');

CREATE FUNCTION till.ticket(id int, day timestamp, tags text DEFAULT NULL, closed boolean DEFAULT true, place text DEFAULT 'T1') RETURNS void LANGUAGE sql AS
$$
  INSERT INTO sambapos_live_shop.tickets (id, last_update_time, ticket_number, date, last_payment_date, is_closed, remaining_amount, total_amount, transaction_document_id, ticket_tags)
  VALUES (id, day + '1 hour', id::text, day, day, closed, 0, 0, id, tags);
  INSERT INTO sambapos_live_shop.ticket_entities SELECT id * 10, place, id, 2 WHERE place <> '';
$$;
CREATE FUNCTION till.line(id int, ticket int, item int, name text, price numeric, quantity numeric DEFAULT 1, states text DEFAULT '[]', portion text DEFAULT 'Normal',
  charged boolean DEFAULT true, tags text DEFAULT NULL, at timestamp DEFAULT NULL) RETURNS void LANGUAGE sql AS
$$
  INSERT INTO sambapos_live_shop.orders (id, ticket_id, menu_item_id, menu_item_name, portion_name, price, quantity, order_states, calculate_price, decrease_inventory,
    increase_inventory, created_date_time, last_update_date_time, order_tags)
  SELECT line.id, ticket, item, line.name, portion, line.price, line.quantity, states, charged, true, false, coalesce(at, t.date), t.date, line.tags
  FROM sambapos_live_shop.tickets AS t WHERE t.id = ticket;
$$;
-- day one: 2026-03-05
SELECT till.ticket(1, '2026-03-05 00:00'), till.line(1, 1, 1, 'Soup', 5, 2), till.line(2, 1, 2, 'Steak ', 20, 1, portion => 'Small'),
  till.line(3, 1, 2, 'STEAK', 20, 1, portion => 'large', tags => '[{"PR":2.5,"Q":2},{"PR":1},{"Q":1}]'),
  till.line(4, 1, 3, 'Pie', 9, 3, portion => NULL), till.line(5, 1, 4, 'Wine', 7, 2) \gset ignored_
SELECT till.ticket(2, '2026-03-05 23:59:59.997'), till.line(6, 2, 1, 'soup  ', 5.5, 1.125, portion => 'normal '),
  till.line(7, 2, 3, 'Pie', 9, 1, '[{"SN":"GStatus","S":"Void"}]', charged => false),
  till.line(8, 2, 3, 'Pie', 9, 1, '[{"SN":"Status","S":"Submitted"},{"SN":"Kitchen","S":"CANCELED "}]'),
  till.line(9, 2, 3, 'Pie', 9, 1, '[{"SN":"GStatus","S":"\u0056oid"}]', charged => false),
  till.line(10, 2, 3, 'Pie', 9, 1, '[ { "S" : "void" , "SN" : "x" } ]', charged => false),
  till.line(11, 2, 3, 'Pie', 9, 1, '[{"S":"Void"', charged => false),
  till.line(12, 2, 3, 'Pie', 9, 1, '[{"SN":"GStatus","S":"Gift"}]', portion => '', charged => false),
  till.line(13, 2, 3, 'Pie', 9, 1, '[{"SN":"Void","S":"Submitted","SV":"Canceled"}]', portion => 'Normal'),
  till.line(14, 2, 1, 'Void only', 9, 1, '[{"S":"Void"}]', charged => false), till.line(15, 2, 7, NULL, 3, 1) \gset ignored_
-- not closed; the days around
SELECT till.ticket(3, '2026-03-05 12:00', closed => false), till.line(16, 3, 1, 'Soup', 5, 100) \gset ignored_
SELECT till.ticket(4, '2026-03-06 00:00'), till.line(17, 4, 1, 'Soup', 5, 7) \gset ignored_
SELECT till.ticket(5, '2026-03-04 23:59:59.997'), till.line(18, 5, 1, 'Soup', 5, 9) \gset ignored_
SELECT till.quiet_sync() \gset ignored_

-- The answer, row by row; where the live tables give another one, both.
CREATE FUNCTION answer(question text, source text DEFAULT NULL) RETURNS text LANGUAGE plpgsql AS
$$
DECLARE
  rows text;
BEGIN
  EXECUTE format('SELECT string_agg(r::text, '' '') FROM (SELECT * FROM sambapos_report.%s) AS r',
                 regexp_replace(question, E'\\)$', format(', source => %L)', source))) INTO rows;
  RETURN rows;
END;
$$;
CREATE FUNCTION agreed(question text) RETURNS text LANGUAGE sql AS
$$
  SELECT CASE WHEN r IS NOT DISTINCT FROM l THEN r ELSE format('replica: %s live: %s', r, l) END
  FROM answer(question, 'replica') AS r, answer(question, 'live') AS l;
$$;

-- ---- top_sellers ----
SELECT is(agreed($$top_sellers('shop', '2026-03-05', '2026-03-05', '{main,Starter}')$$),
  '("Main ",Pie,5.000,45.00000,45.00000) ("Main ","Steak ",2.000,45.00000,40.00000) ("Main ",,1.000,3.00000,3.00000) (Starter,Soup,3.125,16.18750,16.18750)',
  'top_sellers: gifts are in the quantity and not in the revenue, modifiers the other way, no line of a state in any group, the day to its last moment');
SELECT is(agreed($$top_sellers('shop', '2026-03-05', '2026-03-05', '{"STARTER ",nowhere,Main,starter,NULL,"",Dessert}', per_course => 1)$$),
  '(Starter,Soup,3.125,16.18750,16.18750) ("Main ",Pie,5.000,45.00000,45.00000)',
  'courses in the order asked, each once, compared without case and trailing blanks, the limit for each');
SELECT is(agreed($$top_sellers('shop', '2026-03-05', '2026-03-05', '{main}', order_by => 'price_times_quantity')$$),
  '("Main ",Pie,5.000,45.00000,45.00000) ("Main ","Steak ",2.000,45.00000,40.00000) ("Main ",,1.000,3.00000,3.00000)', 'by price_times_quantity');
SELECT is(agreed($$top_sellers('shop', '2026-03-05', '2026-03-05', '{main}', order_by => 'revenue', per_course => 1)$$),
  '("Main ",Pie,5.000,45.00000,45.00000)', 'by revenue; where it is equal, by name');
SELECT is(agreed($$top_sellers('shop', '2026-03-05', '2026-03-05', '{main,starter}', per_course => 2, excluded_groups => '{"FOOD ",""," ",NULL,Nobody}')$$),
  '("Main ",Pie,5.000,45.00000,45.00000) ("Main ","Steak ",2.000,45.00000,40.00000)',
  'a group is excluded whatever its case, one that is NULL or blank never; the limit counts after that');
SELECT is(agreed($$top_sellers('shop', '2026-03-04', '2026-03-06', '{starter}')$$), '(Starter,Soup,19.125,96.18750,96.18750)', 'both days belong to it; a ticket that is open does not');
SELECT is(agreed($$top_sellers('shop', '-infinity', 'infinity', '{starter}')$$), '(Starter,Soup,19.125,96.18750,96.18750)', 'all days');
SELECT is(agreed($$top_sellers('shop', '2026-03-05', '2026-03-05', '{}')$$), NULL, 'no courses, no rows');
SELECT is(agreed($$top_sellers('shop', '2026-03-05', '2026-03-05', '{NULL,"  "}')$$), NULL, 'a blank course is none');
SELECT is(agreed($$top_sellers('shop', '2026-02-05', '2026-02-05', '{main}')$$), NULL, 'a day without tickets');

-- ---- sales_breakdown ----
SELECT is(agreed($$sales_breakdown('shop', '2026-03-05', '2026-03-05', '{main,Starter}')$$),
  '("Main ",Pie,Normal,5.000,45.00000,45.00000) ("Main ",,Normal,1.000,3.00000,3.00000) ("Main ",STEAK,large,1.000,25.00000,20.00000) '
  '("Main ","Steak ",Small,1.000,20.00000,20.00000) (Starter,Soup,Normal,3.125,16.18750,16.18750)',
  'sales_breakdown: by portion, Normal where there is none, of merged spellings the first');
SELECT is(agreed($$sales_breakdown('shop', '2026-03-05', '2026-03-05', '{main,Starter}', '{food}')$$),
  '("Main ",Pie,Normal,5.000,45.00000,45.00000) ("Main ",STEAK,large,1.000,25.00000,20.00000) ("Main ","Steak ",Small,1.000,20.00000,20.00000)', 'without a group');

-- ---- restaurant_spend ----
SELECT is(agreed($$restaurant_spend('shop', '2026-03-05', '2026-03-05', '{main}', '{4000}', '{4010}')$$),
  '(1,"2026-03-05 00:00:00","2026-03-05 01:00:00","2026-03-05 00:00:00",00:00:00,,T1,,82.00000,14.00000,77.00000,14.00000,3,3) '
  '(2,"2026-03-05 23:59:59.997","2026-03-06 00:59:59.997","2026-03-05 23:59:59.997",23:59:59.997,,T1,,15.18750,0,24.18750,0,3,3)',
  'restaurant_spend: totals of lines that count, with a course or not');
SELECT is(agreed($$restaurant_spend('shop', '2026-03-05', '2026-03-05', '{ Dessert,main}', '{"BOTH ",none}', '{both}')$$),
  '(1,"2026-03-05 00:00:00","2026-03-05 01:00:00",,01:00:00,,T1,,0,0,0,0,3,3) '
  '(2,"2026-03-05 23:59:59.997","2026-03-06 00:59:59.997","2026-03-05 23:59:59.997",23:59:59.997,,T1,,3.00000,3.00000,3.00000,3.00000,3,3)',
  'a code in both lists counts in both; without food the time is that of closing');
SELECT is(agreed($$restaurant_spend('shop', '2026-03-05', '2026-03-05', '{}', '{4000}', '{4010}')$$), NULL, 'no courses, no rows');
SELECT is(agreed($$restaurant_spend('shop', '2026-03-05', '2026-03-05', '{dessert}', '{4000}', '{4010}')$$), NULL, 'no line of the course, no row');

-- tables and rooms
SELECT till.ticket(20, '2026-03-07 20:00', place => ''), till.line(200, 20, 7, 'Shared', 3), till.line(220, 20, 7, 'Shared', 3) \gset ignored_
SELECT till.ticket(21, '2026-03-07 20:00', place => ''), till.line(201, 21, 7, 'Shared', 3) \gset ignored_
SELECT till.ticket(22, '2026-03-07 19:00', place => ''), till.line(202, 22, 7, 'Shared', 3, at => '2026-03-07 19:00'), till.line(203, 22, 1, 'Soup', 3, at => '2026-03-07 19:00:01'), till.line(204, 22, 1, 'Soup', 3, at => '2026-03-07 19:00:03') \gset ignored_
SELECT till.ticket(23, '2026-03-07 21:00', place => ''), till.line(205, 23, 7, 'Shared', 3, states => '[{"S":"void"}]') \gset ignored_
INSERT INTO ticket_entities (id, entity_name, ticket_id, entity_type_id) VALUES
  (1002, 'T9', 20, 2), (1001, 'T8', 20, 2), (1000, 'guest', 20, 1), (1003, '  ', 20, 3), (1005, 'Room 5', 20, 3), (1004, 'Room 4', 20, 3),
  (1006, 'Room 1', 21, 3), (1007, NULL, 22, 2), (1008, '', 22, 3), (1009, 'T1', 23, 2);
SELECT till.quiet_sync() \gset ignored_
SELECT is(agreed($$restaurant_spend('shop', '2026-03-07', '2026-03-07', '{main}', '{4000}', '{4010}')$$),
  '(22,"2026-03-07 19:00:00","2026-03-07 20:00:00","2026-03-07 19:00:02",19:00:02,,,,6.00000,0,6.00000,0,1,1) '
  '(20,"2026-03-07 20:00:00","2026-03-07 21:00:00",,21:00:00,,T8,"Room 4",0,0,0,0,2,2)',
  'table and room of the lowest id; a table without a name is one, a room without is none; no table, no row; no line that counts, no row; the mean time of food');
SELECT sambapos_configure('shop', 'table_entity_type', 'ROOMS'), sambapos_configure('shop', 'room_entity_type', 'Table') \gset ignored_
SELECT is(agreed($$restaurant_spend('shop', '2026-03-07', '2026-03-07', '{main}', '{none}', '{4010}')$$),
  '(22,"2026-03-07 19:00:00","2026-03-07 20:00:00",,20:00:00,,"",,0,0,0,0,1,1) (20,"2026-03-07 20:00:00","2026-03-07 21:00:00",,21:00:00,,"  ",T8,0,0,0,0,2,2) '
  '(21,"2026-03-07 20:00:00","2026-03-07 21:00:00",,21:00:00,,"Room 1",,0,0,0,0,1,1)', 'the entity types by name, as the site has them');
SELECT sambapos_configure('shop', 'table_entity_type', 'nothing') \gset ignored_
SELECT is(agreed($$restaurant_spend('shop', '2026-03-07', '2026-03-07', '{main}', '{none}', '{4010}')$$), NULL, 'an entity type that is not there has no tables');
SELECT sambapos_configure('shop', 'table_entity_type', '2'), sambapos_configure('shop', 'room_entity_type', '3') \gset ignored_

-- covers: two main courses each
CREATE TABLE till.covers (n serial, tags text, expected bigint);
INSERT INTO till.covers (tags, expected) VALUES
  ('[{"TN":"Covers","TV":"4"}]', 4), ('[{"TV":" 7\t ","TN":"Covers"}]', 7), ('[{"TN":"Covers","TV":5}]', 5), ('[{"TN":"Covers","TV":-3}]', -3),
  ('[{"TN":"Covers","TV":"-2"}]', -2), ('[{"TN":"Covers","TV":4.0}]', 4), ('[{"TN":"Covers","TV":0}]', 2), ('[{"TN":"Covers","TV":"0"}]', 2),
  ('[{"TN":"Covers","TV":"4.5"}]', 2), ('[{"TN":"Covers","TV":4.5}]', 2), ('[{"TN":"Covers","TV":"four"}]', 2), (NULL, 2), ('', 2),
  ('[{"TN":"Covers","TV":"4v"}]', 2), ('[{"TN":"Covers","TV":"\u000b4\t"}]', 4),
  ('[{"TN":"Covers","TV":"4"', 2), ('[{"TN":"covers","TV":"4"}]', 2), ('[{"TN":"Covers","TV":"x"},{"TN":"Covers","TV":"4"}]', 2),
  ('[{"TN":"Name","TV":"Ann"},{"TN":"Covers","TV":"6"},{"TN":"Covers","TV":"9"}]', 6), ('[{"TN":"Covers","TV":null}]', 2), ('[{"TN":"Covers","TV":true}]', 2),
  ('[{"TN":"Covers","TV":"12345678901234567890"}]', 2), ('[{"TN":"Covers","TV":"+8"}]', 8), ('[{"TN":"Covers"}]', 2), ('{"TN":"Covers","TV":"4"}', 2),
  ('[{"TN":"Covers","TV":""}]', 2), ('[{"TN":"Covers","TV":["4"]}]', 2);
SELECT count(*) AS ignored_made FROM (SELECT till.ticket(3000 + c.n, '2026-03-08 12:00', c.tags), till.line(30000 + 2 * c.n, 3000 + c.n, 7, 'Shared', 3),
  till.line(30001 + 2 * c.n, 3000 + c.n, 7, 'Shared', 3) FROM till.covers AS c) AS made \gset
SELECT till.quiet_sync() \gset ignored_
SELECT is((SELECT string_agg(format('%s: %s, not %s', c.tags, r.covers, c.expected), '; ') FROM till.covers AS c
           LEFT JOIN sambapos_report.restaurant_spend('shop', '2026-03-08', '2026-03-08', '{main}', '{4000}', '{4010}', source => s.source) AS r ON r.ticket_id = 3000 + c.n
           WHERE r.covers IS DISTINCT FROM c.expected), NULL, 'covers of every kind: ' || s.source) FROM (VALUES ('replica'), ('live')) AS s (source);
SELECT is((SELECT array_agg(c.tags ORDER BY c.n) FROM till.covers AS c),
  (SELECT array_agg(r.ticket_tags) FROM sambapos_report.restaurant_spend('shop', '2026-03-08', '2026-03-08', '{main}', '{4000}', '{4010}') AS r), 'the ticket''s tags as they are, by ticket_id');

-- ---- lists for choice ----
SELECT is(agreed($$menu_items_with_portions('shop', NULL)$$),
  '(1,Soup,Food,Starter,Normal,5.00,) (2,Steak,,"Main ",Small,20.00,) (2,Steak,,"Main ",Large,30.00,) (3,Pie,"  ",MAIN,Normal,,) (6,Cake,Food,Dessert,Normal,,) (7,Shared,Food,Main,,,)',
  'menu_items_with_portions: what has a course; the price without a price tag, of the lowest id');
SELECT is(agreed($$menu_items_with_portions('shop', '{"STARTER  "}')$$), '(1,Soup,Food,Starter,Normal,5.00,)', 'of one course');
SELECT is(agreed($$menu_items_with_portions('shop', '{}')$$), NULL, 'of no course');
SELECT is(agreed($$product_tag_values('shop', 'course ')$$), '(1,Dessert) (2,Main) (3,Starter)', 'product_tag_values: each once, trimmed, what is broken cut out of the text');
SELECT is(agreed($$product_tag_values('shop', 'colour')$$), NULL, 'a tag that nothing has');
SELECT is(agreed($$product_tag_groups('shop')$$), '(Course) (GL)', 'product_tag_groups');
SELECT is(agreed($$group_codes('shop')$$), '(Drinks) (Food)', 'group_codes: no NULL, no blank');
SELECT is(agreed($$gl_codes('shop')$$), '(4000) (4010) (both)', 'gl_codes: no NULL, no blank');
SELECT sambapos_configure('shop', 'gl_tag', 'Course'), sambapos_configure('shop', 'course_tag', 'GL'), sambapos_configure('shop', 'covers_tag', 'Guests') \gset ignored_
SELECT is(agreed($$gl_codes('shop')$$), '(Dessert) (Main) (Starter)', 'gl_tag is the site''s');
SELECT is(agreed($$top_sellers('shop', '2026-03-05', '2026-03-05', '{4010}')$$), '(4010,Wine,2.000,14.00000,14.00000)', 'course_tag is the site''s');
SELECT is(agreed($$restaurant_spend('shop', '2026-03-05', '2026-03-05', '{4010}', '{main}', '{starter}')$$),
  '(1,"2026-03-05 00:00:00","2026-03-05 01:00:00","2026-03-05 00:00:00",00:00:00,,T1,,72.00000,10.00000,67.00000,10.00000,1,1)', 'and so are all tags');
SELECT sambapos_configure('shop', 'gl_tag', 'GL'), sambapos_configure('shop', 'course_tag', 'Course'), sambapos_configure('shop', 'covers_tag', 'Covers') \gset ignored_

-- ---- as they were when sold ----
UPDATE menu_items SET name = 'Hot soup', group_code = 'Winter', custom_tags = '[{"TN":"Course","TV":"Main"},{"TN":"GL","TV":"5000"}]' WHERE id = 1;
UPDATE menu_items SET custom_tags = '[{"TN":"Course","TV":"Dessert"}]' WHERE id = 3;
SELECT till.quiet_sync() \gset ignored_
SET LOCAL sambapos_replica.rewrite_history = 'menu_items_history'; -- when the run found it
UPDATE sambapos_replica.menu_items_history SET valid_from = '2026-03-01', valid_to = '2026-03-09 09:30+00';
RESET sambapos_replica.rewrite_history;
UPDATE sambapos_replica.menu_items SET synced_at = '2026-03-09 09:30+00' WHERE id IN (1, 3);
DELETE FROM menu_items WHERE id IN (2, 3);
SELECT till.quiet_sync() \gset ignored_
SELECT till.ticket(40, '2026-03-09 20:00'), till.line(400, 40, 1, 'Soup', 5, 1, at => '2026-03-09 12:29:59.997'), till.line(401, 40, 1, 'Hot soup', 5, 10, at => '2026-03-09 12:30'),
  till.line(402, 40, 3, 'Pie', 9, 1, at => '2026-03-09 12:29'), till.line(403, 40, 3, 'Pie', 9, 3, at => '2026-03-09 12:31') \gset ignored_
SELECT till.quiet_sync() \gset ignored_
SELECT is(answer($$top_sellers('shop', '2026-03-05', '2026-03-05', '{main,starter}')$$),
  '(Main,Pie,5.000,45.00000,45.00000) (Main,"Steak ",2.000,45.00000,40.00000) (Main,,1.000,3.00000,3.00000) (Starter,Soup,3.125,16.18750,16.18750)',
  'as sold: an item that was moved or deleted since is where it was');
SELECT is(agreed($$top_sellers('shop', '2026-03-05', '2026-03-05', '{main,starter}', tags => 'current')$$),
  '(Main,Soup,3.125,16.18750,16.18750) (Main,,1.000,3.00000,3.00000)', 'current: where it is today, and those deleted are gone');
SELECT is(answer($$top_sellers('shop', '2026-03-09', '2026-03-09', '{main,starter,dessert}')$$),
  '(Main,"Hot soup",10.000,50.00000,50.00000) (Main,Pie,1.000,9.00000,9.00000) (Starter,Soup,1.000,5.00000,5.00000) (Dessert,Pie,3.000,27.00000,27.00000)',
  'what counts is the moment the line was created, by the till''s clock, also of an item that is gone');
SELECT is(answer($$top_sellers('shop', '2026-03-09', '2026-03-09', '{starter,main}', excluded_groups => '{winter}')$$), '(Starter,Soup,1.000,5.00000,5.00000) (Main,Pie,1.000,9.00000,9.00000)',
  'the group as it was when sold');
SELECT is(answer($$restaurant_spend('shop', '2026-03-09', '2026-03-09', '{starter}', '{4000}', '{5000}')$$),
  '(40,"2026-03-09 20:00:00","2026-03-09 21:00:00","2026-03-09 12:29:29.9985",12:29:29.9985,,T1,,14.00000,50.00000,14.00000,50.00000,1,1)', 'the codes as they were when sold');
SELECT is(agreed($$restaurant_spend('shop', '2026-03-09', '2026-03-09', '{main}', '{4000}', '{5000}', tags => 'current')$$),
  '(40,"2026-03-09 20:00:00","2026-03-09 21:00:00",,21:00:00,,T1,,0,55.00000,0,55.00000,2,2)', 'the codes of today');
SELECT is(agreed($$sales_breakdown('shop', '2026-03-09', '2026-03-09', '{main}', tags => 'current')$$), '(Main,"Hot soup",Normal,10.000,50.00000,50.00000) (Main,Soup,Normal,1.000,5.00000,5.00000)',
  'a line''s name is the one that it was sold under');
UPDATE sambapos.site SET time_zone = NULL;
SELECT is(answer($$top_sellers('shop', '2026-03-09', '2026-03-09', '{starter}')$$), '(Starter,Soup,1.000,5.00000,5.00000)', 'without a time zone the till''s offset decides');
UPDATE sambapos.site SET time_zone = 'Asia/Tokyo';
SELECT is(answer($$top_sellers('shop', '2026-03-09', '2026-03-09', '{starter}')$$), '(Starter,"Hot soup",10.000,50.00000,50.00000) (Starter,Soup,1.000,5.00000,5.00000)',
  'in another zone all of it was earlier');
UPDATE sambapos.site SET time_zone = 'Europe/Istanbul';
SELECT is(agreed($$group_codes('shop')$$), '(Drinks) (food) (Winter)', 'the lists are those of today');

-- ---- buttons ----
CREATE TABLE screen_menu_items (id int, name text, screen_menu_category_id int, menu_item_id int);
INSERT INTO screen_menu_items VALUES (1, 'Soup', 1, 1), (2, 'Soup again', 2, 1), (3, 'nothing', 1, NULL);
UPDATE pg_attribute AS a SET attfdwoptions = ARRAY['column_name=' || till.source_name('screen_menu_items', a.attname), 'remote_type=' || format_type(a.atttypid, a.atttypmod)]
                       || CASE WHEN a.attname = 'id' THEN '{key=true}'::text[] ELSE '{}' END
 WHERE a.attrelid = 'screen_menu_items'::regclass AND a.attnum > 0;
INSERT INTO sambapos.replicated_table (site_id, table_name, source_name, kind, parent, parent_key, date_column, history)
SELECT s.site_id, k.table_name, k.source_name, k.kind, k.parent, k.parent_key, k.date_column, k.history
FROM sambapos._place AS s, sambapos._known_tables() AS k WHERE k.table_name = 'screen_menu_items';
SET LOCAL quote_all_identifiers = off;
SELECT count(*) AS made FROM sambapos._table AS t, sambapos._replica_ensure(t.site_id, t.table_name) WHERE t.table_name = 'screen_menu_items' \gset
RESET quote_all_identifiers;
SELECT is(answer($$menu_items_with_portions('shop', '{dessert,main}')$$, 'replica'),
  '(1,"Hot soup",Winter,Main,Normal,5.00,) (6,Cake,Food,Dessert,Normal,,) (7,Shared,Food,Main,,,)', 'on_till_menu: NULL while the table is not copied');
SELECT till.quiet_sync() \gset ignored_
SELECT is(agreed($$menu_items_with_portions('shop', '{dessert,main}')$$),
  '(1,"Hot soup",Winter,Main,Normal,5.00,t) (6,Cake,Food,Dessert,Normal,,f) (7,Shared,Food,Main,,,f)', 'on_till_menu: is there a button');

-- a Turkish till takes I and ı for one letter
SAVEPOINT turkish;
UPDATE menu_items SET custom_tags = '[{"TN":"Course","TV":"SICAK"},{"TN":"GL","TV":"IŞIK"}]' WHERE id = 1;
SELECT till.quiet_sync() \gset ignored_
SELECT is((SELECT count(*) FROM sambapos_report.top_sellers('shop', '2026-03-05', '2026-03-05', '{sıcak}')), 0::bigint, 'I and ı are two letters');
UPDATE pg_attribute SET attfdwoptions = attfdwoptions || '{remote_collation=Turkish_CI_AS}' WHERE attrelid = 'sambapos_live_shop.menu_items'::regclass AND attname = 'name';
SELECT cmp_ok((SELECT count(*) FROM sambapos_report.top_sellers('shop', '2026-03-05', '2026-03-05', '{sıcak}', tags => 'current', source => s)), '>', 0::bigint, 'where the collation is Turkish they are one: ' || s) FROM unnest('{replica,live}'::text[]) AS s;
SELECT is((SELECT count(*) FROM sambapos_report.top_sellers('shop', '2026-03-05', '2026-03-05', '{sicak}', tags => 'current')), 0::bigint, 'and i is another');
SELECT is((SELECT count(*) FROM sambapos_report.menu_items_with_portions('shop', '{sıcak}')), 1::bigint, 'on the menu too');
SELECT lives_ok($$SELECT * FROM sambapos_report.restaurant_spend('shop', '2026-03-05', '2026-03-05', '{sıcak}', '{ışık}', '{x}')$$, 'and in what guests have spent');
ROLLBACK TO turkish;

-- old data, with live_fallback stale
SAVEPOINT old;
SELECT sambapos_configure('shop', 'live_fallback', 'stale') \gset ignored_
UPDATE sambapos.site_state SET last_success_at = now() - interval '1 day';
UPDATE sambapos_replica.tickets SET row_state = 'cleared' WHERE id = 5; -- a clear
UPDATE menu_items SET group_code = 'New' WHERE id = 4;
SELECT ok('New' IN (SELECT sambapos_report.group_codes('shop')), 'the lists of the menu ask the till, whatever was cleared');
SELECT is((SELECT data_source FROM sambapos_report.connection('shop')), 'live', 'and the connection says so');
SELECT is((SELECT DISTINCT data_source FROM sambapos_report.work_period_report('shop')), 'live', 'the last work period is asked of the till');
SELECT is((SELECT DISTINCT data_source FROM sambapos_report.work_period_report('shop', 1)), 'replica', 'one that has history is not');
UPDATE sambapos.site_state SET last_success_at = now() + interval '1 hour';
SELECT is((SELECT data_source FROM sambapos_report.connection('shop')), 'replica', 'fresh data is the replica''s');
ROLLBACK TO old;

-- ---- after a clear, and without a till ----
SELECT answer($$restaurant_spend('shop', '2026-03-01', '2026-03-31', '{main,starter}', '{4000}', '{4010}')$$, 'replica') AS before \gset
SELECT till.clear(), till.pass(1), till.quiet_sync(), till.quiet_sync() \gset ignored_
SELECT is((SELECT count(*) FROM sambapos_replica.tickets WHERE row_state = 'cleared'), (SELECT count(*) FROM sambapos_replica.tickets), 'the till was cleared');
SELECT is(answer($$restaurant_spend('shop', '2026-03-01', '2026-03-31', '{main,starter}', '{4000}', '{4010}')$$), :'before', 'the days before a clear are as they were');
SELECT is(answer($$top_sellers('shop', '2026-03-01', '2026-03-31', '{main,starter}')$$, 'live'), NULL, 'the till does not have them');
SELECT is((SELECT row(ok, message, data_source)::text FROM sambapos_report.connection('shop')),
  '(t,"The till of site ""shop"", asked just now through server ""nowhere"", has answered.",replica)', 'connection: it is asked, and answers');
ALTER SCHEMA sambapos_live_shop RENAME TO away;
SET LOCAL search_path = away, public;
SELECT is((SELECT row(ok, regexp_replace(message, ': .*', ''), data_source)::text FROM sambapos_report.connection('shop')),
  '(f,"No answer from the till of site ""shop"", asked just now through server ""nowhere""",replica)', 'connection: it does not');
SELECT is(answer($$restaurant_spend('shop', '2026-03-01', '2026-03-31', '{main,starter}', '{4000}', '{4010}')$$), :'before', 'with a replica the till is not needed');
SELECT is(answer($$group_codes('shop')$$), '(Drinks) (food) (Winter)', 'nor for the lists');

-- ---- arguments ----
CREATE TABLE till.refused (question text, sqlstate text, message text);
INSERT INTO till.refused VALUES
  ($$top_sellers('nobody', '2026-03-05', '2026-03-05', '{main}')$$, '42704', 'there is no site named "nobody"'),
  ($$top_sellers(NULL, '2026-03-05', '2026-03-05', '{main}')$$, '42704', 'there is no site named "NULL"'),
  ($$top_sellers('shop', NULL, '2026-03-05', '{main}')$$, '22004', 'from_date must not be NULL'),
  ($$top_sellers('shop', '2026-03-05', NULL, '{main}')$$, '22004', 'to_date must not be NULL'),
  ($$top_sellers('shop', '2026-03-05', '2026-03-05', NULL)$$, '22004', 'courses must not be NULL'),
  ($$top_sellers('shop', '2026-03-05', '2026-03-05', '{main}', NULL)$$, '22004', 'order_by must not be NULL'),
  ($$top_sellers('shop', '2026-03-05', '2026-03-05', '{main}', per_course => NULL)$$, '22004', 'per_course must not be NULL'),
  ($$top_sellers('shop', '2026-03-05', '2026-03-05', '{main}', tags => NULL)$$, '22004', 'tags must not be NULL'),
  ($$top_sellers('shop', '2026-03-06', '2026-03-05', '{main}')$$, '22023', 'from_date 2026-03-06 is after to_date 2026-03-05'),
  ($$top_sellers('shop', '2026-03-05', '2026-03-05', '{main}', 'revenu')$$, '22023', 'unknown value "revenu" for order_by'),
  ($$top_sellers('shop', '2026-03-05', '2026-03-05', '{main}', per_course => 0)$$, '22023', 'per_course must be at least 1, not 0'),
  ($$top_sellers('shop', '2026-03-05', '2026-03-05', '{}', tags => 'sold')$$, '22023', 'unknown value "sold" for tags'),
  ($$top_sellers('shop', '2026-03-05', '2026-03-05', '{}', source => 'till')$$, '22023', 'unknown value "till" for source'),
  ($$sales_breakdown('shop', '2026-03-05', '2026-03-05', '{main}', tags => 'today')$$, '22023', 'unknown value "today" for tags'),
  ($$sales_breakdown('shop', '2026-03-05', '2026-03-05', NULL)$$, '22004', 'courses must not be NULL'),
  ($$restaurant_spend('shop', '2026-03-05', '2026-03-05', '{main}', '{}', '{4010}')$$, '22023', 'food_codes has no code'),
  ($$restaurant_spend('shop', '2026-03-05', '2026-03-05', '{main}', '{4000}', '{"",NULL}')$$, '22023', 'beverage_codes has no code'),
  ($$restaurant_spend('shop', '2026-03-05', '2026-03-05', '{main}', NULL, '{4010}')$$, '22004', 'food_codes must not be NULL'),
  ($$restaurant_spend('shop', '2026-03-05', '2026-03-05', '{main}', '{4000}', NULL)$$, '22004', 'beverage_codes must not be NULL'),
  ($$restaurant_spend('shop', '2026-03-05', '2026-03-05', '{main}', '{4000}', '{4010}', 'old')$$, '22023', 'unknown value "old" for tags'),
  ($$menu_items_with_portions('shop', source => 'till')$$, '22023', 'unknown source "till"'),
  ($$product_tag_values('shop', NULL)$$, '22004', 'tag must not be NULL'),
  ($$group_codes('nobody')$$, '42704', 'there is no site named "nobody"'),
  ($$connection('nobody')$$, '42704', 'there is no site named "nobody"');
SELECT throws_ok('SELECT * FROM sambapos_report.' || question, sqlstate, message, question) FROM till.refused;
CREATE FUNCTION hint(question text) RETURNS text LANGUAGE plpgsql AS
$$
DECLARE
  hint text;
BEGIN
  EXECUTE 'SELECT FROM sambapos_report.' || question;
  RETURN NULL;
EXCEPTION WHEN OTHERS THEN
  GET STACKED DIAGNOSTICS hint = PG_EXCEPTION_HINT;
  RETURN hint;
END;
$$;
SELECT is(hint($$top_sellers('shop', '2026-03-05', '2026-03-05', '{main}', 'revenu')$$), 'Perhaps you meant "revenue". Valid: quantity, revenue, price_times_quantity.', 'order_by: what is valid');
SELECT is(hint($$top_sellers('shop', '2026-03-05', '2026-03-05', '{main}', tags => 'sold')$$), 'Valid: as_sold, current.', 'tags: what is valid');
SELECT * FROM finish();
ROLLBACK;
