-- What the extension has in the catalog, as rows (object, property, value): everything that may differ between two
-- ways to the same version. It asks PostgreSQL alone and shares nothing with the install script.
--
-- A member of the extension, and what hangs on it (columns, defaults, constraints, indexes, triggers, rules, row
-- types, owned sequences), is an object. Numbers that every database gives out anew (OIDs, the positions of columns
-- around dropped ones) are no properties: names stand for them.
WITH RECURSIVE extension AS (
  SELECT * FROM pg_extension WHERE extname = 'sambapos_fdw'
), hanging AS (
  SELECT d.classid, d.objid
  FROM pg_depend AS d JOIN extension AS e ON d.refclassid = 'pg_extension'::regclass AND d.refobjid = e.oid
  WHERE d.deptype = 'e'
  UNION
  SELECT d.classid, d.objid
  FROM hanging AS h JOIN pg_depend AS d ON d.refclassid = h.classid AND d.refobjid = h.objid
  WHERE d.deptype IN ('a', 'i', 'P', 'S')
), object AS (
  SELECT h.classid, h.objid, i.type || ' ' || i.identity AS name
  FROM hanging AS h CROSS JOIN LATERAL pg_identify_object(h.classid, h.objid, 0) AS i
  -- TOAST tables and the triggers behind foreign keys are named by numbers; the table, the key stand for them.
  WHERE i.schema IS DISTINCT FROM 'pg_toast'
    AND NOT EXISTS (SELECT FROM pg_trigger AS t
                    WHERE h.classid = 'pg_trigger'::regclass AND t.oid = h.objid AND t.tgisinternal)
), relation AS (
  SELECT o.name AS object_name, c.*
  FROM object AS o JOIN pg_class AS c ON o.classid = 'pg_class'::regclass AND c.oid = o.objid
), col AS (
  SELECT pg_identify_object('pg_class'::regclass, a.attrelid, a.attnum) AS it, r.relowner, a.*,
    -- A dropped column leaves a gap in attnum.
    row_number() OVER (PARTITION BY a.attrelid ORDER BY a.attnum) AS place
  FROM relation AS r JOIN pg_attribute AS a ON a.attrelid = r.oid AND a.attnum > 0 AND NOT a.attisdropped
), held AS (
  -- Owner and rights, of each kind that has them.
  SELECT o.name, 'pg_class'::regclass AS classid, r.oid AS objid, 0 AS objsubid, r.relowner AS owner, r.relacl AS acl,
    CASE r.relkind WHEN 'S' THEN 's' ELSE 'r' END::"char" AS kind
  FROM object AS o JOIN pg_class AS r ON o.classid = 'pg_class'::regclass AND r.oid = o.objid
  WHERE r.relkind NOT IN ('i', 'I')
  UNION ALL
  SELECT o.name, o.classid, o.objid, 0, p.proowner, p.proacl, 'f'
  FROM object AS o JOIN pg_proc AS p ON o.classid = 'pg_proc'::regclass AND p.oid = o.objid
  UNION ALL
  SELECT o.name, o.classid, o.objid, 0, n.nspowner, n.nspacl, 'n'
  FROM object AS o JOIN pg_namespace AS n ON o.classid = 'pg_namespace'::regclass AND n.oid = o.objid
  UNION ALL
  SELECT o.name, o.classid, o.objid, 0, t.typowner, t.typacl, 'T'
  FROM object AS o JOIN pg_type AS t ON o.classid = 'pg_type'::regclass AND t.oid = o.objid
  UNION ALL
  SELECT o.name, o.classid, o.objid, 0, w.fdwowner, w.fdwacl, 'F'
  FROM object AS o JOIN pg_foreign_data_wrapper AS w
    ON o.classid = 'pg_foreign_data_wrapper'::regclass AND w.oid = o.objid
  UNION ALL
  SELECT (c.it).type || ' ' || (c.it).identity, 'pg_class', c.attrelid, c.attnum, c.relowner, c.attacl, 'c' FROM col AS c
), defined AS (
  SELECT o.name, o.classid, CASE o.classid
      WHEN 'pg_proc'::regclass THEN
        (SELECT CASE p.prokind WHEN 'a' THEN (SELECT to_jsonb(a)::text FROM pg_aggregate AS a WHERE a.aggfnoid = p.oid)
                     ELSE pg_get_functiondef(p.oid) END
         FROM pg_proc AS p WHERE p.oid = o.objid)
      WHEN 'pg_class'::regclass THEN
        (SELECT concat_ws(E'\n', jsonb_build_object('kind', c.relkind, 'persistence', c.relpersistence,
             'options', (SELECT array_agg(x ORDER BY x) FROM unnest(c.reloptions) AS x),
             'row security', c.relrowsecurity, 'forced', c.relforcerowsecurity, 'replica identity', c.relreplident,
             'partition', pg_get_expr(c.relpartbound, c.oid), 'partitioned', pg_get_partkeydef(c.oid),
             'access method', (SELECT m.amname FROM pg_am AS m WHERE m.oid = c.relam)),
           CASE WHEN c.relkind IN ('v', 'm') THEN pg_get_viewdef(c.oid) END,
           (SELECT concat_ws(' ', pg_get_indexdef(i.indexrelid),
              jsonb_build_object('valid', i.indisvalid, 'immediate', i.indimmediate,
                'replica identity', i.indisreplident, 'clustered', i.indisclustered))
            FROM pg_index AS i WHERE i.indexrelid = c.oid),
           (SELECT (to_jsonb(s) - 'seqrelid' - 'seqtypid')::text || ' ' || s.seqtypid::regtype
            FROM pg_sequence AS s WHERE s.seqrelid = c.oid),
           (SELECT f.ftoptions::text FROM pg_foreign_table AS f WHERE f.ftrelid = c.oid))
         FROM pg_class AS c WHERE c.oid = o.objid)
      WHEN 'pg_type'::regclass THEN
        (SELECT concat_ws(' ', t.typtype, t.typcategory, t.typdelim, t.typstorage, t.typnotnull, t.typdefault,
           CASE WHEN t.typbasetype <> 0 THEN format_type(t.typbasetype, t.typtypmod) END,
           (SELECT string_agg(quote_literal(l.enumlabel), ' ' ORDER BY l.enumsortorder)
            FROM pg_enum AS l WHERE l.enumtypid = t.oid))
         FROM pg_type AS t WHERE t.oid = o.objid)
      WHEN 'pg_constraint'::regclass THEN
        (SELECT concat_ws(' ', pg_get_constraintdef(k.oid), k.convalidated, k.connoinherit)
         FROM pg_constraint AS k WHERE k.oid = o.objid)
      WHEN 'pg_attrdef'::regclass THEN
        (SELECT pg_get_expr(x.adbin, x.adrelid) FROM pg_attrdef AS x WHERE x.oid = o.objid)
      WHEN 'pg_trigger'::regclass THEN
        (SELECT concat_ws(' ', pg_get_triggerdef(t.oid), t.tgenabled) FROM pg_trigger AS t WHERE t.oid = o.objid)
      WHEN 'pg_rewrite'::regclass THEN
        (SELECT concat_ws(' ', pg_get_ruledef(u.oid), u.ev_enabled) FROM pg_rewrite AS u WHERE u.oid = o.objid)
      WHEN 'pg_policy'::regclass THEN
        (SELECT concat_ws(' ', p.polcmd, p.polpermissive, p.polroles::regrole[], pg_get_expr(p.polqual, p.polrelid),
           'check', pg_get_expr(p.polwithcheck, p.polrelid))
         FROM pg_policy AS p WHERE p.oid = o.objid)
      WHEN 'pg_statistic_ext'::regclass THEN pg_get_statisticsobjdef(o.objid)
      WHEN 'pg_event_trigger'::regclass THEN
        (SELECT concat_ws(' ', t.evtevent, t.evttags, t.evtfoid::regprocedure, t.evtenabled)
         FROM pg_event_trigger AS t WHERE t.oid = o.objid)
      WHEN 'pg_foreign_data_wrapper'::regclass THEN
        (SELECT concat_ws(' ', w.fdwhandler::regprocedure, w.fdwvalidator::regprocedure, w.fdwoptions)
         FROM pg_foreign_data_wrapper AS w WHERE w.oid = o.objid)
      WHEN 'pg_namespace'::regclass THEN ''
    END AS definition
  FROM object AS o
)
-- A kind that is not described above cannot be compared: the reader fails on it.
SELECT name AS object, CASE WHEN definition IS NULL THEN 'unknown kind' ELSE 'definition' END AS property,
  definition AS value
FROM defined
UNION ALL
SELECT (it).type || ' ' || (it).identity, 'definition', jsonb_build_object('place', place,
  'type', format_type(atttypid, atttypmod), 'collation', attcollation::regcollation, 'not null', attnotnull,
  'identity', attidentity, 'generated', attgenerated, 'storage', attstorage, 'compression', attcompression,
  'statistics', attstattarget, 'wrapper''s options', attfdwoptions, 'local', attislocal,
  -- Some minor versions stamp each column with a number of their own.
  'options', (SELECT array_agg(x ORDER BY x) FROM unnest(attoptions) AS x WHERE x NOT LIKE 'pg\_attver=%'))::text
FROM col
UNION ALL
SELECT h.name, 'owner', h.owner::regrole::text FROM held AS h WHERE h.objsubid = 0
UNION ALL
-- No rights written down are the default rights; a grant and its end leave them written down.
SELECT h.name, p.property, (SELECT string_agg(x::text, ' ' ORDER BY x::text)
                            FROM unnest(coalesce(p.acl, acldefault(h.kind, h.owner))) AS x)
FROM held AS h
LEFT JOIN pg_init_privs AS i ON (i.classoid, i.objoid, i.objsubid) = (h.classid, h.objid, h.objsubid)
-- pg_dump writes the difference between the two.
CROSS JOIN LATERAL (VALUES ('rights', h.acl), ('rights at first', i.initprivs)) AS p (property, acl)
UNION ALL
SELECT i.type || ' ' || i.identity, 'comment', c.description
FROM object AS o
JOIN pg_description AS c ON c.classoid = o.classid AND c.objoid = o.objid
CROSS JOIN LATERAL pg_identify_object(c.classoid, c.objoid, c.objsubid) AS i
UNION ALL
-- Membership in the extension, the column that owns a sequence, what a view reads.
SELECT o.name, 'depends on',
  string_agg(d.deptype::text || ' ' || pg_describe_object(d.refclassid, d.refobjid, d.refobjsubid), ', '
    ORDER BY d.deptype, pg_describe_object(d.refclassid, d.refobjid, d.refobjsubid))
FROM object AS o JOIN pg_depend AS d ON d.classid = o.classid AND d.objid = o.objid
GROUP BY o.classid, o.objid, o.name
UNION ALL
SELECT 'extension', x.property, x.value
FROM extension AS e
CROSS JOIN LATERAL (VALUES ('version', e.extversion), ('owner', e.extowner::regrole::text),
  ('schema', e.extnamespace::regnamespace::text), ('relocatable', e.extrelocatable::text),
  ('comment', obj_description(e.oid, 'pg_extension'))) AS x (property, value)
UNION ALL
SELECT 'extension', 'in dumps: ' || t.id::regclass, coalesce(t.condition, '')
FROM extension AS e CROSS JOIN LATERAL unnest(e.extconfig, e.extcondition) AS t (id, condition);
