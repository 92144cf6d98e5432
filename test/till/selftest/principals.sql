-- logins, users, GRANT, DENY, REVOKE: what sambapos_setup_script, the doctor and doc/hardening.md rely on
create login Waiter with password = N'short'
create login Waiter with password = N'long-enough', check_policy = on
create login waiter with password = Nlong-enough
create login till with password = Nlong-enough
create login [O'Hara] with password = N'it''s long'; drop login [o'hara]
declare @sql nvarchar(200) = N'create login Cook with password = N' + quotename(N'it''s-a-secret', N''''); if suser_id(N'Cook') is null exec (@sql); select case when suser_id(N'cook') is null then 'none' else 'there' end, suser_id(N'nobody')
create user Guest1 for login nobody
create user Waiter for login Waiter
create user [waiter] for login Cook
create user Kitchen from login Cook
select name, type from sys.database_principals where name in ('Waiter', 'Kitchen', 'Cook') order by name; select case when user_id(N'WAITER') is null then 'none' else 'there' end, user_id(N'Cook')
create table dbo.Dish (Id int not null primary key, Name nvarchar(20) null, Secret nvarchar(20) null); insert Dish values (1, N'Soup', N'salt'); create table dbo.Other (Id int not null primary key)
-- as Waiter wrong
select 1
-- as nobody wrong
select 1
-- as Waiter long-enough
select suser_sname(), user_name(), db_name(), is_srvrolemember('sysadmin'), is_member('db_owner'), is_member('public')
select Name from Dish
select object_id('Dish'), object_id('dbo.Other')
select table_name from information_schema.tables where table_name in ('Dish', 'Other')
create login Another with password = N'long enough'
create table dbo.Mine (Id int)
-- as till till-secret
grant select on dbo.Dish to Waiter
-- as waiter long-enough
select * from Dish
select case when object_id('Dish') is null then 'unseen' else 'seen' end, case when object_id('Other') is null then 'unseen' else 'seen' end; select table_name from information_schema.tables where table_name in ('Dish', 'Other')
select has_perms_by_name('dbo.Dish', 'OBJECT', 'SELECT'), has_perms_by_name('dbo.Dish', 'OBJECT', 'UPDATE'), has_perms_by_name('dbo.Other', 'OBJECT', 'SELECT'), has_perms_by_name('dbo.Dish', 'OBJECT', 'SELECT', 'Secret', 'COLUMN')
insert Dish values (2, N'Bread', null)
update Dish set Name = N'x'
delete from Dish
truncate table Dish
-- as till till-secret
deny select on dbo.Dish (Secret) to Waiter
-- as Waiter long-enough
select Id, Name from Dish
select Secret from Dish
select * from Dish
select count(*) from Dish where Secret = N'salt'
select has_perms_by_name('dbo.Dish', 'OBJECT', 'SELECT'), has_perms_by_name('dbo.Dish', 'OBJECT', 'SELECT', 'Name', 'COLUMN'), has_perms_by_name('dbo.Dish', 'OBJECT', 'SELECT', 'Secret', 'COLUMN')
-- as till till-secret
grant select on dbo.Dish to Waiter
-- as Waiter long-enough
select Secret from Dish
-- as till till-secret
deny select on Dish to Waiter; grant insert, update on Dish to Kitchen; grant select on Dish (Id) to Kitchen; grant view change tracking on Dish to Kitchen
-- as Waiter long-enough
select Name from Dish
-- as Cook it's-a-secret
insert Dish values (2, N'Bread', null); select Id from Dish order by Id
select Name from Dish
select has_perms_by_name('dbo.Dish', 'OBJECT', 'INSERT'), has_perms_by_name('dbo.Dish', 'OBJECT', 'DELETE'), has_perms_by_name('dbo.Dish', 'OBJECT', 'VIEW CHANGE TRACKING'), has_perms_by_name('dbo.Dish', 'OBJECT', 'SELECT', 'Id', 'COLUMN'), has_perms_by_name('dbo.Dish', 'OBJECT', 'SELECT', 'Name', 'COLUMN')
-- as till till-secret
revoke insert, update on Dish from Kitchen; revoke select on Dish (Id) from Kitchen; revoke select on Dish from Waiter
-- as Cook it's-a-secret
insert Dish values (3, N'Fish', null)
select Id from Dish
-- as till till-secret
grant select on Dish to Nobody
deny select on dbo.Nothing to Waiter
deny select on Dish (Nothing) to Waiter
grant execute on Dish to Waiter
grant select on schema::dbo to Waiter
grant view server state to Waiter
drop user Kitchen; drop user kitchen
drop user Waiter; select user_id(N'Waiter')
-- as Waiter long-enough
select 1
-- as till till-secret
drop login Waiter; drop login Cook; drop login waiter
select suser_id(N'Waiter'), suser_id(N'Cook'); drop table Dish; drop table Other
-- as Waiter long-enough
select 1
