-- integer division, decimal scale, rounding, overflow
select 1/2, 5%3, -5/2, 1.0/3, 2.0/3, 10/4.0, cast(1 as decimal(16,2))/cast(3 as decimal(18,2)), 1.5*2.25, 1e0/3
select abs(-5), round(2.567,2), round(2.5,0), floor(-1.5), ceiling(1.2), round(1234.56,-2), sign(-3)
select cast(1.555 as decimal(5,2)), cast(-1.555 as decimal(5,2)), cast(2.7 as int), cast(-2.7 as int), cast('12' as int), cast(12 as bit), cast('true' as bit), cast(1 as varchar(5)), cast(1.50 as varchar(10)), cast(cast(1.5 as money) as varchar(10)), cast(cast(0.1 as float) as varchar(20)), convert(varchar(50), cast(0.1 as float), 3)
select try_cast('x' as int), try_cast('12' as int), try_cast('2026-13-01' as datetime), try_convert(decimal(5,2),'1.555'), try_cast('abc' as uniqueidentifier)
select 7 & 3, 7 | 8, 7 ^ 2, ~7
select cast(9999999999 as bigint) + 1, 2147483647 + 1
select 1/0
select cast(300 as tinyint)
select cast(12345.678 as decimal(5,2))
select cast(cast(-0.5 as real) as float), cast(1e15 as float), cast(123456789.123 as float), cast(1e-5 as float)
