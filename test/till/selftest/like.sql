-- the documentation's table of wildcards as literals
select x from (values (N'5%'), (N'5x'), (N'_n'), (N'an')) v(x) where x like N'5[%]' or x like N'[_]n'
select x from (values (N'a'), (N'b'), (N'c'), (N'd'), (N'e'), (N'f'), (N'-'), (N'['), (N']')) v(x) where x like N'[a-cdf]'
select x from (values (N'a'), (N'b'), (N'c'), (N'd'), (N'f'), (N'-')) v(x) where x like N'[-acdf]'
select x from (values (N'['), (N']'), (N'a]b'), (N'a[b')) v(x) where x like N'[[]' or x like N']' or x like N'a]_'
select x from (values (N'abc_d'), (N'abc_de'), (N'abcxd')) v(x) where x like N'abc[_]d%'
select x from (values (N'b'), (N'B'), (N'c'), (N'1'), (N'^')) v(x) where x like N'[^b-c]'
select x from (values (N'a^b'), (N'axb'), (N'a-b')) v(x) where x like N'a[x^]b'
-- ESCAPE: before a wildcard, before anything else it is dropped, inside brackets too; at the end the pattern is not valid
select x from (values (N'30%'), (N'30!'), (N'30')) v(x) where x like N'%30!%%' escape N'!'
select x from (values (N'a_b'), (N'axb')) v(x) where x like N'a!_b' escape '!'
select x from (values (N'abc')) v(x) where x like N'!abc' escape '!'
select x from (values (N']'), (N'a'), (N'-'), (N'b')) v(x) where x like N'[!]a!-]' escape '!'
select count(*) from (values (N'abc'), (N'abc!')) v(x) where x like N'abc!' escape '!'
select count(*) from (values (N'a[bc'), (N'ab')) v(x) where x like N'a[b%'
select x from (values (N'a[bc'), (N'ab')) v(x) where x like N'a![b%' escape '!'
select 1 where N'a' like N'a' escape N'!!'
-- trailing blanks: of the pattern they count; of the subject only where a side is Unicode
select count(*) from (values (cast('abc  ' as varchar(10)))) v(x) where x like 'abc' and x like 'abc ' and x not like 'abc    '
select count(*) from (values (cast('abc' as varchar(10)))) v(x) where x like 'abc '
select count(*) from (values (cast(N'abc  ' as nvarchar(10)))) v(x) where x like N'abc'
select count(*) from (values (cast('abc  ' as varchar(10)))) v(x) where x like N'abc'
select count(*) from (values (cast('Robert King' as char(30)))) v(x) where x like '% King'
select count(*) from (values (cast(N'Robert King' as nchar(30)))) v(x) where x like N'% King'
select count(*) from (values (cast(N'Robert King' as nchar(30)))) v(x) where rtrim(x) like N'% King'
-- the collation decides: case, accents, binary; Turkish below
select x from (values (N'ÇAY'), (N'çay'), (N'cay'), (N'Ćay')) v(x) where x like N'ç%'
select x from (values (N'ÇAY'), (N'çay'), (N'cay')) v(x) where x collate Latin1_General_CI_AI like N'c%'
select x from (values (N'two'), (N'TWO')) v(x) where x collate Latin1_General_100_BIN2 like N't%'
select x from (values (N'two'), (N'TWO')) v(x) where x collate Latin1_General_CS_AS like N'_WO'
select x from (values (N'İ'), (N'i'), (N'I'), (N'ı')) v(x) where x like N'_' and x like N'i'
-- a supplementary character is two, unless the collation says _SC
select count(*) from (values (N'a😀b')) v(x) where x like N'a__b' and x not like N'a_b' and x like N'a😀b' and x like N'%😀%'
select count(*) from (values (N'a😀b')) v(x) where x collate Latin1_General_100_CI_AS_SC like N'a_b'
-- patterns that are no literals
declare @p nvarchar(20) = N'a[%]%'; select x from (values (N'a%b'), (N'axb')) v(x) where x like @p
select x from (values (N'a%b', N'a[%]_'), (N'axb', N'a[^x]b'), (N'a]b', N'a]b'), (N'a_b', N'a!_b'), (N'a', N'a!'), (N'ab', N'a[b'), (N'a😀', N'a__')) v(x, p) where x like p escape '!'
select x from (values (N'abc'), (null)) v(x) where x not like N'z%'
select count(*) from (values (N'line' + nchar(10) + N'break')) v(x) where x like N'line%break' and x like N'line_break'
