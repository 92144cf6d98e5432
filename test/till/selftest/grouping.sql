-- joins in parentheses, grouping, sorting and paging as the foreign data wrapper sends them, and what SQL Server refuses there
create table ga (id int not null primary key, i int null, n nvarchar(20) null); create table gb (id int not null, a_id int null, q decimal(16,3) null); insert into ga values (1, 1, N'two'), (2, null, N'TWO'), (3, -7, null), (4, 5, N'Two '), (5, 1, N'one'); insert into gb values (1, 1, 2.5), (2, 1, 1), (3, 3, null), (4, null, 7)
select r1.id, r2.id, r3.id from ((dbo.ga as r1 left join dbo.gb as r2 on ((r1.id = r2.a_id))) left join dbo.ga as r3 on (r2.id = r3.id and r1.i > 0)) order by r1.id asc, r2.id desc
select r1.id, r3.id from dbo.ga r1 left join (dbo.gb r2 inner join dbo.ga r3 on (r2.id = r3.id)) on (r1.id = r2.a_id) order by r1.id, r3.id
select r1.id, r3.id from dbo.ga r1 left join dbo.gb r2 inner join dbo.ga r3 on r2.id = r3.id on r1.id = r2.a_id order by r1.id, r3.id
select q1.c1, q1.c2, r4.id from (select r1.i, count_big(*) from dbo.ga r1 group by r1.i) as q1(c1, c2) cross join dbo.gb as r4 where r4.id = 1 order by case when q1.c1 is null then 1 else 0 end, q1.c1
select count(*) from ((select id from ga) as q1(c1) inner join gb as r2 on (q1.c1 = r2.a_id))
select r1.id from dbo.ga r1 where not exists (select 1 from dbo.gb r2 where ((r1.id = r2.a_id))) and exists (select 1 from dbo.gb r3 inner join dbo.ga r4 on (r3.id = r4.id) where r4.i = r1.i) order by r1.id
select r1.i + 1, count_big(*), sum(cast(r1.id as bigint)), count_big(distinct r1.i), avg(case when r1.id > 1 then cast(r1.id as decimal(9,2)) end) from dbo.ga r1 group by r1.i + 1 having count_big(*) >= 1 order by r1.i + 1 desc
-- NULL sorts lowest; text groups by its collation with trailing blanks ignored
select i from ga order by i, id
select count(*), min(i), max(len(n)) from ga group by n order by count(*), max(id)
select count(distinct n), count_big(n) from ga
select count(*) from (select distinct n from ga) d
select distinct upper(n) from ga order by upper(n)
select count(*), max(upper(n) + N'/' + lower(n)) from ga group by n having n = upper(n) + N' ' and n like N't%' and n in (select n from ga)
select n from ga where n collate Latin1_General_BIN2 = N'two' order by id
select id from ga order by n collate Latin1_General_100_BIN2 desc, id
select top (1) with ties i from ga where i > 0 order by i
select top (9223372036854775807) id from ga order by (select null)
select id from ga order by id offset 1 rows fetch next 2 rows only
select count(*) from ga having count(*) > 10
select count(*) from ga group by ()
-- 8120, also where PostgreSQL would see that the primary key decides; 8121, 8127
select id, i from ga group by id
select i + 1 from ga group by i + 2
select i from ga group by i having id > 1
select i from ga group by i order by id
select i, (select count(*) from gb where gb.a_id = ga.id) from ga group by i
select i, (select count(*) from gb where gb.a_id = ga.i) from ga group by i order by i
select case when i + 1 > 2 then i + 1 else -(i + 1) end from ga group by i + 1 order by 1
-- 164, 144, 130, 147, 1015
select count(*) from ga group by 1
select count(*) from ga group by 'x' + 'y'
select count(*) from ga group by (select 1)
select count(*) from ga group by sum(i)
select sum(case when exists (select 1 from gb) then 1 else 0 end) from ga
select sum(count(*)) from ga
select id from ga where count(*) > 1
select 1 from ga inner join gb on count(*) > 1
-- 145, 408, 108, 1033, 10741, 10742, 10744, 1060, 127
select distinct i from ga order by case when i is null then 1 else 0 end
select id from ga order by 'x'
select id from ga order by 2
select * from (select id from ga order by id) q
create view gv as select id from ga order by id
select top (1) id from ga order by id offset 1 rows
select id from ga order by id offset -1 rows
select id from ga order by id offset 0 rows fetch next 0 rows only
select top (1.5) id from ga
select top (-1) id from ga
select id from ga offset 1 rows
-- sampling
select count(*) from ga tablesample (100 percent) repeatable (7)
select count(*) from ga as r1 tablesample system (1000 rows)
select count(*) from ga tablesample (101 percent)
select count(*) from sys.tables tablesample (10 percent)
select count(*) from (select top (2) id from ga order by newid()) q
drop table ga, gb
select count(*), datediff(day, a.day, b.day) from (values (1, cast('2026-03-01' as date)), (2, cast('2026-03-03' as date))) as a (id, day) join (values (1, cast('2026-03-02' as date)), (2, cast('2026-03-04' as date))) as b (id, day) on b.id = a.id group by datediff(day, a.day, b.day), datepart(month, b.day) order by datediff(day, a.day, b.day)
