-- definitions, transactions, errors and what they end
create table #k (Id int not null primary key); insert into #k select top 5 Id from Tickets order by Id; begin tran; select o.TicketId, count(*) n from Orders o join #k k on k.Id = o.TicketId group by o.TicketId order by 1; rollback; drop table #k
begin tran; insert into TagX(a) values(1)
select @@trancount
begin tran; begin tran; select @@trancount; commit; select @@trancount; rollback; select @@trancount
begin tran; insert into Departments(Id) values (1); select 1/0; select count(*) from Departments; rollback
insert into Tickets (Id) values (1)
insert into Payments (TicketId) values (1)
update Tickets set Note = Note + N'!', TotalAmount += 1 where Id = 1; select Note from Tickets where Id = 1
create table dbo.T1 (a int not null constraint DF_a default (5), b nvarchar(10) null, v rowversion, constraint PK_T1 primary key clustered (a)); insert into T1 (b) values (N'x'); insert into T1 (a,b) values (6,'0123456789x'); insert into T1 values (7, N'y', default); select a,b,len(v) from T1
alter table T1 add d decimal(10,2) not null constraint DF_d default (1.5), e nvarchar(max) null; alter table T1 alter column b nvarchar(50) not null; select * from T1 where a = 5; alter table T1 drop column d
alter table T1 drop constraint DF_d; alter table T1 drop column d; exec sp_rename 'dbo.T1.e', 'ee', 'COLUMN'; select name, type_name(user_type_id), max_length from sys.columns where object_id = object_id('T1') order by column_id
create unique index UX on T1 (b); insert into T1 (a,b) values (9,N'Z  '); drop index UX on T1; create view dbo.V1 as select a, b + N'x' as bx from T1; select * from V1 order by a; drop view V1; truncate table T1; drop table if exists T1, T2; drop table T1
declare @i int = 0; while @i < 10 begin set @i = @i + 1; if @i = 3 break; end; select @i
begin try select 1/0 end try begin catch select error_number(), error_message() end catch
raiserror('hello %s %d', 16, 1, 'x', 5)
raiserror('info', 10, 1); select @@error
throw 50001, 'mine', 1
select Id from Tickets where Id in (1,2,3) and Date >= cast('2020-01-01T00:00:00.000' as datetime) and TicketNumber = N'1' order by Id option (maxdop 1)
select count(*) from Tickets with (nolock) where IsClosed = 0
set transaction isolation level snapshot; begin tran; select count(*) from Users; select @@trancount; commit
begin tran; exec sp_getapplock @Resource = N'x', @LockMode = N'Shared', @LockOwner = N'Transaction', @LockTimeout = 0; select applock_mode(N'public', N'x', N'Transaction'), applock_mode(N'public', N'y', N'Transaction'); commit; begin tran; select applock_mode(N'public', N'x', N'Transaction'); rollback
exec till_nope
use master; select db_name()
create database tx1; use tx1; create table a(b int); select count(*) from a; use SambaPOS; drop database tx1
insert into Users (PinCode, Name) select N'q', N'r' where 1 = 0; select @@rowcount
select TOP 0 * from Tickets
select 'a' as [from], 2 "b c", 3 as 'd'
set fmtonly on select 1 as a set fmtonly off select 2
set fmtonly on delete from Tickets
create table AVeryLongTableNameThatSomebodyHasMadeForTheShopOfTheHotelNumberOne (Id int not null primary key); insert into AVeryLongTableNameThatSomebodyHasMadeForTheShopOfTheHotelNumberOne values (1); select name, (select count(*) from AVeryLongTableNameThatSomebodyHasMadeForTheShopOfTheHotelNumberOne) from sys.tables where name like 'AVery%'; drop table [AVeryLongTableNameThatSomebodyHasMadeForTheShopOfTheHotelNumberOne]
