-- change tracking: its switches, versions, CHANGETABLE, cleanup, truncate, rights
create table dbo.Track (Id int not null constraint PK_Track primary key, V nvarchar(20)); create table dbo.TrackTwo (A int not null, B nvarchar(10) not null, V int, primary key (B, A)); create table dbo.TrackNone (V int)
select change_tracking_current_version(), change_tracking_min_valid_version(object_id(N'dbo.Track')), (select count(*) from sys.change_tracking_databases)
alter table Track enable change_tracking
alter database SambaPOS set change_tracking = off
alter database SambaPOS set change_tracking = on (change_retention = 1 weeks)
alter database SambaPOS set change_tracking = on (change_retention = 5 days, auto_cleanup = on)
alter database SambaPOS set change_tracking = on
select is_auto_cleanup_on, retention_period, retention_period_units, retention_period_units_desc from sys.change_tracking_databases where database_id = db_id()
alter table TrackNone enable change_tracking
alter table Track enable change_tracking with (track_columns_updated = on)
alter table Track enable change_tracking; alter table TrackTwo enable change_tracking with (track_columns_updated = off)
alter table Track enable change_tracking
alter table TrackNone disable change_tracking
alter table Track drop constraint PK_Track
alter database SambaPOS set change_tracking = off
select object_name(object_id), is_track_columns_updated_on, min_valid_version, begin_version from sys.change_tracking_tables order by 1
-- version 0 is one; a transaction is a version; what others cannot see has none
select change_tracking_current_version(), change_tracking_min_valid_version(object_id(N'dbo.Track')), change_tracking_min_valid_version(object_id(N'dbo.TrackNone'))
insert Track values (1, N'a'), (2, N'b'), (3, N'c')
select Id, SYS_CHANGE_OPERATION, SYS_CHANGE_VERSION, SYS_CHANGE_CREATION_VERSION, SYS_CHANGE_COLUMNS, SYS_CHANGE_CONTEXT from changetable(changes Track, 0) as c order by Id
begin tran; update Track set V = N'x' where Id = 1; insert TrackTwo values (1, N'q', 1); select change_tracking_current_version(), (select count(*) from changetable(changes dbo.TrackTwo, 0) c); commit; select change_tracking_current_version(), (select count(*) from changetable(changes dbo.TrackTwo, 0) c)
begin tran; delete Track; rollback; select change_tracking_current_version()
begin tran; insert Track values (9, N'z'); save tran s; insert Track values (10, N'z'); rollback tran s; commit; select Id, SYS_CHANGE_OPERATION from changetable(changes Track, 2) c
update Track set V = N'y' where 1 = 0; select change_tracking_current_version()
update TrackNone set V = 1; insert TrackNone values (1); select change_tracking_current_version()
-- one row a key, as it is seen from the baseline
select Id, SYS_CHANGE_OPERATION, SYS_CHANGE_VERSION from changetable(changes Track, 0) c order by Id; select Id, SYS_CHANGE_OPERATION, SYS_CHANGE_VERSION from changetable(changes Track, 1) c order by Id
delete Track where Id = 2; insert Track values (2, N'again'); select Id, SYS_CHANGE_OPERATION, SYS_CHANGE_VERSION from changetable(changes Track, 3) c
insert Track values (4, N'd'); delete Track where Id = 4; select Id, SYS_CHANGE_OPERATION from changetable(changes Track, 5) c
update Track set Id = 30 where Id = 3; select Id, SYS_CHANGE_OPERATION from changetable(changes Track, 7) c order by Id
update TrackTwo set V = 2; update TrackTwo set A = 2; select A, B, SYS_CHANGE_OPERATION from changetable(changes TrackTwo, 8) c order by A
select c.k, c.v from changetable(changes Track, null) as c (v, cr, o, co, cx, k) order by 1
declare @v bigint = change_tracking_current_version(); update Track set V = N'last'; select c.Id, t.V from changetable(changes Track, @v) as c left join Track as t on t.Id = c.Id order by c.Id
select Id from changetable(changes Track, 99) c
-- refused
select * from changetable(changes Track, 0)
select * from changetable(changes dbo.TrackNone, 0) c
select * from changetable(changes sys.objects, 0) c
select * from changetable(changes Nowhere, 0) c
select * from changetable(changes Track, 1 + 1) c
-- truncate and switching begin the table's history again, without a version of their own
select change_tracking_current_version(), change_tracking_min_valid_version(object_id(N'Track')); truncate table Track; select change_tracking_current_version(), change_tracking_min_valid_version(object_id(N'Track')), (select count(*) from changetable(changes Track, 0) c)
alter table TrackTwo disable change_tracking; select change_tracking_min_valid_version(object_id(N'TrackTwo')); insert TrackTwo values (7, N'unseen', 7); alter table TrackTwo enable change_tracking; select change_tracking_current_version(), change_tracking_min_valid_version(object_id(N'TrackTwo')), (select count(*) from changetable(changes TrackTwo, 0) c)
-- cleanup, when the retention is over; not without AUTO_CLEANUP
exec till_control 'clock_offset_seconds', '518400'; insert Track values (1, N'later'); select change_tracking_min_valid_version(object_id(N'Track')), Id from changetable(changes Track, 0) c
exec till_control 'clock_offset_seconds', '1036800'; select change_tracking_min_valid_version(object_id(N'Track')), (select count(*) from changetable(changes Track, 0) c); alter database SambaPOS set change_tracking (auto_cleanup = off); select change_tracking_min_valid_version(object_id(N'Track')), (select count(*) from changetable(changes Track, 0) c); alter database SambaPOS set change_tracking (auto_cleanup = on)
exec till_control 'clock_offset_seconds', '0'
-- a restore: the tracking of the backup
declare @f nvarchar(40) = (select cast(recovery_fork_guid as nvarchar(40)) from sys.database_recovery_status where database_id = db_id()); exec till_control 'change_tracking_version', '3'; select change_tracking_current_version(), (select count(*) from changetable(changes Track, 0) c), case when @f <> (select cast(recovery_fork_guid as nvarchar(40)) from sys.database_recovery_status where database_id = db_id()) then 'another fork' end; insert Track values (5, N'new'); select change_tracking_current_version()
-- rights
create login TrackReader with password = N'long-enough'; create user TrackReader for login TrackReader; grant select on Track to TrackReader
-- as TrackReader long-enough
select change_tracking_current_version(), change_tracking_min_valid_version(object_id(N'dbo.Track')), has_perms_by_name(N'[dbo].[Track]', N'OBJECT', N'VIEW CHANGE TRACKING'), (select count(*) from sys.change_tracking_tables)
select Id from changetable(changes Track, 0) c
-- as till till-secret
grant view change tracking on Track to TrackReader; grant view change tracking on TrackTwo to TrackReader; grant insert on Track to TrackReader
-- as TrackReader long-enough
select change_tracking_min_valid_version(object_id(N'dbo.Track')), has_perms_by_name(N'[dbo].[Track]', N'OBJECT', N'VIEW CHANGE TRACKING'); select Id from changetable(changes Track, 3) c
insert Track values (6, N'its own'); select Id from changetable(changes Track, 4) c
select * from changetable(changes TrackTwo, 0) c
-- as till till-secret
drop user TrackReader; drop login TrackReader; alter table Track disable change_tracking; drop table TrackTwo; alter database SambaPOS set change_tracking = off; select change_tracking_current_version(), (select count(*) from sys.change_tracking_tables)
alter database SambaPOS set change_tracking = on; select change_tracking_current_version(); alter database SambaPOS set change_tracking = off; drop table Track; drop table TrackNone
