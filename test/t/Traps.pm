# Functions, operators and types of another role that would be called in place of PostgreSQL's if a name of ours
# were looked up outside pg_catalog. What is trapped is read from the sources: every word that is the name of a
# function or type of PostgreSQL, and every operator, with each combination of the types our SQL works with.
#
#   my %names = Traps::names_in(@files);     functions, operators, types that the sources name
#   Traps::make($db, 'public', %names);      makes the traps; returns how many
#   Traps::hits($db)                         how many have been called since
package Traps;
use strict;
use warnings;

# Comments aside, everything counts, strings too: SQL that is put together at run time stands in them.
sub names_in
{
	my (%words, %operators);
	for my $file (@_)
	{
		open my $in, '<', $file or die "$file: $!";
		local $/;
		my $text = <$in> =~ s/--[^\n]*//gr;
		$words{lc $1} = 1 while $text =~ /([A-Za-z_][A-Za-z_0-9]*)/g;
		$operators{$1} = 1 while $text =~ m{([-+*/<>=~!@#%^&|`?]+)}g;
	}
	# "->>" may be written where "-" and "->" are operators too
	return (words => [ sort keys %words ], operators => [ sort keys %operators ]);
}

sub literal { return 'ARRAY[' . join(',', map { "'" . s/'/''/gr . "'" } @_) . ']::pg_catalog.text[]' }

# A call is counted by a sequence, which no rollback takes back, and named in a WARNING. Then it fails: what goes
# on after it proves nothing.
my $body = q{BEGIN PERFORM pg_catalog.nextval('trap.hits'); RAISE WARNING 'trap: <label>, as %', CURRENT_USER; RAISE EXCEPTION 'trap: <label>'; END};

sub make
{
	my ($db, $schema, %names) = @_;
	my ($words, $operators) = (literal(@{ $names{words} }), literal(@{ $names{operators} }));
	return $db->value(<<~SQL);
		SET search_path = pg_catalog; SET check_function_bodies = off; SET client_min_messages = error;
		CREATE SCHEMA trap;
		GRANT USAGE ON SCHEMA trap TO PUBLIC;
		CREATE SEQUENCE trap.hits;
		GRANT ALL ON SEQUENCE trap.hits TO PUBLIC;
		-- the types our SQL works with
		CREATE TABLE trap.argument AS
		  SELECT t.oid AS type, pg_catalog.format_type(t.oid, NULL) AS name
		  FROM pg_type AS t
		  WHERE t.oid = ANY ('{text,name,"\\"char\\"",integer,bigint,smallint,boolean,oid,regclass,regprocedure,double precision,numeric,jsonb,timestamp,timestamptz,date,time,interval,xid,text[],name[],integer[],bigint[],record}'::regtype[]);
		CREATE FUNCTION trap.make(what text, arguments text, result text, label text) RETURNS void LANGUAGE plpgsql AS
		\$make\$
		BEGIN
		  EXECUTE format('CREATE FUNCTION %s(%s) RETURNS %s LANGUAGE plpgsql AS %L', what, arguments, result,
		    replace(\$body\$$body\$body\$, '<label>', replace(label, '%', '%%')));
		EXCEPTION WHEN duplicate_function OR invalid_function_definition OR feature_not_supported OR datatype_mismatch OR wrong_object_type THEN
		  NULL;
		END;
		\$make\$;
		-- operators: every pair of types
		DO \$\$
		DECLARE
		  o record; n integer := 0; result text;
		BEGIN
		  FOR o IN SELECT DISTINCT p.oprname, l.name AS lname, r.name AS rname
		           FROM pg_operator AS p, trap.argument AS l, trap.argument AS r
		           WHERE p.oprname = ANY ($operators) AND p.oprkind = 'b' AND l.name <> 'record' AND r.name <> 'record'
		           UNION ALL
		           SELECT DISTINCT p.oprname, NULL, r.name FROM pg_operator AS p, trap.argument AS r
		           WHERE p.oprname = ANY ($operators) AND p.oprkind = 'l' AND r.name <> 'record'
		  LOOP
		    n := n + 1;
		    result := CASE WHEN o.oprname ~ '[=<>~]' AND o.oprname !~ '^(->|->>|#>|#>>|<<|>>)\$' OR o.oprname IN ('\@>', '<\@', '?', '\@\@') THEN 'boolean' ELSE o.rname END;
		    PERFORM trap.make(format('%I.%I', '$schema', 'operator_' || n), concat_ws(', ', o.lname, o.rname), result,
		                      format('operator %s(%s, %s)', o.oprname, o.lname, o.rname));
		    EXECUTE format('CREATE OPERATOR %I.%s (%s RIGHTARG = %s, FUNCTION = %I.%I)', '$schema', o.oprname,
		                   'LEFTARG = ' || o.lname || ',', o.rname, '$schema', 'operator_' || n);
		  END LOOP;
		END;
		\$\$;
		-- functions: PostgreSQL's own arguments exactly, and, up to two arguments, every combination; where any
		-- type fits, up to four of the commonest
		DO \$\$
		DECLARE
		  f record;
		BEGIN
		  FOR f IN
		    WITH named AS (
		      SELECT DISTINCT p.proname FROM pg_proc AS p
		      WHERE p.pronamespace = 'pg_catalog'::regnamespace AND p.proname = ANY ($words) AND p.prokind IN ('f', 'a')
		        AND NOT EXISTS (SELECT FROM pg_aggregate AS a WHERE a.aggfnoid = p.oid AND a.aggkind <> 'n') -- WITHIN GROUP calls no function
		    ), common AS (
		      SELECT name FROM unnest('{text,name,integer,bigint}'::text[]) AS name
		    ), any_types AS (
		      SELECT DISTINCT p.proname FROM pg_proc AS p WHERE p.provariadic = '"any"'::regtype AND p.proname = ANY ($words)
		    )
		    SELECT n.proname, a.name AS arguments FROM named AS n, trap.argument AS a WHERE a.name <> 'record'
		    UNION SELECT n.proname, a.name || ', ' || b.name FROM named AS n, trap.argument AS a, trap.argument AS b
		          WHERE EXISTS (SELECT FROM pg_proc AS p WHERE p.proname = n.proname AND (p.pronargs >= 2 OR p.provariadic <> 0))
		            AND a.name IN ('text', 'name', 'integer', 'bigint', 'oid', 'regclass', 'boolean', 'text[]', 'name[]', 'jsonb', 'timestamp without time zone', 'timestamp with time zone', 'interval', 'numeric', 'double precision')
		            AND b.name IN ('text', 'name', 'integer', 'bigint', 'oid', 'regclass', 'boolean', 'text[]', 'name[]', 'jsonb', 'timestamp without time zone', 'timestamp with time zone', 'interval', 'numeric', 'double precision')
		    UNION SELECT v.proname, concat_ws(', ', a.name, b.name, c.name) FROM any_types AS v, common AS a, common AS b, common AS c
		    UNION SELECT v.proname, concat_ws(', ', a.name, b.name, c.name, d.name) FROM any_types AS v, common AS a, common AS b, common AS c, common AS d
		    UNION SELECT p.proname, pg_get_function_identity_arguments(p.oid) FROM pg_proc AS p
		          WHERE p.pronamespace = 'pg_catalog'::regnamespace AND p.proname = ANY ($words) AND p.prokind IN ('f', 'a')
		            AND NOT EXISTS (SELECT FROM pg_aggregate AS a WHERE a.aggfnoid = p.oid AND a.aggkind <> 'n')
		            AND NOT ('{anyelement,anyarray,anynonarray,anyenum,anyrange,anymultirange,anycompatible,anycompatiblearray,anycompatiblenonarray,anycompatiblerange,anycompatiblemultirange,"\\"any\\"",internal,cstring,trigger,event_trigger,language_handler,fdw_handler,table_am_handler,index_am_handler,tsm_handler}'::regtype[] && p.proargtypes::oid[]::regtype[])
		            AND p.proargmodes IS NULL
		  LOOP
		    PERFORM trap.make(format('%I.%I', '$schema', f.proname), f.arguments, 'text', format('function %s(%s)', f.proname, f.arguments));
		  END LOOP;
		END;
		\$\$;
		-- types: a domain over each that is named
		DO \$\$
		DECLARE
		  t record;
		BEGIN
		  FOR t IN SELECT y.typname, y.oid::regtype AS type FROM pg_type AS y
		           WHERE y.typnamespace = 'pg_catalog'::regnamespace AND y.typname = ANY ($words) AND y.typtype = 'b' AND y.typelem = 0
		  LOOP
		    PERFORM trap.make(format('%I.%I', '$schema', 'check_' || t.typname), t.type::text, 'boolean', 'type ' || t.typname);
		    EXECUTE format('CREATE DOMAIN %I.%I AS %s CHECK (%1\$I.%4\$I(VALUE))', '$schema', t.typname, t.type, 'check_' || t.typname);
		  END LOOP;
		END;
		\$\$;
		SELECT count(*) FROM pg_proc WHERE pronamespace = '$schema'::regnamespace AND prosrc LIKE '%trap.hits%';
		SQL
}

sub hits
{
	my ($db) = @_;
	return $db->value('SET search_path = pg_catalog; SELECT CASE WHEN is_called THEN last_value ELSE 0 END FROM trap.hits');
}

1;
