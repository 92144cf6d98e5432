-- Promise: presets put on a site's feed what a point of sale client and a host with its configuration want to have, in
-- their shape: no secret, personal columns as they are configured; a client holds what everything anew would say.
BEGIN;
\ir seam.psql
SELECT no_plan();

-- more of a till
CREATE OR REPLACE FUNCTION till.source_name(relation name, attribute name) RETURNS text LANGUAGE sql IMMUTABLE AS
$$
  SELECT CASE WHEN relation = 'ticket_entities' AND attribute = 'ticket_id' THEN 'Ticket_Id' WHEN attribute = 'user_role__id' THEN 'UserRole_Id'
              WHEN attribute = 'transaction_document_id' THEN 'TransactionDocument_Id'
              WHEN attribute LIKE E'account_transaction\\_\\_%' THEN 'AccountTransaction_AccountTransactionDocumentId'
              ELSE replace(initcap(replace(attribute, '_', ' ')), ' ', '') END;
$$;
CREATE TABLE menu_item_portions (id int, name text, menu_item_id int, multiplier int);
CREATE TABLE inventory_items (id int, group_code text, base_unit text, transaction_unit text, name text);
CREATE TABLE entities (id int, entity_type_id int, name text, custom_data text, notes text, account_id int);
CREATE TABLE entity_types (id int, name text, entity_name text);
CREATE TABLE entity_state_values (id int, entity_id int, entity_states text);
CREATE TABLE users (id int, name text, user_role__id int); -- PINs and passwords are not imported
CREATE TABLE program_setting_values (id int, name text);
CREATE TABLE payment_types (id int, name text, gateway_token text);
CREATE TABLE calculation_types (id int, name text, decrease_amount boolean);
CREATE TABLE order_tag_groups (id int, name text);
CREATE TABLE order_tags (id int, name text, order_tag_group_id int, price numeric(16,2), sort_order int);
CREATE TABLE order_tag_maps (id int, order_tag_group_id int, menu_item_id int, menu_item_group_code text, terminal_id int);
CREATE TABLE printer_templates (id int, name text, template text);
CREATE TABLE accounts (id int, account_type_id int, name text);
CREATE TABLE account_types (id int, name text);
ALTER TABLE numerators ADD name text, ADD number_format text;
ALTER TABLE account_transaction_values ADD credit numeric(16,2) DEFAULT 0;
UPDATE pg_attribute AS a
   SET attfdwoptions = ARRAY['column_name=' || till.source_name(c.relname, a.attname),
                             'remote_type=' || format_type(a.atttypid, a.atttypmod)]
                       || CASE WHEN a.attname = 'id' THEN '{key=true}'::text[] ELSE '{}' END
  FROM pg_class AS c
 WHERE c.oid = a.attrelid AND c.relnamespace = 'sambapos_live_shop'::regnamespace AND a.attnum > 0 AND a.attfdwoptions IS NULL;
INSERT INTO sambapos.replicated_table (site_id, table_name, source_name, kind, history)
SELECT s.site_id, k.table_name, k.source_name, k.kind, false
FROM sambapos._place AS s, sambapos._known_tables() AS k JOIN pg_class AS c ON c.relname = k.table_name AND c.relnamespace = 'sambapos_live_shop'::regnamespace
WHERE NOT EXISTS (SELECT FROM sambapos.replicated_table AS t WHERE t.table_name = k.table_name);
DROP TABLE IF EXISTS sambapos_replica.numerators, sambapos_replica.account_transaction_values CASCADE;
SELECT count(*) AS made FROM sambapos._table AS t, sambapos._replica_ensure(t.site_id, t.table_name) \gset

INSERT INTO menu_item_portions VALUES (1, 'Normal', 1, 1), (2, 'Large', 1, 2);
DELETE FROM menu_item_prices;
INSERT INTO menu_item_prices VALUES (11, 1, NULL, 5), (12, 1, 'HH', 4), (13, 2, '', 9);
INSERT INTO inventory_items VALUES (1, 'dry', 'g', 'kg', 'flour');
INSERT INTO entity_types VALUES (1, 'Customers', 'Customer'), (2, 'Tables', 'Table');
INSERT INTO entities VALUES (1, 2, 'T1', NULL, NULL, 0), (2, 2, 'T2', NULL, NULL, 0), (3, 1, 'Anna', '[{"Name":"Phone","Value":"555-0101"}]', 'allergic', 7);
INSERT INTO entity_state_values VALUES (1, 1, '[{"SN":"Status","S":"New Orders"}]'), (2, 2, 'broken {');
INSERT INTO users VALUES (1, 'Bob', 1);
INSERT INTO program_setting_values VALUES (1, 'SmtpPassword');
INSERT INTO payment_types VALUES (1, 'Card', 'SECRET-GATEWAY');
INSERT INTO calculation_types VALUES (1, 'Ten percent off', true), (2, 'Service', false);
INSERT INTO order_tag_groups VALUES (1, 'Sauces');
INSERT INTO order_tags VALUES (1, 'Ketchup', 1, 0.5, 1);
INSERT INTO order_tag_maps VALUES (1, 1, 0, '*', 0), (2, 1, 1, 'food', 3);
INSERT INTO printer_templates VALUES (1, 'Receipt', repeat('line ', 100));
INSERT INTO accounts VALUES (7, 1, 'Anna-555-0101'), (8, 5, 'Card 0001');
INSERT INTO account_types VALUES (5, 'Gift cards');
DELETE FROM numerators;
INSERT INTO numerators VALUES (1, 10, 'Tickets', '#');
SELECT till.sell(1, 3);
SELECT till.quiet_sync() AS quiet \gset

-- what is refused
SELECT throws_ok($$SELECT sambapos_add_entities('shop', 'poss')$$, '22023', NULL, 'a preset that is not there');
SELECT throws_ok($$SELECT sambapos_add_entities('bar', 'pos')$$, '42704', NULL, 'a feed that is not there');
SELECT sambapos_add_feed('own') AS added \gset
SELECT throws_ok($$SELECT sambapos_add_entities('own', 'pos')$$, '42809', NULL, 'a feed of other tables');
SELECT is_empty('SELECT * FROM sambapos.entities', 'nothing is left of it');

SELECT results_eq($$SELECT preset, string_agg(entity, ' ' ORDER BY tier, entity) FROM sambapos._feed_presets() GROUP BY 1 ORDER BY 1$$,
  $$VALUES ('config', 'employees enterprises privileges properties roles rvcs menu_item_modifier_groups menu_items modifier_group_modifiers modifier_groups modifiers slus discounts '
                      'service_charges tax_groups tenders order_device_printers order_devices print_class_routing print_classes printers workstations gift_cards loyalty_members shifts'),
           ('pos', 'categories document_prefixes inventory_config material_unit_of_measures materials product_unit_of_measures products recipe_materials recipes settings tables unit_of_measures'),
           ('sales', 'sales')$$, 'what each preset has');
SELECT lives_ok($$SELECT sambapos_add_entities('shop', 'pos')$$, 'preset pos');
SELECT lives_ok($$SELECT sambapos_add_entities('shop', 'config')$$, 'preset config, beside it');
SELECT set_eq($$SELECT entity FROM sambapos.entities WHERE preset = 'pos'$$,
              '{products,categories,materials,unit_of_measures,product_unit_of_measures,settings,tables,document_prefixes}'::text[],
              'pos: what the site copies of the twelve');
SELECT is_empty($$SELECT * FROM sambapos.entities WHERE preset = 'config' AND (tier IS NULL OR priority IS NULL OR payload_key IS NULL)$$,
                'config has tiers, priorities and keys');
SELECT is((SELECT tier || priority || payload_key FROM sambapos.entities WHERE entity = 'menu_item_modifier_groups'), '2HIGHmenuItemModifierGroups', 'as its document has them');
INSERT INTO sambapos.replicated_table (site_id, table_name, source_name, kind, history) SELECT site_id, 'recipes', 'Recipes', 'master', false FROM sambapos._place;
CREATE TABLE recipes (id int, name text);
UPDATE pg_attribute  SET attfdwoptions = ARRAY['column_name=' || initcap(attname), 'remote_type=' || format_type(atttypid, atttypmod)] || CASE attname WHEN 'id' THEN '{key=true}'::text[] ELSE '{}' END
 WHERE attrelid = 'recipes'::regclass AND attnum > 0;
SELECT count(*) AS made FROM sambapos._table AS t, sambapos._replica_ensure(t.site_id, t.table_name) WHERE t.table_name = 'recipes' \gset
SELECT lives_ok($$SELECT sambapos_add_entities('shop', 'pos')$$, 'called again');
SELECT is((SELECT count(*) FROM sambapos.entities WHERE entity = 'recipes'), 1::bigint, 'it adds what has come');

-- their shape
CREATE TEMP VIEW f AS SELECT sambapos_full_payload('shop') AS p;
SELECT is((SELECT p -> 'products' -> 0 ->> 'name' FROM f), 'item 1', 'products are menu items');
SELECT is((SELECT p -> 'categories' FROM f), '[{"name": "food"}]', 'a category is a group code');
SELECT is((SELECT p -> 'unitOfMeasures' FROM f), '[{"name": "g"}, {"name": "kg"}]', 'units are those of materials');
SELECT is((SELECT p -> 'productUnitOfMeasures' -> 0 FROM f), '{"id": 1, "menu_item_id": 1, "multiplier": 1, "name": "Normal", "price": 5.00, "prices": [{"price": 5.00, "price_tag": null}, {"price": 4.00, "price_tag": "HH"}]}', 'portions have their prices');
SELECT is((SELECT p -> 'tables' FROM f), '[{"id": 1, "name": "T1", "states": [{"S": "New Orders", "SN": "Status"}], "entity_type_id": 2}, {"id": 2, "name": "T2", "states": null, "entity_type_id": 2}]', 'tables have their states, broken or not');
SELECT is((SELECT p -> 'documentPrefixes' FROM f), '[{"id": 1, "name": "Tickets", "number_format": "#"}]', 'prefixes are those of numerators');
SELECT is((SELECT p -> 'menuItems' -> 0 -> 'portions' -> 1 -> 'prices' FROM f), '[{"price": 9.00, "price_tag": null}]', 'menu items have portions with prices');
SELECT is((SELECT p -> 'menuItemModifierGroups' -> 0 FROM f), '{"id": 1, "category": null, "menu_item_id": null, "portion_name": null, "terminal_id": null, "department_id": null, "user_role_id": null, "ticket_type_id": null, "modifier_group_id": 1}', 'a map to all items names none');
SELECT is((SELECT p -> 'modifierGroupModifiers' FROM f), '[{"sort_order": 1, "modifier_id": 1, "modifier_group_id": 1}]', 'modifiers are in their groups');
SELECT is((SELECT concat_ws('|', p -> 'discounts' -> 0 ->> 'name', jsonb_array_length(p -> 'discounts'), p -> 'serviceCharges' -> 0 ->> 'name', jsonb_array_length(p -> 'serviceCharges')) FROM f), 'Ten percent off|1|Service|1', 'discounts lower the total, service charges do not');
SELECT is((SELECT p -> 'employees' FROM f), '[{"id": 1, "name": "Bob", "user_role__id": 1}]', 'employees have names and roles');
SELECT is((SELECT p -> 'property' -> 0 ->> 'id' FROM f), 'shop', 'the property is the site');
SELECT is((SELECT p -> 'orderDevices' -> 0 -> 'template' ->> 'bytes' FROM f), '500', 'a template is lazy');
SELECT is(sambapos_value('shop', 'order_devices', '1', 'template') #>> '{}', repeat('line ', 100), 'it is fetched by itself');
SELECT is((SELECT p -> 'giftCards' FROM f), '[]', 'without a type no account is a gift card');
SELECT is((SELECT p -> 'loyaltyMembers' -> 0 FROM f), '{"id": 3, "name": "Anna", "notes": "allergic", "account_id": 7, "custom_data": [{"Name": "Phone", "Value": "555-0101"}]}', 'customers are members');
SELECT is((SELECT gateway_token FROM sambapos_replica.payment_types), 'SECRET-GATEWAY', 'what a site has of its own is copied');
SELECT unalike((SELECT p::text FROM f), '%SECRET%', 'and not sent where its name says that it is secret');
SELECT throws_ok($$SELECT sambapos_value('shop', 'tenders', '1', 'gateway_token')$$, '42703', NULL, 'nor by name');
SELECT is(sambapos_add_urgent_rule('shop', 'left', 'employees')::text, '', 'a rule about an entity of a preset');
SELECT is(sambapos_add_urgent_rule('shop', 'free', 'product_unit_of_measures', NULL, 'r.price = 0')::text, '', 'with a condition over what is computed');

-- a client that asks what is new holds what everything anew would say
CREATE TABLE till.held (payload_key text, key text, data jsonb, PRIMARY KEY (payload_key, key));
CREATE TABLE till.at (version bigint);
CREATE FUNCTION till.key_of(data jsonb, name text) RETURNS text LANGUAGE sql AS
$$ SELECT CASE WHEN cardinality(e.key) = 1 THEN (data -> e.key[1])::text ELSE (SELECT jsonb_object_agg(k, data -> k)::text FROM unnest(e.key) AS k) END FROM sambapos.entities AS e WHERE e.entity = name; $$;
CREATE FUNCTION till.all_rows(names text[] DEFAULT NULL) RETURNS TABLE (name text, key text, data jsonb) LANGUAGE sql AS
$$
  SELECT e.entity, till.key_of(r.value, e.entity), r.value FROM (SELECT sambapos_full_payload('shop', NULL, names) AS p) AS p, sambapos.entities AS e, jsonb_array_elements(p.p -> e.payload_key) AS r
  WHERE names IS NULL OR e.entity = ANY (names);
$$;
CREATE FUNCTION till.follow() RETURNS text LANGUAGE plpgsql AS
$$
DECLARE
  d jsonb := (SELECT sambapos_delta_payload('shop', max(a.version)) FROM till.at AS a);
  anew text[] := ARRAY(SELECT jsonb_array_elements_text(d -> 'fullEntities'));
BEGIN
  IF d ? 'fullRequired' THEN
    DELETE FROM till.held; INSERT INTO till.held SELECT * FROM till.all_rows();
    INSERT INTO till.at SELECT (sambapos_full_payload('shop', NULL, '{}') ->> 'version')::bigint;
    RETURN 'full';
  END IF;
  DELETE FROM till.held AS h USING jsonb_array_elements(d -> 'changes') AS c WHERE (h.payload_key, h.key) = (c ->> 'entityType', (c -> 'entityId')::text);
  INSERT INTO till.held SELECT c ->> 'entityType', (c -> 'entityId')::text, c -> 'data' FROM jsonb_array_elements(d -> 'changes') AS c WHERE c ->> 'operation' <> 'DELETE';
  DELETE FROM till.held AS h WHERE h.payload_key = ANY (anew);
  INSERT INTO till.held SELECT * FROM till.all_rows(anew);
  UPDATE till.at SET version = (d ->> 'toVersion')::bigint;
  RETURN (SELECT coalesce(string_agg(c ->> 'entityType', ' ' ORDER BY c ->> 'entityType' COLLATE "C"), '') FROM jsonb_array_elements(d -> 'changes') AS c) || CASE WHEN anew <> '{}' THEN ' anew ' || anew::text ELSE '' END;
END;
$$;
CREATE FUNCTION till.differs() RETURNS SETOF text LANGUAGE sql AS
$$
  SELECT 'missing ' || x::text FROM (SELECT * FROM till.all_rows() EXCEPT SELECT * FROM till.held) AS x
  UNION ALL SELECT 'too many ' || x::text FROM (SELECT * FROM till.held EXCEPT SELECT * FROM till.all_rows()) AS x;
$$;
CALL sambapos_feed_tick('shop');
SELECT is(till.follow(), 'full', 'a client takes everything');

SELECT till.pass(1);
UPDATE menu_items SET group_code = 'drinks' WHERE id = 1;
UPDATE menu_item_prices SET price = 5.50 WHERE id = 11;
UPDATE entity_state_values SET entity_states = '[{"SN":"Status","S":"Bill Requested"}]' WHERE entity_id = 1;
UPDATE entities SET name = 'Anna B' WHERE id = 3;
UPDATE numerators SET number = 11;
DELETE FROM order_tags;
UPDATE calculation_types SET decrease_amount = true WHERE id = 2;
DELETE FROM users;
INSERT INTO users VALUES (2, 'Eve', 1);
SELECT till.quiet_sync() AS quiet \gset
SELECT is(till.follow(), 'categories discounts employees employees loyalty_members menu_items modifier_group_modifiers modifiers product_unit_of_measures products service_charges tables',
          'each entity that is not as it was is told, before the tick: by the run that wrote it');
SELECT is_empty('SELECT * FROM till.differs()', 'and is right');
SELECT till.pass(1);
SELECT till.quiet_sync() AS quiet \gset
CALL sambapos_feed_tick('shop');
SELECT till.follow() AS told \gset
SELECT is_empty('SELECT * FROM till.differs()', 'so it is when what is gone is judged');
SELECT is((SELECT count(*) FROM till.held WHERE payload_key = 'employees'), 1::bigint, 'who has left has left');
SELECT is((SELECT string_agg(operation, '' ORDER BY change_id) FROM sambapos.change WHERE entity = 'document_prefixes'), 'LOAD', 'a counter that runs on is no change of a prefix');
SELECT till.quiet_sync() AS quiet \gset
SELECT is((SELECT count(*) FROM sambapos.change WHERE version IS NULL), 0::bigint, 'a run that finds nothing tells nothing');

-- what the site's settings say
SELECT sambapos_configure('shop', 'gift_card_account_type', 'gift CARDS'), sambapos_configure('shop', 'site_group', 'hotels'), sambapos_configure('shop', 'table_entity_type', '1') \gset ignored_
CALL sambapos_feed_tick('shop');
SELECT is(till.follow(), 'enterprises gift_cards properties tables tables tables', 'the tick looks when they are changed');
SELECT is_empty('SELECT * FROM till.differs()', 'and tells what is right');
INSERT INTO account_transaction_documents VALUES (900, '2026-03-10 11:55', 'sold');
INSERT INTO account_transactions VALUES (900, 900, 25);
INSERT INTO account_transaction_values VALUES (900, 900, 900, 8, 0, 25);
SELECT till.pass(1);
SELECT till.quiet_sync() AS quiet \gset
CALL sambapos_feed_tick('shop');
SELECT is(till.follow(), 'gift_cards', 'a gift card is loaded');
SELECT is((SELECT data ->> 'balance' FROM till.held WHERE payload_key = 'gift_cards'), '-25.00', 'its balance is what the till would show');

-- personal columns as they are configured
SELECT sambapos_configure('shop', 'personal', 'null', 'entities.custom_data') AS done \gset
SELECT till.pass(1);
SELECT till.quiet_sync() AS quiet \gset
CALL sambapos_feed_tick('shop');
SELECT till.follow() AS told \gset
SELECT is_empty('SELECT * FROM till.differs()', 'a column that is read as NULL is NULL');
SELECT is((SELECT count(*) FROM till.held WHERE data::text LIKE '%555-0101%'), 0::bigint, 'the client has it no more');

-- a table leaves the site: each that a preset reads
CREATE FUNCTION till.come_and_go(OUT failed text) LANGUAGE plpgsql AS
$$
DECLARE
  t name;
BEGIN
  FOR t IN SELECT DISTINCT u FROM sambapos.feed_entity AS e, unnest(e.tables) AS u
           JOIN sambapos.replicated_table AS r ON r.table_name = u ORDER BY 1 LOOP
    BEGIN
      DELETE FROM sambapos.replicated_table AS r WHERE r.table_name = t;
      PERFORM sambapos._feed_site_table_changed(f.site_id, t) FROM sambapos.change_feed AS f WHERE f.name = 'shop';
      CALL sambapos_feed_tick('shop');
      PERFORM sambapos_full_payload('shop');
      RAISE EXCEPTION 'undone' USING ERRCODE = 'SB001';
    EXCEPTION WHEN SQLSTATE 'SB001' THEN NULL;
      WHEN OTHERS THEN failed := concat_ws('; ', failed, t || ': ' || SQLERRM);
    END;
  END LOOP;
END;
$$;
SELECT is(till.come_and_go(), NULL, 'any table can leave the site while it is on the feed');

-- a view of the user's
CREATE SCHEMA own;
CREATE VIEW own.plain AS SELECT id, name, total_amount FROM sambapos_replica.tickets JOIN sambapos.site USING (site_id) WHERE row_state = 'live';
CREATE VIEW own.big AS SELECT t.id, t.total_amount FROM sambapos_replica.tickets AS t WHERE t.row_state = 'live' AND t.total_amount > 0;
SELECT throws_ok($$SELECT sambapos_add_to_feed('shop', 'own.plain', key => '{id}')$$, '42809', NULL, 'a view that reads other tables is refused');
SELECT throws_ok($$SELECT sambapos_add_to_feed('own', 'own.big', key => '{id}')$$, '42809', NULL, 'so is one on another feed');
SELECT throws_ok($$SELECT sambapos_add_to_feed('shop', 'own.big')$$, '42P16', NULL, 'it needs a key');
SELECT throws_ok($$SELECT sambapos_add_to_feed('shop', 'own.big', key => '{total_amount}')$$, '42P16', NULL, 'which names a row');
SELECT lives_ok($$SELECT sambapos_add_to_feed('shop', 'own.big', key => '{id}')$$, 'a view over replica tables');
SAVEPOINT owned;
CREATE ROLE viewer;
GRANT USAGE ON SCHEMA own TO viewer;
ALTER VIEW own.big OWNER TO viewer;
CALL sambapos_feed_tick('shop');
SELECT ok((SELECT problem ~ 'belongs to role "viewer"' FROM sambapos.entities WHERE entity = 'big'), 'of another owner than the one who put it on the feed it is not read');
ALTER VIEW own.big OWNER TO CURRENT_USER;
CALL sambapos_feed_tick('shop');
SELECT is((SELECT problem FROM sambapos.entities WHERE entity = 'big'), NULL, 'but when that one has it again');
ROLLBACK TO owned;
CALL sambapos_feed_tick('shop');
SELECT till.follow() AS told \gset
SELECT till.pass(1);
SELECT till.sell(50, 2, '2026-03-10 13:00');
UPDATE tickets SET total_amount = 77, last_update_time = (SELECT local_now FROM till.clock) WHERE id = 1;
SELECT till.quiet_sync() AS quiet \gset
CALL sambapos_feed_tick('shop');
SELECT matches(till.follow(), '^big big big', 'is compared by the tick after a run that changed its table');
SELECT is_empty('SELECT * FROM till.differs()', 'and is right');

-- and all is taken away
SELECT sambapos_remove_feed('shop') AS removed \gset
SELECT is((SELECT count(*) FROM sambapos.feed_row) + (SELECT count(*) FROM sambapos.feed_due), 0::bigint, 'a feed that is removed leaves nothing');
SELECT is_empty($$SELECT proname FROM pg_proc WHERE proname ~ '^_feed_(read|value)_[0-9]'$$, 'no function either');

-- names of columns that the till chose stand in the query, and are not read as words of its definition
CREATE OR REPLACE FUNCTION sambapos._preset_relation(site_id integer, table_name name, needed text) RETURNS text LANGUAGE sql AS
$$ SELECT format('(SELECT t."{users}{roles a integer}" FROM %I AS t)', table_name) $$;
SELECT is(sambapos._preset_sql(jsonb_populate_record(NULL::sambapos._feed_preset, '{"definition": "a {site} {roles b text}\nb {users} c"}'), 7),
          E'a 7 (SELECT t."{users}{roles a integer}" FROM roles AS t)\nb (SELECT t."{users}{roles a integer}" FROM users AS t) c',
          'what stands for a table is not written over');
SELECT * FROM finish();
ROLLBACK;
