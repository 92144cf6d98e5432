-- constants
select 1, 2147483647, 2147483648, 1.50, 0.5, .5, 1e0, $1.5, 0x00, 'a', -1, -2147483648, -0.5
-- integers: the higher precedence; division truncates towards zero
select cast(1 as tinyint) + cast(1 as tinyint), cast(1 as smallint) + cast(1 as tinyint), cast(1 as int) * cast(1 as smallint), cast(1 as bigint) - 1, -cast(1 as tinyint), -7 / 2, -7 % 2, 7 % -2
-- decimals: max(s1,s2)+max(p1-s1,p2-s2)+1; p1+p2+1, s1+s2; max(6,s1+p2+1); min(p1-s1,p2-s2)+max(s1,s2)
select a + b, a - b, a * b, a / b, a % b from (values (cast(7.25 as decimal(9,2)), cast(1.5 as decimal(5,3)))) v(a, b)
-- beyond 38 digits: the documentation's own examples; + and - give the integral part max(p1-s1,p2-s2) places
select cast(0.0000009000 as decimal(30,20)) * cast(1.0000000000 as decimal(30,20)), cast(0.0000009000 as decimal(30,10)) * cast(1.0000000000 as decimal(30,10)), cast(1 as decimal(38,10)) + cast(1 as decimal(38,10)), cast(1 as decimal(38,0)) * cast(1 as decimal(38,0)), cast(1 as decimal(38,20)) / cast(3 as decimal(38,20))
-- an int beside a decimal is decimal(10,0), a constant has its own digits
select cast(1 as int) + 1.5, 1 + 1.5, cast(1 as bigint) * 1.5, 1.0 / 3, 2.0 / 3, cast(1 as decimal(16,2)) / cast(3 as decimal(18,2))
-- money keeps four digits: division is cut, the product rounded
select a * b, a / b, a + 1, a * 2.5, a * 2e0, a % b from (values (cast(100 as money), cast(339 as money))) v(a, b)
-- aggregates
select count(*), count_big(*), sum(t), sum(s), sum(i), sum(b), avg(t), avg(i), avg(b) from (values (cast(1 as tinyint), cast(1 as smallint), 1, cast(1 as bigint)), (2, 2, 2, 2)) v(t, s, i, b)
select sum(d), avg(d), min(d), sum(e), avg(e), sum(m), avg(m), sum(f), avg(f) from (values (cast(1 as decimal(9,2)), cast(1 as decimal(20,8)), cast(1 as smallmoney), cast(1 as real)), (2, 2, 2, 2), (2, 2, 2, 2)) v(d, e, m, f)
select avg(-x), avg(distinct x), sum(distinct x), avg(cast(x as decimal(38,10))) from (values (1), (1), (2), (4), (null)) v(x)
select max(d), min(d2), max(t), min(g), max(n), min(o) from (values (cast('2024-01-01' as date), cast('2024-01-01' as datetime2(3)), cast('10:00' as time(0)), cast('6F9619FF-8B86-D011-B42D-00C04FC964FF' as uniqueidentifier), N'b', cast('2024-01-01 10:00 +01:00' as datetimeoffset(0))), ('2024-01-02', '2024-01-02', '11:00', '00000000-0000-0000-0000-000000000001', N'a', '2024-01-01 09:30 +00:00')) v(d, d2, t, g, n, o)
-- functions
select abs(cast(1 as tinyint)), abs(cast(-1 as smallint)), abs(-1), abs(cast(-1 as bigint)), abs(cast(-1.5 as decimal(5,2))), abs(cast(-1 as smallmoney)), abs(cast(-1 as real))
select sign(cast(-2 as smallint)), sign(cast(-2 as bigint)), sign(-2.5), sign(-2e0), floor(-1.5), ceiling(1.2), ceiling(9.9), floor($-1.5), ceiling(1.2e0), floor(cast(-5 as bigint))
select round(cast(5 as tinyint), 0), round(748.58, -1), round(748.58, -4), round(123.9994, 3), round(123.9995, 3), round(150.75, 0), round(150.75, 0, 1), round(-2.5, 0), round(cast(150 as int), -2), round(2.5e0, 0)
select datepart(year, getdate()) - year(getdate()), dateadd(day, 1, cast('2024-01-01' as date)), dateadd(day, 1, cast('2024-01-01' as smalldatetime)), dateadd(day, 1, cast('2024-01-01' as datetime2(3))), dateadd(day, 1, '2024-01-01'), datediff(day, '2024-01-01', '2024-01-02'), datediff_big(day, '2024-01-01', '2024-01-02'), len(N'abc'), datalength(N'abc'), eomonth('2024-02-01')
-- CASE, COALESCE, IIF: the highest precedence of all branches; ISNULL and NULLIF: the first one's
select case when 1 = 1 then 1 else 1.50 end, case when 1 = 0 then cast(1 as tinyint) else cast(2 as bigint) end, coalesce(null, 1, 2.5), iif(1 = 1, 1, 2e0), isnull(cast(null as int), 2.7), isnull(null, 2.7), nullif(1, 2.5), case when 1 = 1 then cast('2024-01-01' as date) else cast('2024-01-01' as datetime) end, case 1 when 2 then 3 end
select isnull(cast(null as varchar(2)), 'zzz'), coalesce(cast(null as varchar(2)), 'zzz')
-- set operators
select 1 union all select 2.5 union all select cast(3 as bigint) order by 1
-- DB_ID() is an int
select db_id() as d where 1 = 0
