# What the reports must say, from the rows of the till as T-SQL gives them. Shares no code with the product: amounts are
# integers here (ten millionths), days are text, JSON is read by Perl.
#
#   my $life = Reports::rows($till);                  the till's rows at this moment: one life of its ids
#   my $expected = Reports::reports([$life, ...], %rule)   { report => [ row, ... ] }, each row a text
#   my @lines = Reports::slip($life, $work_period)
package Reports;
use strict;
use warnings;
use JSON::PP ();
use Math::BigRat;

my $unit = 10_000_000;
my %columns = (
	Tickets => 'Id,TicketNumber,Date,LastPaymentDate,IsClosed,TotalAmount,DepartmentId,TicketTypeId,LastModifiedUserName,TicketTags,TicketStates,TaxIncluded,TransactionDocument_Id',
	TicketEntities => 'Id,EntityTypeId,EntityName,Ticket_Id',
	Orders => 'Id,TicketId,DepartmentId,MenuItemId,MenuItemName,PortionName,Price,Quantity,CalculatePrice,DecreaseInventory,IncreaseInventory,CreatingUserName,CreatedDateTime,Taxes,OrderTags,OrderStates',
	Payments => 'Id,TicketId,PaymentTypeId,Name,Date,Amount,UserId,AccountTransaction_Id',
	ChangePayments => 'Id,TicketId,Date,Amount',
	Calculations => 'Id,TicketId,Name,Order,CalculationTypeId,CalculationType,IncludeTax,Amount,CalculationAmount,LastUpdatedUser',
	AccountTransactionDocuments => 'Id,Date,Name',
	AccountTransactions => 'Id,AccountTransactionDocumentId,Amount,AccountTransactionTypeId,SourceAccountTypeId,TargetAccountTypeId,IsReversed,Name',
	AccountTransactionValues => 'Id,AccountTransactionId,AccountTransactionDocumentId,AccountTypeId,AccountId,Date,Debit,Credit,Exchange,Name',
	WorkPeriods => 'Id,StartDate,EndDate',
	Accounts => 'Id,Name', AccountTransactionTypes => 'Id,Name,SourceAccountTypeId,TargetAccountTypeId',
	PaymentTypes => 'Id,Name,AccountTransactionType_Id,Account_Id', CalculationTypes => 'Id,Name', TicketTypes => 'Id,Name',
	Departments => 'Id,Name', Users => 'Id,Name', TaxTemplates => 'Id,Name,Rate,AccountTransactionType_Id',
	MenuItems => 'Id,GroupCode,Barcode,CustomTags,Name', MenuItemPortions => 'Id,MenuItemId,Name', MenuItemPrices => 'Id,MenuItemPortionId,PriceTag,Price',
	States => 'Id,GroupName,Name,ShowOnEndOfDayReport', TicketTagGroups => 'Id,Name,DataType');

sub unescape { my ($text) = @_; return undef if $text eq '\N'; my %of = (t => "\t", n => "\n", r => "\r", '\\' => '\\'); $text =~ s/\\([tnr\\])/$of{$1}/g; return $text }

sub rows
{
	my ($till) = @_;
	my %life;
	for my $table (keys %columns)
	{
		my @names = split /,/, $columns{$table};
		for my $line (split /\n/, $till->ctl('dump', $table, '--columns', $columns{$table}))
		{
			my %row;
			@row{@names} = map { unescape($_) } split /\t/, $line, -1;
			push @{ $life{$table} }, \%row;
		}
		@{ $life{$table} } = sort { $a->{Id} <=> $b->{Id} } @{ $life{$table} // [] };
	}
	return \%life;
}

# ---- values ----

sub amount { my ($text) = @_; my ($sign, $whole, $rest) = ($text // '0') =~ /^(-?)(\d*)\.?(\d*)$/ or die $text; return ($sign ? -1 : 1) * (($whole || 0) * $unit + substr($rest . '0' x 7, 0, 7)) }
sub shown { my ($n) = @_; my $text = sprintf '%s%d.%07d', $n < 0 ? '-' : '', int(abs($n) / $unit), abs($n) % $unit; $text =~ s/\.?0+$//; return $text eq '-0' ? '0' : $text }
sub number { my ($n) = @_; return amount(sprintf '%.4f', $n // 0) }
sub product { my ($n, $m) = @_; return $n * ($m / 10_000) / 1_000 }    # $n in units, $m of at most three decimals

sub json
{
	my ($text) = @_;
	return [] if !defined $text || $text eq '';
	my $parser = JSON::PP->new->utf8->allow_nonref;
	my $value = eval { $parser->decode($text) } // eval { $parser->decode($text =~ s/\r/\\r/gr =~ s/\n/\\n/gr =~ s/\t/\\t/gr) };
	return $value;
}
sub list { my ($text) = @_; my $value = json($text); return ref $value eq 'ARRAY' ? $value : [] }
sub bytes { my ($text) = @_; return undef unless defined $text; utf8::encode($text) if utf8::is_utf8($text); return $text }
sub flagged { my ($tag, $flag) = @_; return ref $tag->{$flag} && $tag->{$flag} ? 1 : 0 }

# What modifiers add to the price of one.
sub modifiers { my ($order, $which) = @_; my $sum = 0; $sum += number($_->{PR} // 0) / 100 * number($_->{Q} // 0) / ($unit / 100) for grep { !$which || $which->($_) } @{ list($order->{OrderTags}) }; return $sum }
sub value { my ($order) = @_; return product(amount($order->{Price}) + modifiers($order), amount($order->{Quantity})) }
sub total { my ($order) = @_; return $order->{CalculatePrice} ? value($order) : 0 }
sub is_void { my ($o) = @_; return !$o->{CalculatePrice} && !$o->{DecreaseInventory} && !$o->{IncreaseInventory} }
sub is_gift { my ($o) = @_; return !$o->{CalculatePrice} && $o->{DecreaseInventory} }
sub row { return join ' | ', map { $_ // '~' } @_ }
sub by { my ($rows, $column) = @_; my %by; $by{ $_->{$column} } = $_ for @{ $rows // [] }; return \%by }
sub groups { my ($rows, $column) = @_; my %by; push @{ $by{ $_->{$column} // '' } }, $_ for @{ $rows // [] }; return \%by }
sub name { my ($masters, $id) = @_; return defined $id && $masters->{$id} ? $masters->{$id}{Name} : undef }
sub stamp { my ($text) = @_; return $text }

# ---- by business day ----

sub day
{
	my ($life, $ticket, $rule) = @_;
	my $moment = $rule->{by} eq 'payment' ? $ticket->{LastPaymentDate} : $ticket->{Date};
	if ($rule->{end} eq 'work_period')
	{
		my @began = grep { $_ le $moment } sort map { $_->{StartDate} } @{ $rule->{periods} };
		$moment = $began[-1] if @began;
	}
	return substr $moment, 0, 10;
}

# Prepared once a life: children by ticket, ledger by document, names.
sub prepare
{
	my ($life) = @_;
	return $life->{prepared} //= {
		orders => groups($life->{Orders}, 'TicketId'), payments => groups($life->{Payments}, 'TicketId'), changes => groups($life->{ChangePayments}, 'TicketId'),
		calculations => groups($life->{Calculations}, 'TicketId'), entities => groups($life->{TicketEntities}, 'Ticket_Id'),
		ledger => groups($life->{AccountTransactions}, 'AccountTransactionDocumentId'), ticket_of => by([ grep { defined $_->{TransactionDocument_Id} } @{ $life->{Tickets} } ], 'TransactionDocument_Id'),
		ticket => by($life->{Tickets}, 'Id'), documents => by($life->{AccountTransactionDocuments}, 'Id'),
		values => groups([ map { { %$_, key => "$_->{AccountTransactionDocumentId} $_->{AccountTransactionId}" } } @{ $life->{AccountTransactionValues} } ], 'key') };
}

sub tax { my ($transaction) = @_; return ($transaction->{IsReversed} ? -1 : 1) * amount($transaction->{Amount}) }

# The change of a ticket belongs to the last payment made until then.
sub change_given
{
	my ($p, $payments, $changes) = @_;
	my $sum = 0;
	for my $change (@{ $changes // [] })
	{
		my ($of) = sort { $b->{Date} cmp $a->{Date} || $b->{Id} <=> $a->{Id} } grep { $_->{Date} le $change->{Date} } @$payments;
		$sum += amount($change->{Amount}) if ($of // $payments->[0])->{Id} == $p->{Id};
	}
	return $sum;
}

# Money that came to where payments go, from elsewhere, without a payment.
sub settlements
{
	my ($life, $m) = @_;
	my $p = prepare($life);
	my %money = map { $_->{AccountTypeId} => 1 } grep { my $v = $_; grep { defined $_->{Account_Id} && $_->{Account_Id} == $v->{AccountId} } values %{ $m->{PaymentTypes} } } @{ $life->{AccountTransactionValues} };
	my %paid = map { ($_->{AccountTransaction_Id} // 0) => 1 } @{ $life->{Payments} };
	my %own = map { ($_->{AccountTransactionType_Id} // 0) => 1 } values %{ $m->{PaymentTypes} };
	return grep {
		my $kind = $m->{AccountTransactionTypes}{ $_->{AccountTransactionTypeId} };
		!$paid{ $_->{Id} } && ($own{ $kind->{Id} } || ($money{ $kind->{TargetAccountTypeId} } && !$money{ $kind->{SourceAccountTypeId} }))
	} @{ $life->{AccountTransactions} };
}

sub masters { my ($life) = @_; return { map { $_ => by($life->{$_}, 'Id') } qw(Accounts AccountTransactionTypes PaymentTypes CalculationTypes TicketTypes Departments Users TaxTemplates MenuItems) } }

# Of several lives the masters of the last one hold.
sub reports
{
	my ($lives, %rule) = @_;
	%rule = (by => 'ticket', end => 'midnight', currency => undef, %rule);
	my $m = masters($lives->[-1]);
	my %tax = map { $_->{AccountTransactionType_Id} => $_ } values %{ $m->{TaxTemplates} };
	my (%r, %day, %type, %category, %taxes, %broken, %balance, %alive);
	$rule{periods} = [ map { @{ $_->{WorkPeriods} } } @$lives ];
	for my $life (@$lives)
	{
		my $p = prepare($life);
		for my $t (@{ $life->{Tickets} })
		{
			my $id = $t->{Id};
			my $day = day($life, $t, \%rule);
			my $head = row($id, $t->{TicketNumber}, $day);
			my @orders = @{ $p->{orders}{$id} // [] };
			my @payments = @{ $p->{payments}{$id} // [] };
			my $counts = !$rule{closed} || $t->{IsClosed};
			my ($table) = grep { $_->{EntityTypeId} == 2 } @{ $p->{entities}{$id} // [] };
			my ($room) = grep { $_->{EntityTypeId} == 3 } @{ $p->{entities}{$id} // [] };
			my ($guest) = grep { $_->{EntityTypeId} != 2 && $_->{EntityTypeId} != 3 } @{ $p->{entities}{$id} // [] };
			push @{ $r{tickets} }, row($head, shown(amount $t->{TotalAmount}), name($m->{TicketTypes}, $t->{TicketTypeId}), name($m->{Departments}, $t->{DepartmentId}),
				(@payments ? name($m->{Users}, $payments[0]{UserId}) : undef) // $t->{LastModifiedUserName}, map { $_ && $_->{EntityName} } $guest, $table, $room);
			$broken{"tickets.$_->[0]"}++ for grep { !defined json($_->[1]) } [ ticket_tags => $t->{TicketTags} ], [ ticket_states => $t->{TicketStates} ];
			my $plain = 0;
			$plain += total($_) for @orders;
			my ($discount, $service, $tax) = (0, 0, 0);
			for my $c (@{ $p->{calculations}{$id} // [] })
			{
				($c->{IncludeTax} ? $service : $discount) += amount($c->{CalculationAmount});
				push @{ $r{discounts} }, row($head, $c->{Id}, name($m->{CalculationTypes}, $c->{CalculationTypeId}) // $c->{Name},
					$c->{CalculationType} < 2 ? shown(amount $c->{Amount}) : undef, shown(amount $c->{CalculationAmount}), $c->{LastUpdatedUser}) if $counts && !$c->{IncludeTax};
			}
			for my $o (@orders)
			{
				my $item = $m->{MenuItems}{ $o->{MenuItemId} };
				my ($gl) = map { bytes($_->{TV}) } grep { ($_->{TN} // '') eq 'GL' } $item ? @{ list($item->{CustomTags}) } : ();
				push @{ $r{ticket_items} }, row($head, $o->{Id}, $o->{MenuItemName}, $o->{PortionName}, $item && $item->{Barcode}, $item && $item->{GroupCode}, $gl,
					(map { shown(amount $_) } @$o{qw(Quantity Price)}), shown(modifiers($o)), shown(total($o)), map { $_ ? 't' : 'f' } is_void($o), is_gift($o), $o->{IncreaseInventory});
				push @{ $r{voids_and_gifts} }, row($head, $o->{Id}, is_void($o) ? 'void' : 'gift', $o->{MenuItemName}, shown(amount $o->{Quantity}), shown(value($o)),
					[ map { bytes($_->{SV}) } grep { ($_->{SV} // '') =~ /\S/ } @{ list($o->{OrderStates}) } ]->[0]) if $counts && (is_void($o) || is_gift($o));
				my $tags = json($o->{OrderTags});
				my $n = 0;
				push @{ $r{order_tags} }, !defined $tags ? row($head, $o->{Id}, (undef) x 6, 'unread')
					: map { row($head, $o->{Id}, ++$n, (map { bytes($_) } @$_{qw(TN TV)}), shown(number $_->{PR}), shown(number $_->{Q}),
						shown($o->{CalculatePrice} ? product(number($_->{PR}) / 100 * number($_->{Q}) / ($unit / 100), amount $o->{Quantity}) : 0), undef) } @$tags;
				$broken{"orders.$_->[0]"}++ for grep { !defined json($_->[1]) } [ order_tags => $o->{OrderTags} ], [ order_states => $o->{OrderStates} ], [ taxes => $o->{Taxes} ];
				next unless $counts;
				my $c = $category{ row($day, $item && defined $item->{GroupCode} && $item->{GroupCode} =~ /\S/ ? $item->{GroupCode} : undef) } //= { quantity => 0, total => 0, discount => Math::BigRat->new(0) };
				$c->{quantity} += amount($o->{Quantity}) if $o->{DecreaseInventory} || $o->{IncreaseInventory};
				$c->{total} += total($o);
				$c->{discount} += Math::BigRat->new(total($o)) * $discount / $plain if $discount && $plain;
			}
			my %borne;
			for my $x (grep { $tax{ $_->{AccountTransactionTypeId} } && amount($_->{Amount}) } @{ $p->{ledger}{ $t->{TransactionDocument_Id} // -1 } // [] })
			{
				$tax += tax($x);
				my $of = $taxes{ row($day, $tax{ $x->{AccountTransactionTypeId} }{Name}, shown(amount $tax{ $x->{AccountTransactionTypeId} }{Rate})) } //= { tickets => 0, amount => 0 };
				$of->{amount} += tax($x) if $counts;
				$of->{tickets}++ if $counts && !$borne{ $x->{AccountTransactionTypeId} }++;
			}
			for my $y (@payments)
			{
				my $kind = name($m->{PaymentTypes}, $y->{PaymentTypeId}) // '';
				my $change = change_given($y, \@payments, $p->{changes}{$id});
				push @{ $r{payments} }, row($t->{TicketNumber}, $day, $kind, $y->{Date}, shown(amount $y->{Amount}), shown($change), 'f', $y->{Name}, undef);
				next unless $counts;
				my $of = $type{ row($day, $kind) } //= [ 0, 0, 0 ];
				$of->[0]++; $of->[1] += amount($y->{Amount}); $of->[2] += $change;
			}
			next unless $counts && (@orders || amount $t->{TotalAmount});
			my $d = $day{$day} //= { map { $_ => 0 } qw(tickets total refunds net tax discounts service gifts voids) };
			my $total = amount $t->{TotalAmount};
			$d->{tickets}++; $d->{total} += $total; $d->{refunds} += $total if $total < 0;
			$d->{net} += $total - $tax - $service; $d->{tax} += $tax; $d->{discounts} += $discount; $d->{service} += $service;
			$d->{gifts} += value($_) for grep { is_gift($_) } @orders;
			$d->{voids} += value($_) for grep { is_void($_) } @orders;
		}
		for my $x (settlements($life, $m))
		{
			my $kind = $m->{AccountTransactionTypes}{ $x->{AccountTransactionTypeId} };
			my @values = @{ $p->{values}{"$x->{AccountTransactionDocumentId} $x->{Id}"} };
			my ($here) = grep { $_->{AccountTypeId} == $kind->{TargetAccountTypeId} } @values;
			my ($there) = grep { $_->{AccountTypeId} == $kind->{SourceAccountTypeId} } @values;
			my $sum = amount($here->{Debit}) - amount($here->{Credit}) or next;
			my $ticket = $p->{ticket_of}{ $x->{AccountTransactionDocumentId} };
			my $day = day($life, { Date => $here->{Date}, LastPaymentDate => $here->{Date} }, \%rule);
			push @{ $r{payments} }, row($ticket && $ticket->{TicketNumber}, $day, $kind->{Name}, $here->{Date}, shown($sum), 0, 't', map { name($m->{Accounts}, $_->{AccountId}) } $here, $there);
			my $of = $type{ row($day, $kind->{Name}) } //= [ 0, 0, 0 ];
			$of->[0]++; $of->[1] += $sum;
		}
		for my $x (@{ $life->{AccountTransactions} })
		{
			my $ticket = $p->{ticket_of}{ $x->{AccountTransactionDocumentId} };
			my %account = map { $_->{AccountTypeId} => $_->{AccountId} } reverse @{ $p->{values}{"$x->{AccountTransactionDocumentId} $x->{Id}"} };
			my ($payment) = $ticket ? grep { ($_->{AccountTransaction_Id} // 0) == $x->{Id} } @{ $p->{payments}{ $ticket->{Id} } // [] } : ();
			my $is_tax = $tax{ $x->{AccountTransactionTypeId} };
			push @{ $r{transactions} }, row($x->{Id}, $p->{documents}{ $x->{AccountTransactionDocumentId} }{Date}, name($m->{AccountTransactionTypes}, $x->{AccountTransactionTypeId}),
				$ticket && $ticket->{TicketNumber}, shown($is_tax ? 0 : tax($x)), shown($is_tax ? tax($x) : 0), shown(tax($x)),
				(map { name($m->{Accounts}, $account{ $x->{$_} }) } qw(TargetAccountTypeId SourceAccountTypeId)), ($payment ? name($m->{Users}, $payment->{UserId}) : undef) // ($ticket && $ticket->{LastModifiedUserName}));
		}
		for my $v (@{ $life->{AccountTransactionValues} })
		{
			$balance{ $v->{AccountId} } += amount($v->{Debit}) - amount($v->{Credit});
			$alive{ $v->{AccountId} } += amount($v->{Debit}) - amount($v->{Credit}) if $life == $lives->[-1];
		}
		push @{ $r{work_periods} }, map { row($_->{Id}, $_->{StartDate}, $_->{StartDate} eq $_->{EndDate} ? ('t', undef) : ('f', $_->{EndDate})) } @{ $life->{WorkPeriods} };
	}
	my $portions = groups($lives->[-1]{MenuItemPortions}, 'MenuItemId');
	my $prices = groups([ grep { ($_->{PriceTag} // '') !~ /\S/ } @{ $lives->[-1]{MenuItemPrices} } ], 'MenuItemPortionId');
	for my $item (values %{ $m->{MenuItems} })
	{
		$broken{'menu_items.custom_tags'}++ unless defined json($item->{CustomTags});
		my @portions = @{ $portions->{ $item->{Id} } // [] };
		my $price = @portions && $prices->{ $portions[0]{Id} };
		push @{ $r{menu_items} }, row($item->{Id}, $item->{Name}, $item->{Barcode}, scalar @portions, @portions ? $portions[0]{Name} : undef, $price ? shown(amount $price->[0]{Price}) : undef);
	}
	push @{ $r{accounts} }, row($_->{Id}, $_->{Name}, shown($alive{ $_->{Id} } // 0), shown($balance{ $_->{Id} } // 0)) for values %{ $m->{Accounts} };
	$r{daily_sales} = [ map { my $d = $day{$_}; row($_, $d->{tickets}, map { shown($d->{$_}) } qw(total refunds net tax discounts service gifts voids)) } keys %day ];
	$r{payments_by_type} = [ map { row($_, $type{$_}[0], shown($type{$_}[1]), shown($type{$_}[2])) } keys %type ];
	$r{category_sales} = [ map { my $c = $category{$_}; row($_, shown($c->{quantity}), shown($c->{total}), cents($c->{discount}), cents($c->{discount} + $c->{total})) } keys %category ];
	$r{taxes} = [ map { row($_, $taxes{$_}{tickets}, shown($taxes{$_}{amount})) } grep { $taxes{$_}{tickets} } keys %taxes ];
	$r{json_problems} = [ map { row($_, $broken{$_}) } keys %broken ];
	return { map { $_ => [ sort @{ $r{$_} // [] } ] } keys %r };
}

# A fraction of units, rounded to cents, halves away from zero.
sub cents { my ($x) = @_; $x = Math::BigRat->new($x) * 100 / $unit; my $sign = $x < 0 ? -1 : 1; my $n = (abs($x) + Math::BigRat->new('1/2'))->bfloor->numify * $sign; return shown($n * $unit / 100) }
sub half_even { my ($x) = @_; $x = $x * 100; my $low = $x->copy->bfloor; my $rest = $x - $low; my $half = Math::BigRat->new('1/2'); my $n = $rest < $half || ($rest == $half && $low->numify % 2 == 0) ? $low->numify : $low->numify + 1; return Math::BigRat->new("$n/100") }
sub away { my ($x) = @_; my $n = (abs($x) * 100 + Math::BigRat->new('1/2'))->bfloor->numify * ($x < 0 ? -1 : 1); return Math::BigRat->new("$n/100") }

# ---- the slip: EndDayReportViewModel, once more ----

sub slip
{
	my ($life, $period) = @_;
	my $m = masters($life);
	my $p = prepare($life);
	my $R = sub { Math::BigRat->new($_[0] // 0) };
	my ($w) = grep { $_->{Id} == $period } @{ $life->{WorkPeriods} };
	my @tickets = grep { $_->{LastPaymentDate} ge $w->{StartDate} && ($w->{StartDate} eq $w->{EndDate} || $_->{LastPaymentDate} lt $w->{EndDate}) } @{ $life->{Tickets} };
	my @lines;
	my $say = sub { my ($section, $line, $quantity, $percent, $amount) = @_; push @lines, row($section, $line, $quantity, defined $percent ? cents($percent * $unit) : undef, defined $amount ? cents($amount * $unit) : undef) };
	for my $t (@tickets)
	{
		my $orders = $t->{orders} = $p->{orders}{ $t->{Id} } // [];
		$t->{plain} = $R->(0);
		$t->{plain} += $R->(total($_)) / $unit for @$orders;
		$t->{pre} = $R->(0); $t->{post} = $R->(0); $t->{taxes} = {};
		($_->{IncludeTax} ? $t->{post} : $t->{pre}) += $R->($_->{CalculationAmount}) for @{ $p->{calculations}{ $t->{Id} } // [] };
		my $sum = $R->(0);
		for my $o (grep { $_->{CalculatePrice} } @$orders)
		{
			my @taxes = @{ list($o->{Taxes}) };
			my $rates = 0;
			$rates += $_->{TR} for @taxes;
			my $price = $R->($o->{Price}) + $R->(modifiers($o, sub { !flagged($_[0], 'TF') })) / $unit;
			$price += $price * $t->{pre} / $t->{plain} if $t->{pre} != 0;
			for my $tax (@taxes)
			{
				my $one = $t->{TaxIncluded} && $rates > 0 ? $price * $R->($tax->{TR}) / (100 + $rates) : $tax->{TR} > 0 ? $price * $R->($tax->{TR}) / 100 : $R->(0);
				$sum += $one * $R->($o->{Quantity});
				($t->{taxes}{ $tax->{AT} } //= $R->(0)) += $one * $R->($o->{Quantity});
			}
		}
		$t->{tax} = half_even($sum);
		$t->{sum} = $t->{plain} + $t->{pre} + ($t->{TaxIncluded} ? 0 : $t->{tax}) + $t->{post};
	}
	my $sum = sub { my ($what, @of) = @_; my $sum = $R->(0); $sum += ref $what ? $what->($_) : $_->{$what} for @of; return $sum };
	my $in_order = sub { my ($key, @of) = @_; my (%groups, @keys); for (@of) { my $k = $key->($_); push @keys, $k unless $groups{$k}; push @{ $groups{$k} }, $_ } return map { [ $_, @{ $groups{$_} } ] } @keys };
	my @calculations = sort { $a->{Order} <=> $b->{Order} } map { @{ $p->{calculations}{ $_->{Id} } // [] } } @tickets;
	my $calculated = sub { my ($section, $include_tax) = @_; $say->($section, name($m->{CalculationTypes}, shift @$_) // '[Undefined]', undef, undef, $sum->(sub { $R->($_[0]{CalculationAmount}) }, @$_)) for $in_order->(sub { $_[0]{CalculationTypeId} }, grep { $_->{IncludeTax} == $include_tax } @calculations) };
	for (([ 'Sales', grep { $_->{TotalAmount} >= 0 } @tickets ], [ 'Returns', grep { $_->{TotalAmount} < 0 } @tickets ]))
	{
		my ($section, @of) = @$_;
		next if $section eq 'Returns' && !@of;
		my $net = sub { $_[0]{sum} - $_[0]{tax} - $_[0]{post} };
		my @types = $in_order->(sub { $_[0]{TicketTypeId} }, @of);
		my ($amount, $pre, $tax, $post) = ($sum->($net, @of), map { $sum->($_, @of) } qw(pre tax post));
		for (@types > 1 ? @types : ()) { my ($id, @in) = @$_; $say->($section, name($m->{TicketTypes}, $id), undef, undef, $sum->($net, @in)) }
		if ($pre != 0) { $say->($section, uc "$section TOTAL", undef, undef, $amount - $pre); $calculated->($section, 0) }
		$say->($section, uc "$section TOTAL", undef, undef, $amount);
		$calculated->($section, 1) if $post != 0;
		if ($tax != 0)
		{
			$say->($section, 'SUB TOTAL', undef, undef, $amount + $post);
			for my $template (sort { $a->{Id} <=> $b->{Id} } values %{ $m->{TaxTemplates} })
			{
				$say->($section, $template->{Name}, undef, undef, $sum->(sub { away($_[0]{taxes}{ $template->{AccountTransactionType_Id} } // $R->(0)) }, @tickets));
			}
			$say->($section, 'TAX TOTAL', undef, undef, $tax);
		}
		$say->($section, 'GRAND TOTAL', undef, undef, $amount + $tax + $post) if $tax != 0 || $post != 0;
	}
	my @payments = map { my $t = $_; map { { %$_, ticket_type => $t->{TicketTypeId} } } @{ $p->{payments}{ $t->{Id} } // [] } } @tickets;
	my $paid = sub { $R->($_[0]{Amount}) };
	my $incomes = sub {
		my ($section, $key, @of) = @_;
		my $all = $sum->($paid, @of);
		for ($in_order->($key, @of)) { my ($name, @in) = @$_; my $amount = $sum->($paid, @in); $say->($section, $name, undef, $all > 0 ? $amount * 100 / $all : $R->(0), $amount) }
		return $all;
	};
	my $type = sub { name($m->{PaymentTypes}, $_[0]{PaymentTypeId}) // '' };
	$say->('Incomes', 'TOTAL INCOME', undef, undef, $incomes->('Incomes', $type, grep { $_->{Amount} >= 0 } @payments));
	my @refunds = grep { $_->{Amount} < 0 } @payments;
	$say->('Refunds', 'TOTAL REFUND', undef, undef, $incomes->('Refunds', $type, @refunds)) if @refunds;
	my @orders = map { @{ $_->{orders} } } @tickets;
	$say->('General Information', 'Extra Item Properties', undef, undef, $sum->(sub { $R->(modifiers($_[0], sub { !flagged($_[0], 'AP') })) / $unit * $R->($_[0]{Quantity}) }, @orders));
	$say->('General Information', 'Discounts Total', undef, undef, abs($sum->('pre', @tickets)));
	my @types = $in_order->(sub { $_[0]{TicketTypeId} }, @tickets);
	if (@types > 1) { $say->('General Information', name($m->{TicketTypes}, $_->[0]), @$_ - 1) for @types }
	$say->('Orders', 'Order Count', scalar @orders);
	my $is_shown = sub { my ($sn, $s) = @_; return grep { $_->{ShowOnEndOfDayReport} && (($_->{Name} // '') eq $s || ($_->{GroupName} // '') eq $sn) } @{ $life->{States} } };
	my $state = sub { my ($s) = @_; return join "\0", map { bytes($s->{$_}) // '' } qw(SN S SV) };
	my (%order_key, @order_states);
	for my $s (map { @{ list($_->{OrderStates}) } } @orders) { my $key = $state->($s); next if defined $order_key{$key}; $order_key{$key} = bytes($s->{OK}) // ''; push @order_states, $key }
	for my $key (sort { $order_key{$a} cmp $order_key{$b} || (split /\0/, $a, -1)[2] cmp (split /\0/, $b, -1)[2] } @order_states)
	{
		my ($sn, $s, $sv) = split /\0/, $key, -1;
		next unless $is_shown->($sn, $s);
		my @in = grep { grep { $state->($_) eq $key } @{ list($_->{OrderStates}) } } @orders;
		$say->('Orders', "$s $sv" =~ s/ +$//r, scalar @in, undef, $sum->(sub { $R->(value($_[0])) / $unit }, @in));
	}
	my $ticket_state = sub { my ($s) = @_; return join "\0", map { bytes($s->{$_}) // '' } qw(SN S) };
	for ($in_order->($ticket_state, map { @{ list($_->{TicketStates}) } } @tickets))
	{
		my $key = $_->[0];
		my ($sn, $s) = split /\0/, $key, -1;
		next unless $is_shown->($sn, $s);
		my @in = grep { grep { $ticket_state->($_) eq $key } @{ list($_->{TicketStates}) } } @tickets;
		$say->('Tickets', $s, scalar @in, undef, $sum->('sum', @in));
	}
	$say->('Tickets', 'Ticket Count', scalar @tickets);
	$say->('Tickets', 'Sales Total / Ticket', undef, undef, @tickets ? $sum->('sum', @tickets) / @tickets : $R->(0));
	for (@types > 1 ? @types : ())
	{
		my ($id, @of) = @$_;
		my $section = name($m->{TicketTypes}, $id) . ' Incomes';
		$incomes->($section, sub { $_[0]{Name} }, grep { $_->{ticket_type} == $id } @payments);
		$say->($section, 'Total Income', undef, undef, $sum->('sum', @of));
		$say->($section, 'Discounts Total', undef, undef, abs($sum->('pre', @of)));
		$say->($section, 'Tax Amount', undef, undef, $sum->('tax', @of));
	}
	my %tagged;
	for my $t (@tickets) { my @tags = @{ list($t->{TicketTags}) }; next unless grep { ($_->{TV} // '') ne '' } @tags; push @{ $tagged{ bytes($_->{TN}) }{ bytes($_->{TV}) // '' } }, $t for @tags }
	for my $tn (sort keys %tagged)
	{
		my ($group) = grep { $_->{Name} eq $tn } @{ $life->{TicketTagGroups} } or next;
		my $of = $tagged{$tn};
		my ($count, $amount) = (0, $R->(0));
		for (values %$of) { $count += @$_; $amount += $sum->('plain', @$_) }
		my $total = $R->(0);
		if ($group->{DataType} > 0) { $total += $R->($_) * @{ $of->{$_} } for keys %$of }
		if ($group->{DataType} == 2)
		{
			$say->('Ticket Tags', "$tn Total Amount", undef, undef, $total); $say->('Ticket Tags', 'Ticket Count', $count); $say->('Ticket Tags', 'Ticket Total', undef, undef, $amount);
			$say->('Ticket Tags', 'Rate', undef, undef, $total / $amount);
			next;
		}
		$say->('Ticket Tags', "$tn: $_", scalar @{ $of->{$_} }, undef, $sum->('plain', @{ $of->{$_} })) for sort keys %$of;
		$say->('Ticket Tags', "$tn Total Amount", undef, undef, $amount);
		$say->('Ticket Tags', "Total $tn", undef, undef, $total) if $group->{DataType} == 1;
		$say->('Ticket Tags', "Total Amount / $tn", undef, undef, $amount / ($group->{DataType} == 1 ? $total : $count)) if $group->{DataType} != 1 || $total > 0;
	}
	my $share = sub { my ($o) = @_; my $t = $p->{ticket}{ $o->{TicketId} }; my $line = $R->(total($o)) / $unit; return $t->{pre} == 0 ? $line : $line + $line * ($t->{plain} > 0 ? $t->{pre} / $t->{plain} : 1) };
	for (([ 'User Sales', grep { !$_->{IncreaseInventory} } @orders ], [ 'User Returns', grep { $_->{IncreaseInventory} } @orders ]))
	{
		my ($section, @of) = @$_;
		for ($in_order->(sub { $_[0]{CreatingUserName} }, @of)) { my ($user, @in) = @$_; $say->($section, $user, undef, undef, $sum->($share, @in)) }
	}
	my @users = $in_order->(sub { $_[0]{UserId} }, @payments);
	for (@users > 1 ? @users : ())
	{
		my ($id, @of) = @$_;
		my $section = 'Settled by ' . (name($m->{Users}, $id) // '[Undefined]');
		$say->($section, 'TOTAL INCOME', undef, undef, $incomes->($section, $type, grep { $_->{Amount} >= 0 } @of));
	}
	my %sold;
	($sold{ length($m->{MenuItems}{ $_->{MenuItemId} }{GroupCode} // '') ? $m->{MenuItems}{ $_->{MenuItemId} }{GroupCode} : '[Undefined]' } //= $R->(0)) += $share->($_) for grep { $m->{MenuItems}{ $_->{MenuItemId} } } @orders;
	my $all = $R->(0);
	$all += $_ for values %sold;
	$say->('Item Sales', $_, undef, $all > 0 ? $sold{$_} * 100 / $all : $R->(0), $sold{$_}) for sort { $sold{$b} <=> $sold{$a} || $a cmp $b } keys %sold;
	$say->('Item Sales', 'TOTAL', undef, undef, $all);
	return @lines;
}

# ---- the same rows from the reports ----

my $n = sub { "coalesce(trim_scale($_[0])::text, '~')" };
my $s = sub { "coalesce($_[0]::text, '~')" };
my $d = sub { "coalesce(to_char($_[0], 'YYYY-MM-DD HH24:MI:SS.MS'), '~')" };
my $b = sub { "coalesce(left(($_[0])::text, 1), '~')" };
my @head = ($s->('ticket_id'), $s->('ticket_number'), $s->('business_day'));
our %asked = (
	tickets => [ $s->('id'), @head[ 1, 2 ], $n->('total_amount'), map { $s->($_) } qw(ticket_type department cashier customer table_name room_name) ],
	ticket_items => [ @head, (map { $s->($_) } qw(order_id menu_item_name portion_name sku group_code gl_code)), (map { $n->($_) } qw(quantity price modifiers line_total)), map { $b->($_) } qw(is_void is_gift is_return) ],
	order_tags => [ @head, (map { $s->($_) } qw(order_id position tag_group tag)), (map { $n->($_) } qw(price quantity amount)), "coalesce(left(unread_text, 0) || 'unread', '~')" ],
	payments => [ (map { $s->($_) } qw(ticket_number business_day payment_type)), $d->('date'), $n->('amount'), $n->('change_given'), $b->('is_settlement'), $s->('account_name'), $s->('settled_account') ],
	transactions => [ $s->('transaction_id'), $d->('transaction_date'), $s->('transaction_type'), $s->('ticket_number'), (map { $n->($_) } qw(amount_net amount_tax amount_total)), map { $s->($_) } qw(account_name source_account_name user_name) ],
	accounts => [ $s->('id'), $s->('name'), $n->('balance'), $n->('lifetime_balance') ],
	menu_items => [ (map { $s->($_) } qw(id name sku portions portion_name)), $n->('price') ],
	work_periods => [ $s->('id'), $d->('start_date'), $b->('is_open'), $d->('closed_at') ],
	daily_sales => [ $s->('business_day'), map { $n->($_) } qw(tickets total_amount refunds net tax discounts service gifts voids) ],
	payments_by_type => [ $s->('business_day'), $s->('payment_type'), map { $n->($_) } qw(payments amount change_given) ],
	category_sales => [ $s->('business_day'), $s->('category'), map { $n->($_) } qw(quantity line_total discounts amount) ],
	discounts => [ @head, $s->('calculation_id'), $s->('discount'), $n->('percent'), $n->('amount'), $s->('user_name') ],
	voids_and_gifts => [ @head, (map { $s->($_) } qw(order_id kind menu_item_name)), $n->('quantity'), $n->('amount'), $s->('reason') ],
	taxes => [ $s->('business_day'), $s->('tax'), $n->('rate'), $n->('tickets'), $n->('amount') ],
	json_problems => [ "table_name || '.' || column_name", $n->('rows') ]);

sub text { my ($report) = @_; return "replace(replace(replace(" . join(" || ' | ' || ", map { s/trim_scale\((tickets|payments|rows)\)/trim_scale($1::numeric)/r } @{ $asked{$report} }) . ", E'\\n', '\\n'), E'\\r', '\\r'), E'\\t', '\\t')" }

sub found
{
	my ($db, $report, $where) = @_;
	return [ sort split /\n/, $db->run('SELECT ' . text($report) . " FROM sambapos_report.$report " . ($where // '')) ];
}

sub escaped { return [ map { s/\n/\\n/gr =~ s/\r/\\r/gr =~ s/\t/\\t/gr } @{ $_[0] } ] }

1;
