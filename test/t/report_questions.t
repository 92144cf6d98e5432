# Promise: the questions of an application (sambapos_report.top_sellers and its kin, tags => 'current') are answered, by
# the replica and live, as the till's own rows say: odd rows of every kind, the last moment of a day, renamed, moved and
# deleted menu items; after a clear for the days before it too. as_sold: what was sold before an item was moved stays
# where it was. Live at most one remote query a table. doc/reports.md shows what is answered.
#
# What is expected is computed here, from the rows that the till gives for a plain SELECT and from what this script has
# written into them.
use strict;
use warnings;
use utf8;
use FindBin;
use lib $FindBin::Bin;
use JSON::PP;
use Math::BigFloat;
use Time::Local qw(timegm);
use Test::More;
use Harness;

Harness::needs_stand_in('show what was asked');
binmode $_, ':utf8' for *STDOUT, *STDERR;
my $till = Harness::till();
$till->ctl(qw(fill --tickets 260 --days 5 --seed 31 --until 2026-03-06));
my ($from, $to, $after) = ('2026-03-03', '2026-03-05', '2026-03-06');

sub quoted { my ($text) = @_; return defined $text ? "N'" . $text =~ s/'/''/gr . "'" : 'NULL' }
sub change { my ($sql) = @_; utf8::encode($sql); return $till->sql($sql) }
sub decoded { my ($text) = @_; utf8::decode($text); return $text }

# The rows of a table as hashes.
sub raw
{
	my ($table, @columns) = @_;
	my %meant = (n => "\n", r => "\r", t => "\t", '\\' => '\\');
	return map {
		my %row;
		@row{@columns} = map { $_ eq '\N' ? undef : s/\\([nrt\\])/$meant{$1}/gr } split /\t/, $_, -1;
		\%row
	} split /\n/, decoded($till->ctl('dump', $table, '--columns', join ',', @columns));
}

sub fold { my ($text) = @_; return defined $text ? lc($text) =~ s/ +\z//r : undef }
sub same { my ($one, $other) = @_; return defined $one && defined $other && fold($one) eq fold($other) }
sub number { my ($n) = @_; return $n =~ /\./ ? $n =~ s/\.?0+\z//r : $n }

# ---- odd menu items: id => [course, nominal code, group], as they must be read ----

my %menu;
my %course_of = (0 => 'Starters', 1 => 'Starters', 6 => 'Desserts', 7 => 'Drinks', 8 => 'Drinks');
for my $item (raw('MenuItems', qw(Id GroupCode)))
{
	my $id = $item->{Id};
	my $ten = int(($id - 1) / 10);
	my $course = $ten < 9 ? $course_of{$ten} // 'Mains' : undef;
	my $code = $ten < 7 ? '4000' : $ten < 9 ? '4010' : '4020';
	my $pair = sub { my ($name, $value, @rest) = @_; return qq({"TN":"$name","TV":"$value"@rest}) };
	my $text;
	if    (!defined $course)  { $text = '[' . $pair->('GL', $code) . ']' }
	elsif ($id % 11 == 0)     { ($text, $course, $code) = () }
	elsif ($id % 10 == 1)     { $course = uc $course; $text = '[' . $pair->('Course', $course) . ',' . $pair->('gl', $code) . ']' }
	elsif ($id % 10 == 2)     { $course = lc($course) . '  '; $code .= ' '; $text = '[' . $pair->('Course ', $course) . ',' . $pair->('GL', $code) . ']' }
	elsif ($id % 10 == 3)     { $text = qq([{"TV":"$course","TN":"Course"},{"TV":"$code","TN":"GL"}]) }
	elsif ($id % 10 == 4)     { $text = qq( [ { "TN" : "Course" , "TV" : "$course" } ,\n { "TN" : "GL" , "TV" : "$code" } ] ) }
	elsif ($id % 10 == 5)     { $text = sprintf '[{"TN":"\u0043ourse","TV":"\u%04x%s"},{"TN":"GL","TV":"%s"}]', ord $course, substr($course, 1), $code }
	elsif ($id % 10 == 6)     { $text = '[' . $pair->('Course', $course) . ',' . $pair->('GL', $code) . ',{"TN":"cut off' }
	elsif ($id % 10 == 7)     { $text = qq([{"TN":"Course","TV":"$course); ($course, $code) = () }
	elsif ($id % 10 == 8)     { $text = '[' . join(',', $pair->('Other', 'x'), $pair->('Course', $course), $pair->('Course', 'Mains'), $pair->('GL', $code), $pair->('GL', '4000')) . ']' }
	else                      { $text = '[' . $pair->('COURSE', $course) . ',' . $pair->('Gl', $code) . ']' }
	my $group = $id % 7 == 0 ? undef : $id % 13 == 0 ? '  ' : $id % 5 == 0 ? uc($item->{GroupCode}) . ' ' : $item->{GroupCode};
	$menu{$id} = [ $course, $code, $group ];
	change('UPDATE MenuItems SET CustomTags = ' . quoted($text) . ', GroupCode = ' . quoted($group) . " WHERE Id = $id");
}

# ---- odd lines: id => does it count ----

my (%odd_state, @line_changes);
my @states = (
	[ '[{"S":"Void","SN":"GStatus"}]', 0 ], [ '[{"SN":"Status","S":"Submitted"},{"SN":"Kitchen","S":"CANCELED"}]', 0 ],
	[ '[{"SN":"A","S":"Canceled"},{"SN":"B","S":"canceled "}]', 0 ], [ '[ { "SN" : "GStatus" , "S" : "void" } ]', 0 ],
	[ '[{"SN":"GStatus","S":"\u0056oid"}]', 0 ], [ '[{"SN":"GStatus","S":"Void"', 0 ], [ '[{"SN":"GStatus","S":"Gift"}]', 1 ],
	[ '[{"SN":"Void","S":"New","SV":"Canceled"}]', 1 ], [ '[{"SN":"Status","S":"Voided"}]', 1 ], [ 'Void', 1 ], [ undef, 1 ], [ '', 1 ]);
my @orders = sort { $a->{Id} <=> $b->{Id} } raw('Orders', qw(Id MenuItemName));
for my $line (raw('Orders', qw(Id OrderStates)))
{
	$odd_state{ $line->{Id} } = 0 if ($line->{OrderStates} // '') =~ /"S":"(?:Void|Canceled)"/; # the till's own voids
}
for my $i (grep { $_ % 3 == 0 } 0 .. $#orders)
{
	my ($id, $name) = @{ $orders[$i] }{qw(Id MenuItemName)};
	my ($text, $counts) = @{ $states[ $i / 3 % @states ] };
	$odd_state{$id} = $counts;
	my $charged = $counts && $text && $text =~ /Gift/ || $i / 3 % 4 == 0 ? 0 : 1;
	push @line_changes, 'UPDATE Orders SET OrderStates = ' . quoted($text) . ", CalculatePrice = $charged WHERE Id = $id";
}
for my $i (grep { $_ % 4 == 1 } 0 .. $#orders)
{
	my ($id, $name) = @{ $orders[$i] }{qw(Id MenuItemName)};
	my $kind = int($i / 4) % 5;
	$name = (uc $name, "$name  ", undef, lc $name, $name)[$kind];
	my $portion = (undef, '', '  ', 'NORMAL ', 'normal')[ int($i / 20) % 5 ];
	push @line_changes, 'UPDATE Orders SET MenuItemName = ' . quoted($name) . ', PortionName = ' . quoted($portion) . " WHERE Id = $id";
}
change(join ';', splice @line_changes, 0, 40) while @line_changes;

# ---- odd tickets: covers, tables and rooms, the last moments of days ----

my @covers = ('[{"TN":"Covers","TV":" 4 "}]', '[{"TN":"Covers","TV":5}]', '[{"TV":"-3","TN":"Covers"}]', '[{"TN":"Covers","TV":0}]', '[{"TN":"Covers","TV":"4.5"}]',
	'[{"TN":"Covers","TV":"many"}]', '[{"TN":"Covers","TV":"4"', '[{"TN":"covers","TV":"4"}]', '[{"TN":"A","TV":"1"},{"TN":"Covers","TV":"\u0036"},{"TN":"Covers","TV":"9"}]',
	'[ { "TN" : "Covers" , "TV" : 7 } ]', undef, '', '[{"TN":"Covers","TV":null}]', '[{"TN":"Covers","TV":-2}]', '[{"TN":"Covers","TV":""}]');
my @expected_covers = (4, 5, -3, undef, undef, undef, undef, undef, 6, 7, undef, undef, undef, -2, undef);
my @tickets = sort { $a->{Id} <=> $b->{Id} } raw('Tickets', qw(Id Date));
my %odd_covers;
for my $i (grep { $_ % 2 } 0 .. $#tickets)
{
	my $kind = int($i / 2) % @covers;
	$odd_covers{ $tickets[$i]{Id} } = $expected_covers[$kind];
	change('UPDATE Tickets SET TicketTags = ' . quoted($covers[$kind]) . " WHERE Id = $tickets[$i]{Id}");
}
my %moments = ('2026-03-02 23:59:59.997' => '2026-03-02', "$from 00:00:00.000" => $from, "$to 23:59:59.997" => $to, "$after 00:00:00.000" => $after);
for my $moment (sort keys %moments)
{
	my @those = grep { $_->{Date} =~ /^$moments{$moment}/ } @tickets;
	change("UPDATE Tickets SET Date = '$moment', IsClosed = 1 WHERE Id IN (" . join(', ', map { $_->{Id} } @those[ 0 .. 4 ]) . ')');
}
change('UPDATE Tickets SET IsClosed = 0 WHERE Id % 17 = 3');
change('UPDATE TicketEntities SET EntityName = NULL WHERE Id % 9 = 1');
change(q(UPDATE TicketEntities SET EntityName = N'' WHERE Id % 10 = 2));
change('DELETE FROM TicketEntities WHERE EntityTypeId = 2 AND Id % 6 = 5');
change(q(INSERT INTO TicketEntities (EntityTypeId, EntityId, AccountId, AccountTypeId, EntityName, Ticket_Id)
	SELECT 2, 0, 0, 0, N'second table', Id FROM Tickets WHERE Id % 5 = 0));
change(q(INSERT INTO TicketEntities (EntityTypeId, EntityId, AccountId, AccountTypeId, EntityName, Ticket_Id)
	SELECT 3, 0, 0, 0, N'Room ' + CAST(Id AS nvarchar(10)), Id FROM Tickets WHERE Id % 4 = 0));

# ---- what the till's rows say ----

my $json = JSON::PP->new->loose->allow_bignum;
sub parsed { my ($text) = @_; my $value = eval { $json->decode($text // '') }; return ref $value eq 'ARRAY' ? $value : undef }

sub line_total
{
	my ($line) = @_;
	return Math::BigFloat->bzero unless $line->{CalculatePrice};
	my $each = Math::BigFloat->new($line->{Price});
	$each += Math::BigFloat->new($_->{PR} // 0) * Math::BigFloat->new($_->{Q} // 0) for @{ parsed($line->{OrderTags}) // [] };
	return $each * $line->{Quantity};
}

# The lines of closed tickets of these days, each with its ticket and what is known of its product, by id.
sub lines
{
	my ($first, $last_exclusive) = @_;
	my %ticket = map { $_->{Id} => $_ } grep { $_->{IsClosed} && $_->{Date} ge $first && $_->{Date} lt $last_exclusive }
		raw('Tickets', qw(Id Date IsClosed LastUpdateTime TicketTags));
	my @lines;
	for my $line (sort { $a->{Id} <=> $b->{Id} }
		raw('Orders', qw(Id TicketId MenuItemId MenuItemName PortionName Price Quantity CalculatePrice CreatedDateTime OrderTags)))
	{
		$line->{ticket} = $ticket{ $line->{TicketId} } or next;
		$line->{item} = $menu{ $line->{MenuItemId} } or next; # deleted since
		$line->{counts} = $odd_state{ $line->{Id} } // 1;
		$line->{total} = line_total($line);
		$line->{product} = Math::BigFloat->new($line->{Price}) * $line->{Quantity};
		push @lines, $line;
	}
	return @lines;
}

# course, name, portion, quantity, revenue, price_times_quantity; in no order
sub expected_sales
{
	my ($lines, $courses, $excluded, $by_portion) = @_;
	my (%shown, %row);
	for my $id (sort { $a <=> $b } keys %menu) { $shown{ fold($menu{$id}[0]) } //= $menu{$id}[0] if defined $menu{$id}[0] }
	for my $line (@$lines)
	{
		my ($course, undef, $group) = @{ $line->{item} };
		next unless grep { same($_, $course) } @$courses;
		next if ($group // '') =~ /\S/ && grep { same($_, $group) } @$excluded;
		my $portion = ($line->{PortionName} // '') =~ /[^ ]/ ? $line->{PortionName} : 'Normal';
		my $row = $row{ join "\0", fold($course), defined $line->{MenuItemName} ? 'x' . fold($line->{MenuItemName}) : '', $by_portion ? fold($portion) : () }
			//= { course => $shown{ fold($course) }, name => $line->{MenuItemName}, portion => $portion, map { $_ => Math::BigFloat->bzero } qw(lines quantity revenue product) };
		$row->{revenue} += $line->{total};
		next unless $line->{counts};
		$row->{lines}++;
		$row->{quantity} += $line->{Quantity};
		$row->{product} += $line->{product};
	}
	return map { [ $_->{course}, $_->{name}, $by_portion ? $_->{portion} : (), map { number("$_") } @$_{qw(quantity revenue product)} ] }
		grep { $_->{lines} > 0 || $_->{revenue} != 0 } values %row;
}

sub microseconds { my ($y, $mo, $d, $h, $mi, $s, $ms) = $_[0] =~ /^(\d+)-(\d+)-(\d+) (\d+):(\d+):(\d+)\.(\d+)/ or die; return timegm($s, $mi, $h, $d, $mo - 1, $y) * 1_000_000 + $ms * 1000 }
sub moment { my ($us) = @_; my @t = gmtime int($us / 1_000_000); return number(sprintf '%04d-%02d-%02d %02d:%02d:%02d.%06d', $t[5] + 1900, $t[4] + 1, @t[ 3, 2, 1, 0 ], $us % 1_000_000) }

sub mean { use integer; my ($sum, $n) = @_; return (2 * $sum + $n) / (2 * $n) }

sub covers_of
{
	my ($ticket) = @_;
	return $odd_covers{ $ticket->{Id} } if exists $odd_covers{ $ticket->{Id} };
	my ($tag) = grep { ($_->{TN} // '') eq 'Covers' } @{ parsed($ticket->{TicketTags}) // [] };
	my $said = $tag ? $tag->{TV} // '' : '';
	return $said =~ /^\s*[+-]?\d+\s*$/ && $said != 0 ? $said + 0 : undef;
}

sub expected_spend
{
	my ($lines, $courses, $food, $beverages) = @_;
	my (%table, %room, %spent);
	for my $entity (sort { $a->{Id} <=> $b->{Id} } raw('TicketEntities', qw(Id EntityTypeId EntityName Ticket_Id)))
	{
		my $ticket = $entity->{Ticket_Id} // next;
		$table{$ticket} //= [ $entity->{EntityName} ] if $entity->{EntityTypeId} == 2;
		$room{$ticket} //= $entity->{EntityName} if $entity->{EntityTypeId} == 3 && ($entity->{EntityName} // '') =~ /[^ ]/;
	}
	for my $line (grep { $_->{counts} } @$lines)
	{
		my ($course, $code) = @{ $line->{item} };
		my $of = $spent{ $line->{TicketId} } //= { ticket => $line->{ticket}, main => 0, times => [], map { $_ => Math::BigFloat->bzero } qw(food beverages food_product beverages_product) };
		$of->{main}++ if grep { same($_, $course) } @$courses;
		if (grep { same($_, $code) } @$food)
		{
			push @{ $of->{times} }, microseconds($line->{CreatedDateTime});
			$of->{food} += $line->{total};
			$of->{food_product} += $line->{product};
		}
		if (grep { same($_, $code) } @$beverages)
		{
			$of->{beverages} += $line->{total};
			$of->{beverages_product} += $line->{product};
		}
	}
	my @rows;
	for my $of (sort { $a->{ticket}{Date} cmp $b->{ticket}{Date} || $a->{ticket}{Id} <=> $b->{ticket}{Id} } values %spent)
	{
		my ($ticket, $n) = ($of->{ticket}, scalar @{ $of->{times} });
		next unless $of->{main} && $table{ $ticket->{Id} };
		my ($sum, $closed) = (0, number($ticket->{LastUpdateTime}));
		$sum += $_ for @{ $of->{times} };
		my $food_time = $n ? moment(mean($sum, $n)) : undef;
		push @rows, [ $ticket->{Id}, number($ticket->{Date}), $closed, $food_time, ($food_time // $closed) =~ s/.* //r, $ticket->{TicketTags}, $table{ $ticket->{Id} }[0],
			$room{ $ticket->{Id} }, (map { number("$_") } @$of{qw(food beverages food_product beverages_product)}), $of->{main}, covers_of($ticket) // $of->{main} ];
	}
	return @rows;
}

# ---- what the reports say ----

my $db = Harness::cluster()->database('shop');
$db->connect_till($till);
$db->run(q(SELECT FROM sambapos_add_site('shop', 'till', 'UTC')));

sub literal { my ($value) = @_; return 'NULL' unless defined $value; $value = '{' . join(',', map { '"' . s/(["\\])/\\$1/gr . '"' } @$value) . '}' if ref $value; return "'" . $value =~ s/'/''/gr . "'" }

# The rows of a question; named arguments as a hash. Numbers without trailing zeros.
sub ask
{
	my ($question, %arguments) = @_;
	my $sql = "SELECT to_jsonb(r) FROM sambapos_report.$question(" . join(', ', map { "$_ => " . literal($arguments{$_}) } sort keys %arguments) . ') AS r';
	utf8::encode($sql);
	return map { decoded($_) } split /\n/, $db->run($sql);
}

# to_jsonb sorts keys; the columns in the order of the contract come from here.
my %columns = (
	top_sellers => [qw(course menu_item_name quantity revenue price_times_quantity)],
	sales_breakdown => [qw(course menu_item_name portion_name quantity revenue price_times_quantity)],
	restaurant_spend => [qw(ticket_id ticket_date closed_at average_food_order_time ticket_time ticket_tags table_name room_name food_total beverage_total
			food_price_times_quantity beverage_price_times_quantity main_course_count covers)],
	menu_items_with_portions => [qw(menu_item_id menu_item_name group_code course portion_name price on_till_menu)]);
my $exact = JSON::PP->new->allow_bignum;
sub answer
{
	my ($question, %arguments) = @_;
	my @rows;
	for my $text (ask($question, %arguments))
	{
		my $row = $exact->decode($text);
		push @rows, [ map { my $v = $row->{$_}; !defined $v ? undef : ref $v eq 'Math::BigFloat' || $v =~ /^-?[\d.]+\z/ && /quantity|revenue|total|price/ ? number("$v") : ref $v ? "$v" : /_at$|_date$|_time$/ ? $v =~ s/T/ /r : $v } @{ $columns{$question} } ];
	}
	return @rows;
}

sub flat { return [ sort map { join ' | ', map { $_ // '(null)' } @$_ } @_ ] }
sub flat_in_order { return [ map { join ' | ', map { $_ // '(null)' } @$_ } @_ ] }

my @courses = ('mains', 'Drinks ', 'MAINS', 'starters', 'nowhere', 'desserts');
my @excluded = ('IZGARA', 'Bira', '', '  ');
sub compare
{
	my ($what, $lines, @sources) = @_;
	my @days = (site => 'shop', from_date => $from, to_date => $to, tags => 'current', courses => \@courses);
	my @sales = expected_sales($lines, \@courses, [], 0);
	my @kept = expected_sales($lines, \@courses, \@excluded, 0);
	my @portions = expected_sales($lines, \@courses, \@excluded, 1);
	my @spend = expected_spend($lines, \@courses, [ '4000', 'none' ], [ '4010 ', '4000', '4020' ]);
	my @mains = expected_spend($lines, ['Mains'], ['4000'], ['4010']);
	for my $source (@sources)
	{
		my $where = $source // 'the source left open';
		my @from = (@days, source => $source);
		my @all = answer('top_sellers', @from, per_course => 10000);
		is_deeply(flat(@all), flat(@sales), "$what: top_sellers, $where: " . @sales . ' products');
		is_deeply(flat(answer('top_sellers', @from, per_course => 10000, excluded_groups => \@excluded)), flat(@kept), "$what: top_sellers without groups, $where: " . @kept);
		for my $measure (qw(quantity revenue price_times_quantity))
		{
			my $column = { quantity => 2, revenue => 3, price_times_quantity => 4 }->{$measure};
			my @whole = answer('top_sellers', @from, per_course => 10000, order_by => $measure);
			my (@order, %seen, @disorder, @first, %taken);
			$seen{ fold($_->[0]) }++ or push @order, fold($_->[0]) for @whole;
			is_deeply(\@order, [qw(mains drinks starters desserts)], "$what: courses in the order asked, each once, $where, by $measure");
			for my $i (1 .. $#whole)
			{
				push @disorder, $whole[$i] if fold($whole[$i][0]) eq fold($whole[ $i - 1 ][0]) && $whole[$i][$column] > $whole[ $i - 1 ][$column];
			}
			is_deeply(\@disorder, [], "$what: the most first, $where, by $measure");
			$taken{ fold($_->[0]) }++ < 3 and push @first, $_ for @whole;
			is_deeply(flat_in_order(answer('top_sellers', @from, per_course => 3, order_by => $measure)), flat_in_order(@first), "$what: three a course, $where, by $measure");
		}
		is_deeply(flat(answer('sales_breakdown', @from, excluded_groups => \@excluded)), flat(@portions), "$what: sales_breakdown, $where: " . @portions);
		is_deeply(flat_in_order(answer('restaurant_spend', @from, food_codes => [ '4000', 'none' ], beverage_codes => [ '4010 ', '4000', '4020' ])), flat_in_order(@spend),
			"$what: restaurant_spend, $where: " . @spend . ' tickets');
		is_deeply(flat_in_order(answer('restaurant_spend', @from, courses => ['Mains'], food_codes => ['4000'], beverage_codes => ['4010'])), flat_in_order(@mains),
			"$what: restaurant_spend of one course, $where: " . @mains);
	}
	return { sales => \@sales, spend => \@spend };
}

# What is asked of the till while a question is live: queries, and the tables that they name.
sub asked_of
{
	my ($what, %arguments) = @_;
	my ($mark) = $till->sql('SELECT MAX(number) FROM till.requests') =~ /(\d+)/;
	ask($what, %arguments);
	my @queries = grep { /FROM \[dbo\]/ } split /\n/, $till->sql("SELECT sql FROM till.requests WHERE number > $mark AND application_name LIKE 'sambapos_fdw%' ORDER BY number");
	my %tables = map { $_ => 1 } map { /\[dbo\]\.\[(\w+)\]/g } @queries;
	return (scalar @queries, scalar keys %tables, @queries);
}

my @lines = lines("$from 00:00:00.000", "$after 00:00:00.000");
cmp_ok(scalar @lines, '>', 300, scalar(@lines) . ' lines on these days');
is($db->value(q(SELECT data_source FROM sambapos_report.connection('shop'))), 'live', 'a site that was never synced is read live');
compare('never synced', \@lines, 'live', undef);

my @arguments = (site => 'shop', from_date => $from, to_date => $to, courses => \@courses, source => 'live');
for my $question ([ 'top_sellers', @arguments ], [ 'sales_breakdown', @arguments ], [ 'restaurant_spend', @arguments, food_codes => ['4000'], beverage_codes => ['4010'] ],
	[ 'menu_items_with_portions', site => 'shop', source => 'live' ], [ 'gl_codes', site => 'shop', source => 'live' ])
{
	my ($queries, $tables, @sql) = asked_of(@$question);
	cmp_ok($queries, '>', 0, "$question->[0] asks the till");
	cmp_ok($queries, '<=', $tables, "$question->[0]: at most one query a table") or diag(join "\n", map { substr $_, 0, 300 } @sql);
}

$db->sync(q('shop', on_error => 'raise'));
compare('synced', \@lines, 'replica', 'live');

# ---- a reader ----

$db->run(q(CREATE ROLE kitchen; SELECT sambapos_grant('kitchen', 'reader'); GRANT USAGE ON SCHEMA sambapos_live_shop TO kitchen;
	GRANT SELECT ON ALL TABLES IN SCHEMA sambapos_live_shop TO kitchen));
my ($login, $secret) = map { s/'/''/gr } @$till{qw(username password)};
$db->run("CREATE USER MAPPING FOR kitchen SERVER till OPTIONS (username '$login', password '$secret')");
for my $source (qw(replica live))
{
	my $count = "SELECT count(*) FROM sambapos_report.restaurant_spend('shop', '$from', '$to', '{mains}', '{4000}', '{4010}', source => '$source')";
	my ($reader) = reverse map { $_->[0] } $db->rows("SET ROLE kitchen; $count");
	is($reader, $db->value($count), "a reader has the same answer: $source");
}
is($db->value(q(SET ROLE kitchen; SELECT ok FROM sambapos_report.connection('shop'))), 't', 'and may ask whether the till answers');
like(($db->error(q(REVOKE SELECT ON sambapos_live_shop.tickets FROM kitchen; SET ROLE kitchen;
	SELECT FROM sambapos_report.restaurant_spend('shop', '2026-03-03', '2026-03-03', '{mains}', '{4000}', '{4010}', source => 'live'))) // {})->{sqlstate}, qr/^42501$/, 'live needs the rights on the live tables');

# ---- lists ----

sub expected_list { my ($n) = @_; my %first; for my $id (sort { $a <=> $b } keys %menu) { my $v = $menu{$id}[$n] // next; $v =~ s/^ +| +$//g; $first{ fold($v) } //= $v if $v ne '' } return sort values %first }
for my $source (qw(replica live))
{
	my @from = (site => 'shop', source => $source);
	is_deeply([ sort map { s/^"|"$//gr } ask('group_codes', @from) ], [ expected_list(2) ], "group_codes, $source");
	is_deeply([ sort map { s/^"|"$//gr } ask('gl_codes', @from) ], [ expected_list(1) ], "gl_codes, $source");
	is_deeply([ sort map { $exact->decode($_)->{value} } ask('product_tag_values', @from, tag => 'COURSE') ], [ expected_list(0) ], "product_tag_values, $source");
	is_deeply([ map { s/^"|"$//gr } ask('product_tag_groups', @from) ], [qw(Course gl Other)], "product_tag_groups, $source");
	my (%portion, %price, %button);
	push @{ $portion{ $_->{MenuItemId} } }, $_ for sort { $a->{Id} <=> $b->{Id} } raw('MenuItemPortions', qw(Id Name MenuItemId));
	for (sort { $a->{Id} <=> $b->{Id} } raw('MenuItemPrices', qw(Id MenuItemPortionId PriceTag Price))) { $price{ $_->{MenuItemPortionId} } //= number($_->{Price}) if ($_->{PriceTag} // '') eq '' }
	$button{ $_->{MenuItemId} // 0 } = 1 for raw('ScreenMenuItems', qw(Id MenuItemId));
	my @expected;
	for my $item (sort { $a->{Id} <=> $b->{Id} } raw('MenuItems', qw(Id Name)))
	{
		my ($course, undef, $group) = @{ $menu{ $item->{Id} } };
		next unless ($course // '') =~ /\S/ && (same($course, 'drinks') || same($course, 'Mains'));
		push @expected, map { [ $item->{Id}, $item->{Name}, $group, $course, $_->{Name}, $price{ $_->{Id} }, $button{ $item->{Id} } ? 1 : 0 ] } @{ $portion{ $item->{Id} } };
	}
	is_deeply(flat_in_order(map { $_->[6] = $_->[6] ? 1 : 0; $_ } answer('menu_items_with_portions', @from, courses => [ 'Mains', 'DRINKS' ])), flat_in_order(@expected),
		"menu_items_with_portions, $source: " . @expected);
}

# ---- renamed, moved, deleted menu items ----

my @before = ([ answer('top_sellers', site => 'shop', from_date => $from, to_date => $to, courses => \@courses, per_course => 10000) ],
	[ answer('restaurant_spend', site => 'shop', from_date => $from, to_date => $to, courses => \@courses, food_codes => ['4000'], beverage_codes => ['4010']) ]);
my %sold;
$sold{ $_->{MenuItemId} }++ for grep { $_->{counts} && defined $_->{MenuItemName} && same($_->{item}[0], 'mains') } @lines;
my ($moved, $renamed, $deleted) = sort { $sold{$b} <=> $sold{$a} || $a <=> $b } keys %sold;
my ($last) = map { $_->{Id} } grep { $_->{MenuItemId} == $moved && $_->{counts} && defined $_->{MenuItemName} } reverse @lines;
change(qq(UPDATE MenuItems SET CustomTags = N'[{"TN":"Course","TV":"Starters"},{"TN":"GL","TV":"4010"}]', GroupCode = N'Moved' WHERE Id = $moved));
change("UPDATE MenuItems SET Name = N'Another name' WHERE Id = $renamed");
change("DELETE FROM MenuItems WHERE Id = $deleted");
$menu{$moved} = [ 'Starters', '4010', 'Moved' ];
delete $menu{$deleted};
$db->sync(q('shop', on_error => 'raise'));
my @after = ([ answer('top_sellers', site => 'shop', from_date => $from, to_date => $to, courses => \@courses, per_course => 10000) ],
	[ answer('restaurant_spend', site => 'shop', from_date => $from, to_date => $to, courses => \@courses, food_codes => ['4000'], beverage_codes => ['4010']) ]);
is_deeply(flat(@{ $after[0] }), flat(@{ $before[0] }), 'as_sold: what was sold before stays where it was: top_sellers');
is_deeply(flat(@{ $after[1] }), flat(@{ $before[1] }), 'as_sold: restaurant_spend');
ok(!(grep { ($_->[1] // '') eq 'Another name' } @{ $after[0] }), 'a line keeps the name that it was sold under');
@lines = lines("$from 00:00:00.000", "$after 00:00:00.000");
compare('moved and deleted', \@lines, 'replica', 'live');
is_deeply(flat(answer('top_sellers', @arguments, per_course => 10000)), flat(expected_sales(\@lines, \@courses, [], 0)), 'live, as sold: the history knows nothing, so it is as today');
change("UPDATE Orders SET CreatedDateTime = DATEADD(DAY, 1, GETDATE()) WHERE Id = $last; UPDATE Tickets SET LastUpdateTime = GETDATE() WHERE Id IN (SELECT TicketId FROM Orders WHERE Id = $last)");
$db->sync(q('shop', on_error => 'raise'));
@lines = lines("$from 00:00:00.000", "$after 00:00:00.000");
my ($line) = grep { $_->{Id} == $last } @lines;
if (ok($line, 'a line of the moved item on these days'))
{
	my ($is) = map { $_->[2] } grep { same($_->[0], 'starters') && same($_->[1], $line->{MenuItemName}) }
		answer('top_sellers', site => 'shop', from_date => $from, to_date => $to, courses => \@courses, per_course => 10000);
	is($is, number($line->{Quantity}), 'as_sold: what is sold after a move is where the item is now');
}

# ---- after a clear ----

my $expected = compare('before the clear', \@lines, 'replica');
# course, group and bar code as they were when sold are known here alone, and items were moved
my @compared = grep { $_ !~ /^(ticket_items|category_sales|sales)$/ } map { $_->[0] } $db->rows('SELECT view_name::text FROM sambapos._report_views() UNION ALL SELECT report FROM sambapos._report_compare_calls()');
is_deeply([ map { my $report = $_; map { "$report: " . join ' ', @$_ } $db->rows("SELECT found_in, left(difference::text, 200) FROM sambapos_compare_report('shop', '$report') LIMIT 2") } @compared ], [], 'sambapos_compare_report finds no difference in ' . @compared . ' reports');
cmp_ok(scalar(@compared), '>', 21, 'which are views and functions');
is($db->value(q{SELECT count(*) FROM (
	SELECT (d.difference - 'items')::text AS sale, (SELECT string_agg((i - 'sku')::text, ',' ORDER BY n) FROM jsonb_array_elements(d.difference -> 'items') WITH ORDINALITY AS x (i, n)) AS items
	FROM sambapos_compare_report('shop', 'sales') AS d GROUP BY 1, 2 HAVING count(*) FILTER (WHERE found_in = 'replica') <> count(*) FILTER (WHERE found_in = 'live')) AS x}), 0,
	'nor in sales, but for the bar code of an item as it was when sold');
my ($paid) = $till->sql('SELECT MAX(Id) FROM Payments') =~ /(\d+)/;
change("UPDATE Payments SET Amount = Amount + 1 WHERE Id = $paid; UPDATE MenuItems SET GroupCode = N'Elsewhere' WHERE Id = $moved");
is_deeply([ grep { $db->value("SELECT count(DISTINCT found_in) FROM sambapos_compare_report('shop', '$_')") ne '2' } qw(payments payments_by_type work_period_report menu_items category_sales menu_items_with_portions) ], [], 'and finds what there is');
change("UPDATE Payments SET Amount = Amount - 1 WHERE Id = $paid; UPDATE MenuItems SET GroupCode = N'Moved' WHERE Id = $moved");
$till->ctl('clear');
$db->sync(q('shop', on_error => 'raise'));
is($db->value(q(SELECT count(*) FROM sambapos_replica.tickets WHERE row_state <> 'cleared')), 0, 'the till was cleared');
my @cleared = (site => 'shop', from_date => $from, to_date => $to, tags => 'current', courses => \@courses);
is_deeply(flat(answer('top_sellers', @cleared, per_course => 10000)), flat(@{ $expected->{sales} }), 'after a clear the days before it are as they were: top_sellers');
is_deeply(flat_in_order(answer('restaurant_spend', @cleared, food_codes => [ '4000', 'none' ], beverage_codes => [ '4010 ', '4000', '4020' ])), flat_in_order(@{ $expected->{spend} }), 'restaurant_spend');
is_deeply([ answer('top_sellers', @cleared, source => 'live') ], [], 'the till has none of them');

# ---- old data, where the site wants fresh: never in silence ----

my $views = 'SELECT count(*) FROM sambapos_report.daily_sales; SELECT count(*) FROM sambapos_report.payments';
sub sold { my ($of) = @_; return "SELECT count(*) FROM sambapos_report.top_sellers('shop', '$of', '2099-12-31', '{x}')" }
sub warned { my ($sql) = @_; return ($db->psql($sql))[1] }
$db->run(q(UPDATE sambapos.site_state SET last_success_at = now() - interval '1 day'));
is(warned("$views; " . sold($from)), '', 'without the setting the age is in as_of');
$db->run(q(SELECT sambapos_configure('shop', 'live_fallback', 'stale')));
is(() = warned($views) =~ /WARNING: .*the report shows site "shop" as it was at \d{4}-[^\n]*: a view asks the till only while a site was never synced\n/g, 2, 'each view says that it is old, once');
like(warned("SELECT id FROM sambapos_report.$_ LIMIT 1"), qr/WARNING: .*the report shows site "shop" as it was at /, "$_ says so as well where one row is asked for") for qw(tickets payments);
like(warned(sold($from)), qr/WARNING: .*as it was at .*: the till no longer has all of these days\n/, 'a function says that the till cannot be asked');
is(warned("SELECT count(*) FROM sambapos_report.top_sellers('shop', '$from', '$to', '{x}')"), '', 'but not of days that have ended: they are what they were');
is(warned(sold('2090-01-01')), '', 'and asks it where it can');
$till->halt;
like(warned(sold('2090-01-01')), qr/WARNING: .*as it was at .*: the till does not answer: /, 'it says so when there is no answer');
$till->restart;
$db->run(q(SELECT sambapos_configure('shop', 'live_fallback', NULL)));

# ---- with a replica the till is not needed; it is said when it does not answer ----

$till->halt;
is_deeply(flat(answer('top_sellers', @cleared, per_course => 10000)), flat(@{ $expected->{sales} }), 'without the till');
my ($connection) = $db->rows(q(SELECT ok, message, data_source FROM sambapos_report.connection('shop')));
is_deeply([ @$connection[ 0, 2 ] ], [ 'f', 'replica' ], 'connection: it does not answer');
like($connection->[1], qr/^No answer from the till of site "shop", asked just now through server "till": /, 'and why');
$till->restart;
is($db->value(q(SELECT ok FROM sambapos_report.connection('shop'))), 't', 'connection: it answers again');
done_testing();
