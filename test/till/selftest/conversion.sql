-- CAST, TRY_CAST, CONVERT, binary and text, NULL
select cast(0x0102 as int), cast(258 as varbinary(4)), convert(varchar(20),0x0102AB,1), convert(varchar(20),0x0102AB,2), convert(varbinary(10),'0x0102',1), cast('abc' as varbinary(10)), cast(N'abc' as varbinary(10))
select isnull(null,'x'), coalesce(null,null,3), nullif(1,1), nullif(1,2), iif(1=1,'y','n')
select hashbytes('MD5','abc'), hashbytes('SHA2_256',N'abc'), hashbytes('MD5', N'çş')
select cast(N'0E984725-C51C-4BF4-9960-E1C80E27ABA0' as uniqueidentifier), cast(cast(N'0E984725-C51C-4BF4-9960-E1C80E27ABA0' as uniqueidentifier) as varchar(40)), cast(cast(N'0E984725-C51C-4BF4-9960-E1C80E27ABA0' as uniqueidentifier) as binary(16))
select cast('abc' as int)
