-- INSERT, UPDATE, DELETE, identity, rowversion
insert into Departments (SortOrder, WarehouseId, TicketTypeId, Name, PriceTag, TicketCreationMethod, ScreenMenuId) values (1,1,1,N'A',null,0,1)
create table dbo.W (Id int identity(1,1) not null, Name nvarchar(10) null, Amount decimal(16,2) not null constraint DF_W default (1.5), At datetime null, V rowversion, constraint [PK_dbo.W] primary key clustered (Id))
insert W (Name) values (N'a'), (N'b'); select @@rowcount, scope_identity(), @@identity, ident_current('W'); select Id, Name, Amount from W
insert W (Id) values (5)
set identity_insert W on; insert W (Id, Name) values (10, N'ten'); set identity_insert W off; insert W (Name) output inserted.Id, inserted.Name values (N'c'); select scope_identity()
insert W (Name) values (N'0123456789x')
insert W (Name) values (N'trailing      ')
update W set Amount += 1, Name = Name + N'!' where Id = 1; select @@rowcount; select Name, Amount from W where Id = 1
update w set w.Amount = v.x output inserted.Id, inserted.Amount from W w join (values (1, 7.255),(2, 8)) v(id, x) on v.id = w.Id
update W set Id = 3
update W set V = 0x01
declare @v binary(8); select @v = max(V) from W; update W set Name = N'z' where Id = 2; select case when V > @v then 'newer' end from W where Id = 2; select cast(@@dbts as bigint) - cast(max(V) as bigint) from W
delete w from W w join (values (1)) v(id) on v.id = w.Id; select @@rowcount; delete top (1) from W where Id < 10; select count(*) from W
delete W output deleted.Id where Id = 10
dbcc checkident('W', reseed, 100); insert W (Name) values (N'r'); select scope_identity()
truncate table W; insert W (Name) values (N'first'); select scope_identity(); dbcc checkident('dbo.W', reseed, 0); insert W (Name) values (N'again')
insert W (Amount) values (null)
insert W (At) values ('2026-03-29T02:30:00.005'), ('20260329'), ('2026-12-31 23:59:59.999'); select At from W where At is not null order by At
create unique index UX_W on W (Name)
delete W where Name is null; create unique index UX_W on W (Name); insert W (Name) values (N'FIRST  ')
create table C (Id int not null primary key, WId int not null constraint FK_C_W foreign key references W (Id) on delete cascade); insert C values (1, 99999)
insert C select 1, min(Id) from W; delete W where Id = (select WId from C); select count(*) from C
drop table W
insert into Tickets (Id) values (1)
insert C select 1; insert C values (1)
declare @t table (a int primary key, b nvarchar(5)); insert @t values (1, N'x'), (2, N'y'); select count(*), max(b) from @t
begin tran; insert C (Id, WId) select 2, Id from W where Name = N'nobody'; save tran s; truncate table C; rollback tran s; select @@trancount; rollback; select @@trancount
drop table C; drop table W
