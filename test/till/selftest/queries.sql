-- joins, grouping, sets, ordering, paging
select count(*), count_big(*), sum(x), avg(x), min(x), max(x), avg(cast(x as decimal(10,2))), sum(cast(x as decimal(10,2))) from (values (1),(2),(4)) v(x)
select x, count(*) from (values (1,'a'),(1,'A'),(2,'b'),(2,null)) v(x,y) group by x having count(*) > 1 order by x desc
select distinct y from (values ('a'),('b'),('a')) v(y) order by y
select top (2) x from (values (3),(1),(2)) v(x) order by x
select x from (values (3),(1),(2),(5)) v(x) order by x offset 1 rows fetch next 2 rows only
select x from (values (3),(null),(2)) v(x) order by x
select x from (values (3),(null),(2)) v(x) order by x desc
select 1 as a union all select 2 union all select 2.5 order by a
with t(a) as (select 1 union all select 2), u as (select a*2 as b from t) select * from t join u on u.b = t.a*2 left join (select 2 as z) q on q.z = t.a order by a
select * from (values (1,N'x'),(2,N'y')) v(id,n) where id in (1,3) and exists (select 1 where v.n = N'X') and id not in (select 5)
select row_number() over (partition by x order by y) as r, x, y from (values (1,2),(1,1),(2,5)) v(x,y) order by x, r
select case 3 when 1 then 'a' when 3 then 'c' end, case when 1=2 then 1 end
select * from (select 1 a, 1 b) x where a between 1 and 2 and b <> 3 and not (a = 2 or b is null)
select max(cast('b' as nvarchar(10))), min(N'a')
declare @x int = 5, @y nvarchar(10) = N'q'; set @x = @x + 1; select @x, @y; select @x = max(v) from (values (1),(9)) t(v); select @x
