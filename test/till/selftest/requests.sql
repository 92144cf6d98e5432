-- what was asked and answered, and the switch that makes SELECTs slow
select x from (values (N'a mark of its own'), (N'and another')) v(x)
select 1 / 0 as wrong_on_purpose
select kind, application_name, rows_sent, error, finished, sql from till.requests where (sql like N'select x from (values (N''a mark%' or sql like N'select 1 % wrong[_]on[_]purpose%') order by number
exec till_control 'applies_to', 'tillctl'; exec till_control 'slow_ms_per_select', '300'
declare @began datetime2 = sysdatetime(); select count(*) from dbo.Users; select case when datediff(millisecond, @began, sysdatetime()) >= 300 then 'slow' end
exec till_control 'reset'
declare @began datetime2 = sysdatetime(); waitfor delay '00:00:00.200'; select case when datediff(millisecond, @began, sysdatetime()) >= 200 then 'waited' end
