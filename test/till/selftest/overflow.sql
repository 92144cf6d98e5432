-- what does not fit is an error, also where only a condition sees it
select cast(255 as tinyint) + cast(1 as tinyint)
select cast(0 as tinyint) - cast(1 as tinyint)
select cast(32767 as smallint) + cast(1 as smallint)
select 1 where cast(2147483647 as int) + 1 > 0
select -cast(-32768 as smallint)
select abs(cast(-2147483648 as int))
select cast(-2147483648 as int) / -1
select 1 where cast(99999999999999999999999999999999999999 as decimal(38,0)) * 10 > 0
select cast(99999999999999999999999999999999999999 as decimal(38,0)) + 1
select cast(922337203685477.5807 as money) + 1
select cast(922337203685477.5807 as money) * 2
select round(748.58, -3)
select 1 where round(748.58, -3) > 0
select round(9.99, 1)
select sum(x) from (values (2147483647), (1)) v(x)
select avg(x) from (values (2147483647), (1)) v(x)
select sum(cast(x as bigint)) from (values (9223372036854775807), (1)) v(x)
select sum(cast(x as decimal(38,0))) from (values (99999999999999999999999999999999999999), (1)) v(x)
select sum(cast(x as money)) from (values (922337203685477.5807), (0.0001)) v(x)
select count(*) from (values (2147483647), (1)) v(x) having sum(x) > 0
select cast(256 as tinyint)
select cast(40000 as smallint)
select cast(3000000000 as int)
select cast(cast(9223372036854775807 as decimal(38,0)) + 1 as bigint)
select cast(256.5 as tinyint)
select cast(1234.5 as decimal(5,2))
select cast(12345 as decimal(3,0))
select cast(214748.36475 as smallmoney)
select 1 % 0
select 1.0 / 0
select $1 / 0
select 1e0 / 0
select sum(cast(1 as bit))
select -cast(1 as bit)
select cast(12345 as varchar(3)), cast(-5 as char(2)), cast(300 as varchar(3))
select cast(12345 as nvarchar(3))
select cast(1.567 as varchar(3))
-- no overflow: rounding half away from zero to a decimal, cutting to an integer, 17 digits of a float
select cast(1.555 as decimal(9,2)), cast(-1.555 as decimal(9,2)), cast(2.9 as int), cast(-2.9 as bigint), cast(0.1e0 as decimal(20,17)), cast(1e0 / 3 as decimal(38,20)), cast(1.00005 as money)
select case when 1 = 1 then 1 else 'x' end
select case when 1 = 0 then 1 else 'x' end
-- comparisons across types
select count(*) from (values (1)) v(x) where x = 1.0 and x in (1, 2.5) and x = '1' and x = $1 and x <> 1.0000001 and cast(1 as bit) = 'true'
select count(*) from (values (16777217)) v(x) where x = cast(16777216 as real)
select count(*) from (values (N'abc')) v(x) where x = 1
select cast('2024-01-01 10:00:00.1234' as datetime)
