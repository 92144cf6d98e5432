-- INFORMATION_SCHEMA and sys
select object_id('dbo.Tickets') - object_id('Tickets'), object_id('dbo.Tickets','U') - object_id('Tickets'), object_id('Tickets','V'), case when object_id('INFORMATION_SCHEMA.TABLES') is null then 0 else 1 end, object_id('tempdb..#k')
select COLUMN_NAME, DATA_TYPE, CHARACTER_MAXIMUM_LENGTH, NUMERIC_PRECISION, NUMERIC_SCALE, IS_NULLABLE from information_schema.columns where table_name = 'payments' order by ordinal_position
select CONSTRAINT_NAME, COLUMN_NAME, ORDINAL_POSITION from INFORMATION_SCHEMA.KEY_COLUMN_USAGE where TABLE_NAME = 'Orders' order by 1,3
select i.name, i.type_desc, i.is_primary_key, i.is_unique, c.name, ic.is_included_column from sys.indexes i join sys.index_columns ic on ic.object_id = i.object_id and ic.index_id = i.index_id join sys.columns c on c.object_id = ic.object_id and c.column_id = ic.column_id where i.object_id = object_id('Tickets') order by i.index_id, ic.index_column_id
select fk.name, object_name(fk.referenced_object_id), fk.delete_referential_action_desc from sys.foreign_keys fk where parent_object_id = object_id('Orders')
select sum(row_count) from sys.dm_db_partition_stats where object_id = object_id('Tickets') and index_id < 2
select snapshot_isolation_state, is_read_committed_snapshot_on, collation_name, compatibility_level from sys.databases where name = db_name()
select cast(serverproperty('ProductVersion') as nvarchar(30)), cast(serverproperty('EngineEdition') as int), cast(databasepropertyex(db_name(),'Collation') as nvarchar(100)), suser_sname(), has_perms_by_name('dbo.Tickets','OBJECT','UPDATE')
select name from sys.databases where database_id = db_id()
select * from master.sys.databases where 1=0
