-- case-insensitive by the database, trailing blanks ignored under every collation
select 1 where N'A' = N'a' and 'a' = 'a  ' and N'a' < N'B' and N'é' <> N'e' and 'x' in ('X ', 'y') and not 'a' <> 'A  ' and N'b' between N'A' and N'C'
select 1 where N'a' = N'a  ' collate Latin1_General_BIN2 and N'a' <> N'A' collate Latin1_General_100_BIN2 and N'a' > N'Z' collate Latin1_General_BIN2 and N'é' = N'e' collate Latin1_General_CI_AI
-- blanks count as written where a range is compared in binary: tab sorts before them
select 1 where N'a' + nchar(9) < N'a' collate Latin1_General_BIN2 and N'a' < N'a!' collate Latin1_General_BIN2
-- UTF-16 units, not code points: a pair of surrogates sorts before U+E000
select x from (values (N'😀'), (nchar(57344)), (N'z')) v(x) order by x collate Latin1_General_100_BIN2
select 1 where N'😀' < nchar(57344) collate Latin1_General_BIN2
select x collate Latin1_General_BIN2 from (values (N'b'), (N'A'), (N'a'), (N'B'), (null)) v(x) order by x collate Latin1_General_BIN2
select min(x), max(x), count(distinct x), count(distinct x collate Latin1_General_BIN2) from (values (N'b'), (N'a'), (N'B '), (N'c')) v(x)
select count(*), min(x collate Latin1_General_BIN2) from (values (N'b'), (N'B '), (N'b '), (N'a')) v(x) group by x order by 2
select count(*) from (values (N'b'), (N'B '), (N'b '), (N'a')) v(x) group by x collate Latin1_General_BIN2 order by 1
select count(*) from (values (N'i'), (N'I'), (N'İ'), (N'ı')) v(x) where x = N'i'
select 1 where 1 = 1 collate Latin1_General_BIN2
select N'a' collate No_Such_Collation
-- a Turkish database
create database turkish_till collate Turkish_CI_AS
use turkish_till; select count(*) from (values (N'i'), (N'I'), (N'İ'), (N'ı')) v(x) where x = N'i'; select count(*) from (values (N'i'), (N'I'), (N'İ'), (N'ı')) v(x) where x like N'ı%'; select lower(N'IİiI'), upper(N'ıi')
use turkish_till; select count(*) from (values (N'i'), (N'I'), (N'İ'), (N'ı')) v(x) group by x; select count(*) from (values (N'i'), (N'I'), (N'İ'), (N'ı')) v(x) where x collate Latin1_General_BIN2 = N'I'
drop database turkish_till
