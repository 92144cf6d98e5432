-- concatenation, comparison, LIKE, string functions
select 'a'+'b', N'a'+null, 'a' + cast(1 as varchar(3)), 1 + '2'
select case when 'A'='a' then 1 else 0 end, case when 'a '='a' then 1 else 0 end, case when 'é'='e' then 1 else 0 end, case when 'a' like 'A%' then 1 else 0 end, case when N'a' = N'A' collate Latin1_General_BIN2 then 1 else 0 end
select len('abc  '), datalength('abc  '), datalength(N'abc'), len(N'😀'), datalength(N'😀')
select left(N'abc', 0), left(N'abc', 9), right(N'abc', 0), right(N'a😀', 2), substring(N'abc', 0, 2), substring(N'abc', -1, 3), substring(N'abc', 2, 100), substring(N'abc', 5, 1)
select left(N'abc', -1)
select right(N'abc', -1)
select substring(N'abc', 1, -1)
select left('abcdef',2), right('abcdef',2), substring('abcdef',2,3), upper('abc'), lower('ABC'), ltrim('  a'), rtrim('a  ')+'|', replace('aXbxc','x','-'), charindex('C','abc'), charindex('z','abc')
select stuff('abcdef',2,3,'xx'), reverse('abc'), replicate('ab',3), space(2)+'|', char(65), nchar(305), ascii('A'), unicode(N'ı'), quotename('a]b'), concat('a',null,1)
select string_agg(x, ',') within group (order by x desc) from (values ('a'),('b')) v(x)
select 1 where 'abc' like 'a[b-c]c' and 'a%c' like 'a[%]c' and 'a_c' like 'a\_c' escape '\' and 'abc' not like '[^a]%'
