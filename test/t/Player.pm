# A till that sells and clears, for tests that look at what a run makes of it. What it does, as batches of T-SQL. Each sale
# has a name of its own, which all of its rows bear.
package Player;
use strict;
use warnings;
use Harness;
use POSIX ();

our @tables = qw(Tickets TicketEntities Orders Payments AccountTransactionDocuments AccountTransactions AccountTransactionValues);

sub new { my ($class, $seed) = @_; return bless { sold => 0, seed => $seed, pace => (0, 300, 999)[ $seed % 3 ] }, $class; }

sub sale
{
	my ($player) = @_;
	my $name = sprintf 'sale %d of %d', ++$player->{sold}, $player->{seed};
	my $amount = 1 + int rand 90;
	my $lines = 1 + int rand 3;
	my $line = "INSERT INTO Orders (TicketId, WarehouseId, DepartmentId, TerminalId, MenuItemId, MenuItemName, PortionName, Price,
		Quantity, PortionCount, Locked, CalculatePrice, DecreaseInventory, IncreaseInventory, OrderNumber, CreatingUserName,
		CreatedDateTime, LastUpdateDateTime, AccountTransactionTypeId) VALUES (\@t, 1, 1, 1, 1, N'$name', N'Normal', $amount, 1, 1,
		1, 1, 1, 0, 1, N'u', \@now, \@now, 1)\n" x $lines;
	my $total = $amount * $lines;
	return <<~TSQL;
		DECLARE \@now datetime = GETDATE(), \@d int, \@x int, \@t int
		BEGIN TRANSACTION
		INSERT INTO AccountTransactionDocuments ([Date], DocumentTypeId, Name) VALUES (\@now, 1, N'$name')
		SET \@d = SCOPE_IDENTITY()
		INSERT INTO AccountTransactions (AccountTransactionDocumentId, Amount, ExchangeRate, AccountTransactionTypeId,
			SourceAccountTypeId, TargetAccountTypeId, IsReversed, Reversable, Name) VALUES (\@d, $total, 1, 1, 1, 1, 0, 1, N'$name')
		SET \@x = SCOPE_IDENTITY()
		INSERT INTO AccountTransactionValues (AccountTransactionId, AccountTransactionDocumentId, AccountTypeId, AccountId, [Date],
			Debit, Credit, Exchange, AccountTransactionTypeId, Name) VALUES (\@x, \@d, 1, 1, \@now, $total, 0, 0, 1, N'$name')
		INSERT INTO Tickets (LastUpdateTime, TicketNumber, [Date], LastOrderDate, LastPaymentDate, PreOrder, IsClosed, IsLocked,
			RemainingAmount, TotalAmount, DepartmentId, TerminalId, TicketTypeId, ExchangeRate, TaxIncluded, TransactionDocument_Id, Note)
			VALUES (\@now, CAST(\@d AS nvarchar(20)), \@now, \@now, \@now, 0, ${\ int rand 2}, 0, 0, $total, 1, 1, 1, 1, 1, \@d, N'$name')
		SET \@t = SCOPE_IDENTITY()
		${line}INSERT INTO Payments (TicketId, PaymentTypeId, DepartmentId, Name, [Date], AccountTransactionId, Amount, TenderedAmount,
			UserId, TerminalId) VALUES (\@t, 1, 1, N'$name', \@now, 0, $total, $total, 1, 1)
		INSERT INTO TicketEntities (EntityTypeId, EntityId, AccountId, AccountTypeId, EntityName, Ticket_Id)
			VALUES (1, 1, 0, 0, N'$name', \@t)
		COMMIT TRANSACTION
		TSQL
}

sub edit
{
	return "UPDATE Tickets SET IsClosed = 1, RemainingAmount = RemainingAmount + 1, LastUpdateTime = GETDATE()
		WHERE Id = (SELECT MAX(Id) - " . int(rand 4) . " FROM Tickets)";
}

# As the vendor's script: each statement a transaction of its own.
sub clear
{
	my ($player, $reseed, $truncate) = @_;
	my @order = qw(TicketEntities Tickets AccountTransactionDocuments AccountTransactions AccountTransactionValues Orders Payments);
	my @steps = map { $truncate && $_ eq 'TicketEntities' ? "TRUNCATE TABLE $_" : "DELETE FROM $_" } @order;
	push @steps, map { "DBCC CHECKIDENT ('dbo.$_', RESEED, 0)" } @order if $reseed;
	return @steps;
}

sub partial_clear
{
	my $kept = '(SELECT MAX(Id) - 3 FROM Tickets)';
	my $are_some = "(SELECT COUNT(*) FROM Tickets WHERE Id < $kept) > 1";    # one alone would be a deleted ticket
	return "DELETE FROM TicketEntities WHERE Ticket_Id < $kept AND $are_some", "DELETE FROM Tickets WHERE Id < $kept AND $are_some";
}

sub day
{
	my ($player) = @_;
	my @steps = map { (rand() < 0.7 ? $player->sale : $player->edit), $player->pause } 1 .. 2 + int rand 12;
	my $end = rand;
	return (@steps, $end < 0.35 ? $player->clear(1, 0) : $end < 0.5 ? $player->clear(0, 1) : $end < 0.6 ? $player->clear(0, 0)
		: $end < 0.75 ? $player->partial_clear : ());
}

# Some tills never wait, some let a run see what they sold.
sub pause
{
	my ($player) = @_;
	return () if rand() > 0.3 || !$player->{pace};
	return sprintf "WAITFOR DELAY '00:00:00.%03d'", int rand $player->{pace};
}

# In a process of its own, until it is told to stop; after the step at hand.
sub play
{
	my ($player, $till) = @_;
	my $stop = 0;
	my $file = "$till->{directory}/day.sql";
	local $SIG{TERM} = sub { $stop = 1 };
	srand $player->{seed};
	until ($stop)
	{
		open my $script, '>', $file or die "$file: $!";
		print $script join "\nGO\n", $player->day;
		close $script;
		system("$Harness::root/build/tillctl", $till->{connection}, 'sql', '-f', $file) == 0 or $stop ||= 2;
	}
	POSIX::_exit($stop == 1 ? 0 : 1);
}

1;
