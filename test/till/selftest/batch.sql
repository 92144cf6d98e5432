-- variables, control of flow, parameters
if exists (select 1) begin print 'hi'; select 'yes' end else select 'no'
exec sp_executesql N'select @a + @b, @s', N'@a int, @b int, @s nvarchar(10)', @a = 1, @b = 2, @s = N'zz'
select cast(1 as bit) where cast(1 as bit) = 1 and cast(0 as bit) = 'false'
