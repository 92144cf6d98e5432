# Promise: what doc/reports.md shows of the questions of an application is what is answered: each statement, typed as it
# stands there, gives the output below it; each function of its kind has a section with its columns.
use strict;
use warnings;
use FindBin;
use lib $FindBin::Bin;
use Test::More;
use Harness;

my $till = Harness::till();
$till->ctl(qw(fill --tickets 240 --days 3 --seed 7 --until 2026-03-03));
# the courses and nominal codes of the example's menu: ten items a group
$till->sql(q(UPDATE MenuItems SET CustomTags = N'[{"TN":"Course","TV":"'
	+ CASE (Id - 1) / 10 WHEN 0 THEN N'Starters' WHEN 1 THEN N'Starters' WHEN 6 THEN N'Desserts' WHEN 7 THEN N'Drinks' WHEN 8 THEN N'Drinks' ELSE N'Mains' END
	+ N'"},{"TN":"GL","TV":"' + CASE WHEN (Id - 1) / 10 < 7 THEN N'4000' ELSE N'4010' END + N'"}]' WHERE (Id - 1) / 10 < 9));
my $db = Harness::cluster()->database('shop');
$db->connect_till($till);
$db->run(q(ALTER SERVER till RENAME TO hotel; SELECT FROM sambapos_add_site('hotel', 'hotel', 'UTC')));
$db->sync(q('hotel', on_error => 'raise'));

my $page = Harness::command('cat', "$Harness::root/doc/reports.md");
my ($section) = $page =~ /^(## Questions of an application\n.*?)(?=^## |\z)/ms or die 'doc/reports.md has no questions of an application';
my @examples = $section =~ /^```sql\n(.*?)^```\n\n^```text\n(.*?)^```$/msg;
cmp_ok(@examples / 2, '==', (() = $section =~ /^```sql$/mg), 'each statement has its output');

sub typed
{
	my ($sql) = @_;
	local @ENV{ keys %{ $db->{cluster}{environment} } } = values %{ $db->{cluster}{environment} };
	IPC::Run::run([ qw(psql -X -q -P pager=off -d), $db->{name}, '-f', '-' ], '<', \$sql, '>', \my $output, '2>', \my $errors);
	return $output . $errors;
}

sub plain { my ($text) = @_; return $text =~ s/[ \t]+$//mgr =~ s/^(-\[ RECORD \d+ \]-)-*/$1/mgr =~ s/\n+\z/\n/r } # psql versions draw the line differently

while (my ($sql, $output) = splice @examples, 0, 2)
{
	is(plain(typed($sql)), plain($output), (split /\n/, $sql)[0]);
}

# Each function of the extension in sambapos_report, and each of its columns.
for my $function ($db->rows(q(SELECT p.proname, p.oid::regprocedure, array_to_string(p.proargnames[p.pronargs + 1:], ' '), array_to_string(p.proargnames[:p.pronargs], ' ')
	FROM pg_proc AS p JOIN pg_depend AS d ON d.classid = 'pg_proc'::regclass AND d.objid = p.oid AND d.deptype = 'e'
	WHERE p.pronamespace = 'sambapos_report'::regnamespace AND p.proname IN ('top_sellers', 'sales_breakdown', 'restaurant_spend', 'menu_items_with_portions', 'product_tag_values',
		'product_tag_groups', 'group_codes', 'gl_codes', 'connection'))))
{
	my ($name, $signature, $columns, $arguments) = @$function;
	my ($call) = $section =~ /`sambapos_report\.\Q$name\E\((.*?)\)`/s;
	is(join(' ', map { /^(\w+)/ } split /,\s*/, $call // ''), $arguments, "$name: its arguments");
	is(join(' ', grep { $section !~ /`(?:[^`]*[ ,])?\Q$_\E[ ,`]/ } split / /, $columns), '', "$name: its columns");
}
done_testing();
