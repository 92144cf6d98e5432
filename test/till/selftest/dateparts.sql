-- parts of dates; week and weekday follow DATEFIRST, DATEDIFF(week) counts Sundays whatever it says
select datepart(year, x), datepart(quarter, x), datepart(month, x), datepart(dayofyear, x), datepart(day, x), datepart(week, x), datepart(iso_week, x), datepart(weekday, x), datepart(hour, x), datepart(minute, x), datepart(second, x), datepart(millisecond, x), datepart(microsecond, x), datepart(nanosecond, x) from (values (cast('2007-10-30 12:15:32.1234567' as datetime2(7)))) v(x)
select datepart(week, x), datepart(iso_week, x) from (values (cast('2023-01-01' as date)), ('2024-12-30'), ('2021-01-03'), ('2000-12-31')) v(x)
set datefirst 1; select @@datefirst, datepart(weekday, cast('2024-01-31' as date)), datepart(week, cast('2024-01-07' as date)), datediff(week, '2024-01-06', '2024-01-07'); set language us_english; select @@datefirst
set language Turkish; select @@datefirst, @@language, cast('02.03.2024' as datetime)
set datefirst 8
select datediff(week, '1850-01-05', '1850-01-06'), datediff(week, '1850-01-06', '1850-01-05'), datediff(quarter, '2024-03-31', '2024-04-01'), datediff(second, '2024-01-01T00:00:00.997', '2024-01-01T00:00:01')
select datediff(millisecond, cast('2024-01-01' as datetime), cast('2024-02-01' as datetime))
select datediff_big(millisecond, cast('2024-01-01' as datetime), cast('2024-02-01' as datetime)), datediff_big(nanosecond, cast('2024-01-01' as datetime2), cast('2024-01-01 00:00:00.0000001' as datetime2))
-- 9810: parts a type does not have
select datepart(hour, cast('2024-01-31' as date))
select year(cast('10:00' as time))
select dateadd(hour, 1, cast('2024-01-31' as date))
select dateadd(day, 1, cast('10:00' as time))
select dateadd(microsecond, 1, cast('2024-01-31' as datetime))
-- DATEADD: the last day of a month, 1/300 s, whole minutes, half nanosecond steps, round the clock, 517
select dateadd(month, 1, cast('2006-08-30' as date)), dateadd(month, 1, cast('2006-08-31' as date)), dateadd(year, 1, cast('2024-02-29' as date)), dateadd(quarter, -1, cast('2024-05-31' as datetime2(0))), dateadd(day, 1.9, cast('2024-01-31' as date))
select dateadd(millisecond, 1, x), dateadd(millisecond, 2, x), dateadd(millisecond, -2, x), dateadd(millisecond, -1, x) from (values (cast('2024-01-01' as datetime))) v(x)
select dateadd(second, 29, x), dateadd(second, 30, x), dateadd(second, -31, x) from (values (cast('2024-01-31T10:00:00' as smalldatetime))) v(x)
select dateadd(nanosecond, 149, x), dateadd(nanosecond, 150, x), dateadd(microsecond, 1, x) from (values (cast('2007-01-01 13:10:10.1111111' as datetime2))) v(x)
select dateadd(hour, 25, cast('10:00' as time(0))), dateadd(day, null, cast('2024-01-31' as date))
select dateadd(day, 2147483647, cast('2006-07-31' as datetime))
select dateadd(day, -100000, cast('2024-01-31' as datetime))
select dateadd(day, 1, cast('9999-12-31' as date))
select dateadd(year, -2024, cast('2024-01-31' as datetime2))
select dateadd(day, 1, cast('2079-06-06' as smalldatetime))
select dateadd(day, cast(3000000000 as bigint), cast('2024-01-31' as date))
-- the last day of a month, dates from parts, 289
select eomonth('2011-12-01'), eomonth(cast('2024-01-31T23:59:59.997' as datetime), 1), eomonth(cast('2024-03-31' as date), -1), eomonth(null)
select datefromparts(2010, 12, 31), datetime2fromparts(2011, 8, 15, 14, 23, 44, 5, 1), datetime2fromparts(2011, 8, 15, 14, 23, 44, 50, 2), datetimefromparts(2010, 12, 31, 23, 59, 59, 998), timefromparts(23, 59, 59, 0, 0), smalldatetimefromparts(2010, 12, 31, 23, 59), datefromparts(2010, null, 1)
select datefromparts(2023, 2, 29)
select datetime2fromparts(2011, 8, 15, 14, 23, 44, 500, 2)
-- between the types: a datetime is exactly n/300 s, 242 outside a type's years, rounding to the minute at 29.999
select cast(x as datetime2(7)), cast(x as datetime2(3)), cast(x as time(7)), cast(x as date), cast(x as smalldatetime) from (values (cast('2024-01-31T10:00:29.997' as datetime)), ('2024-01-31T10:00:00.003'), ('2024-01-31T23:59:59.997')) v(x)
select cast(cast('2024-01-01 10:00:00.0016666' as datetime2) as datetime), cast(cast('2024-01-01 10:00:00.0016667' as datetime2) as datetime), cast(cast('9999-12-31 23:59:59.9999999' as datetime2) as datetime2(0)), cast(cast('23:59:59.9999999' as time) as time(0))
select cast(cast('1752-12-31' as date) as datetime)
select cast(cast('9999-12-31 23:59:59.9999999' as datetime2) as datetime)
select cast(cast('2079-06-07' as datetime) as smalldatetime)
select count(*) from (values (cast('2024-01-31T10:00:00.003' as datetime))) v(x) where x = '2024-01-31T10:00:00.003' and x <> cast('2024-01-31 10:00:00.003' as datetime2(7)) and x = cast('2024-01-31 10:00:00.0033333' as datetime2(7))
