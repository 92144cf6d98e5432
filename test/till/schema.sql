/*
 * schema.sql: the SambaPOS database, as T-SQL. `tillctl ... schema` runs it batch by batch (GO ends a
 * batch); what stands below the line "-- v5" only with --v5.
 *
 * Where it comes from: parts 1 to 3 restate the system catalogue of a real SambaPOS 4.1.82 database, read
 * from a SQL Server 2014 backup of 2021-10-19 that is public (github.com/keyiflerolsun/SambaPOS_Ucretsiz,
 * folder Dosyalar): columns and their order, types, nullability, identities, primary keys, foreign keys with
 * their delete action, indexes with included columns. That database has no DEFAULT constraint, trigger, view
 * or procedure. Part 4 is version 5: names and base types come from public listings and rows; precision,
 * length and nullability are the convention the product has always used, not verified.
 *
 * Worth knowing: many tables have a composite key (Id, parent id). Numerators.LastUpdateTime is the only
 * rowversion. A line marked "-- v4+" is a column or table that version 3 lacks. No collation is given: the
 * columns take the database's. Babelfish refuses the rowversion until it is told to ignore it; tillctl does so.
 */
SET ANSI_NULLS ON;
SET QUOTED_IDENTIFIER ON;
GO

/* ======================= PART 1: tables ======================= */

/* ---- 1. Sales transactions ---- */

CREATE TABLE [dbo].[Tickets] (
    [Id]                              int IDENTITY(1,1) NOT NULL,
    [LastUpdateTime]                  datetime NOT NULL,
    [TicketNumber]                    nvarchar(max) NULL,
    [Date]                            datetime NOT NULL,
    [LastOrderDate]                   datetime NOT NULL,
    [LastPaymentDate]                 datetime NOT NULL,
    [PreOrder]                        bit NOT NULL,   -- v4+
    [IsClosed]                        bit NOT NULL,
    [IsLocked]                        bit NOT NULL,
    [RemainingAmount]                 decimal(16,2) NOT NULL,
    [TotalAmount]                     decimal(16,2) NOT NULL,
    [DepartmentId]                    int NOT NULL,
    [TerminalId]                      int NOT NULL,   -- v4+
    [TicketTypeId]                    int NOT NULL,
    [Note]                            nvarchar(max) NULL,
    [LastModifiedUserName]            nvarchar(max) NULL,
    [TicketTags]                      nvarchar(max) NULL,
    [TicketStates]                    nvarchar(max) NULL,
    [TicketLogs]                      nvarchar(max) NULL,
    [ExchangeRate]                    decimal(18,2) NOT NULL,
    [TaxIncluded]                     bit NOT NULL,
    [Name]                            nvarchar(max) NULL,
    [TransactionDocument_Id]          int NULL,
    CONSTRAINT [PK_dbo.Tickets] PRIMARY KEY CLUSTERED ([Id])
);
GO

CREATE TABLE [dbo].[TicketEntities] (
    [Id]                              int IDENTITY(1,1) NOT NULL,
    [EntityTypeId]                    int NOT NULL,
    [EntityId]                        int NOT NULL,
    [AccountId]                       int NOT NULL,
    [AccountTypeId]                   int NOT NULL,
    [EntityName]                      nvarchar(max) NULL,
    [EntityCustomData]                nvarchar(max) NULL,
    [Notes]                           nvarchar(max) NULL,   -- v4+
    [Ticket_Id]                       int NULL,
    CONSTRAINT [PK_dbo.TicketEntities] PRIMARY KEY CLUSTERED ([Id])
);
GO

CREATE TABLE [dbo].[Orders] (
    [Id]                              int IDENTITY(1,1) NOT NULL,
    [TicketId]                        int NOT NULL,
    [WarehouseId]                     int NOT NULL,
    [DepartmentId]                    int NOT NULL,
    [TerminalId]                      int NOT NULL,   -- v4+
    [MenuItemId]                      int NOT NULL,
    [MenuItemName]                    nvarchar(max) NULL,
    [PortionName]                     nvarchar(max) NULL,
    [Price]                           decimal(16,2) NOT NULL,
    [Quantity]                        decimal(16,3) NOT NULL,
    [PortionCount]                    int NOT NULL,
    [Locked]                          bit NOT NULL,
    [CalculatePrice]                  bit NOT NULL,
    [DecreaseInventory]               bit NOT NULL,
    [IncreaseInventory]               bit NOT NULL,
    [OrderNumber]                     int NOT NULL,
    [CreatingUserName]                nvarchar(max) NULL,
    [CreatedDateTime]                 datetime NOT NULL,
    [LastUpdateDateTime]              datetime NOT NULL,   -- v4+
    [AccountTransactionTypeId]        int NOT NULL,
    [ProductTimerValueId]             int NULL,
    [PriceTag]                        nvarchar(max) NULL,
    [Tag]                             nvarchar(max) NULL,
    [Taxes]                           nvarchar(max) NULL,
    [OrderTags]                       nvarchar(max) NULL,
    [OrderStates]                     nvarchar(max) NULL,
    CONSTRAINT [PK_dbo.Orders] PRIMARY KEY CLUSTERED ([Id], [TicketId])
);
GO

CREATE TABLE [dbo].[PaidItems] (
    [Id]                              int IDENTITY(1,1) NOT NULL,
    [TicketId]                        int NOT NULL,
    [Key]                             nvarchar(max) NULL,
    [Quantity]                        decimal(16,3) NOT NULL,
    CONSTRAINT [PK_dbo.PaidItems] PRIMARY KEY CLUSTERED ([Id], [TicketId])
);
GO

CREATE TABLE [dbo].[Payments] (
    [Id]                              int IDENTITY(1,1) NOT NULL,
    [TicketId]                        int NOT NULL,
    [PaymentTypeId]                   int NOT NULL,
    [DepartmentId]                    int NOT NULL,   -- v4+
    [Name]                            nvarchar(max) NULL,
    [Date]                            datetime NOT NULL,
    [AccountTransactionId]            int NOT NULL,
    [Amount]                          decimal(16,2) NOT NULL,
    [TenderedAmount]                  decimal(16,2) NOT NULL,   -- v4+
    [UserId]                          int NOT NULL,
    [TerminalId]                      int NOT NULL,   -- v4+
    [AccountTransaction_Id]           int NULL,
    [AccountTransaction_AccountTransactionDocumentId] int NULL,
    CONSTRAINT [PK_dbo.Payments] PRIMARY KEY CLUSTERED ([Id], [TicketId])
);
GO

CREATE TABLE [dbo].[ChangePayments] (
    [Id]                              int IDENTITY(1,1) NOT NULL,
    [TicketId]                        int NOT NULL,
    [ChangePaymentTypeId]             int NOT NULL,
    [Name]                            nvarchar(max) NULL,
    [Date]                            datetime NOT NULL,
    [AccountTransactionId]            int NOT NULL,
    [Amount]                          decimal(18,2) NOT NULL,
    [UserId]                          int NOT NULL,
    [AccountTransaction_Id]           int NULL,
    [AccountTransaction_AccountTransactionDocumentId] int NULL,
    CONSTRAINT [PK_dbo.ChangePayments] PRIMARY KEY CLUSTERED ([Id], [TicketId])
);
GO

CREATE TABLE [dbo].[Calculations] (
    [Id]                              int IDENTITY(1,1) NOT NULL,
    [TicketId]                        int NOT NULL,
    [Name]                            nvarchar(max) NULL,
    [Order]                           int NOT NULL,
    [CalculationTypeId]               int NOT NULL,
    [AccountTransactionTypeId]        int NOT NULL,
    [CalculationType]                 int NOT NULL,
    [IncludeTax]                      bit NOT NULL,
    [DecreaseAmount]                  bit NOT NULL,
    [UsePlainSum]                     bit NOT NULL,
    [Amount]                          decimal(16,2) NOT NULL,
    [CalculationAmount]               decimal(16,2) NOT NULL,
    [Rounding]                        decimal(16,2) NOT NULL,   -- v4+
    [LastUpdateDate]                  datetime NOT NULL,   -- v4+
    [LastUpdatedUser]                 nvarchar(max) NULL,   -- v4+
    CONSTRAINT [PK_dbo.Calculations] PRIMARY KEY CLUSTERED ([Id], [TicketId])
);
GO

CREATE TABLE [dbo].[ProductTimerValues] (
    [Id]                              int IDENTITY(1,1) NOT NULL,
    [ProductTimerId]                  int NOT NULL,
    [PriceType]                       int NOT NULL,
    [PriceDuration]                   decimal(16,2) NOT NULL,
    [MinTime]                         decimal(16,2) NOT NULL,
    [TimeRounding]                    decimal(16,2) NOT NULL,
    [Start]                           datetime NOT NULL,
    [End]                             datetime NOT NULL,
    CONSTRAINT [PK_dbo.ProductTimerValues] PRIMARY KEY CLUSTERED ([Id])
);
GO

/* ---- 2. Accounting transactions ---- */

CREATE TABLE [dbo].[AccountTransactionDocuments] (
    [Id]                              int IDENTITY(1,1) NOT NULL,
    [Date]                            datetime NOT NULL,
    [DocumentTypeId]                  int NOT NULL,
    [Name]                            nvarchar(max) NULL,
    CONSTRAINT [PK_dbo.AccountTransactionDocuments] PRIMARY KEY CLUSTERED ([Id])
);
GO

CREATE TABLE [dbo].[AccountTransactions] (
    [Id]                              int IDENTITY(1,1) NOT NULL,
    [AccountTransactionDocumentId]    int NOT NULL,
    [Amount]                          decimal(16,2) NOT NULL,
    [ExchangeRate]                    decimal(16,2) NOT NULL,
    [AccountTransactionTypeId]        int NOT NULL,
    [SourceAccountTypeId]             int NOT NULL,
    [TargetAccountTypeId]             int NOT NULL,
    [IsReversed]                      bit NOT NULL,
    [Reversable]                      bit NOT NULL,
    [Name]                            nvarchar(max) NULL,
    CONSTRAINT [PK_dbo.AccountTransactions] PRIMARY KEY CLUSTERED ([Id], [AccountTransactionDocumentId])
);
GO

CREATE TABLE [dbo].[AccountTransactionValues] (
    [Id]                              int IDENTITY(1,1) NOT NULL,
    [AccountTransactionId]            int NOT NULL,
    [AccountTransactionDocumentId]    int NOT NULL,
    [AccountTypeId]                   int NOT NULL,
    [AccountId]                       int NOT NULL,
    [Date]                            datetime NOT NULL,
    [Debit]                           decimal(16,2) NOT NULL,
    [Credit]                          decimal(16,2) NOT NULL,
    [Exchange]                        decimal(16,2) NOT NULL,
    [AccountTransactionTypeId]        int NOT NULL,   -- v4+
    [Name]                            nvarchar(max) NULL,
    CONSTRAINT [PK_dbo.AccountTransactionValues] PRIMARY KEY CLUSTERED ([Id], [AccountTransactionId], [AccountTransactionDocumentId])
);
GO

/* ---- 3. Periods and inventory transactions ---- */

CREATE TABLE [dbo].[WorkPeriods] (
    [Id]                              int IDENTITY(1,1) NOT NULL,
    [StartDate]                       datetime NOT NULL,
    [EndDate]                         datetime NOT NULL,
    [StartDescription]                nvarchar(max) NULL,
    [EndDescription]                  nvarchar(max) NULL,
    [Name]                            nvarchar(max) NULL,
    CONSTRAINT [PK_dbo.WorkPeriods] PRIMARY KEY CLUSTERED ([Id])
);
GO

CREATE TABLE [dbo].[InventoryTransactionDocuments] (
    [Id]                              int IDENTITY(1,1) NOT NULL,
    [Date]                            datetime NOT NULL,
    [Name]                            nvarchar(max) NULL,
    CONSTRAINT [PK_dbo.InventoryTransactionDocuments] PRIMARY KEY CLUSTERED ([Id])
);
GO

CREATE TABLE [dbo].[InventoryTransactions] (
    [Id]                              int IDENTITY(1,1) NOT NULL,
    [InventoryTransactionDocumentId]  int NOT NULL,
    [InventoryTransactionTypeId]      int NOT NULL,
    [SourceWarehouseId]               int NOT NULL,
    [TargetWarehouseId]               int NOT NULL,
    [Date]                            datetime NOT NULL,
    [Unit]                            nvarchar(max) NULL,
    [Multiplier]                      int NOT NULL,
    [Quantity]                        decimal(16,3) NOT NULL,
    [TotalPrice]                      decimal(16,2) NOT NULL,   -- v4+
    [InventoryItem_Id]                int NULL,
    CONSTRAINT [PK_dbo.InventoryTransactions] PRIMARY KEY CLUSTERED ([Id])
);
GO

CREATE TABLE [dbo].[PeriodicConsumptions] (
    [Id]                              int IDENTITY(1,1) NOT NULL,
    [WorkPeriodId]                    int NOT NULL,
    [StartDate]                       datetime NOT NULL,
    [EndDate]                         datetime NOT NULL,
    [LastUpdateTime]                  datetime NOT NULL,
    [Name]                            nvarchar(max) NULL,
    CONSTRAINT [PK_dbo.PeriodicConsumptions] PRIMARY KEY CLUSTERED ([Id])
);
GO

CREATE TABLE [dbo].[WarehouseConsumptions] (
    [Id]                              int IDENTITY(1,1) NOT NULL,
    [PeriodicConsumptionId]           int NOT NULL,
    [WarehouseId]                     int NOT NULL,
    CONSTRAINT [PK_dbo.WarehouseConsumptions] PRIMARY KEY CLUSTERED ([Id], [PeriodicConsumptionId])
);
GO

CREATE TABLE [dbo].[PeriodicConsumptionItems] (
    [Id]                              int IDENTITY(1,1) NOT NULL,
    [WarehouseConsumptionId]          int NOT NULL,
    [PeriodicConsumptionId]           int NOT NULL,
    [InventoryItemId]                 int NOT NULL,
    [InventoryItemName]               nvarchar(max) NULL,
    [UnitName]                        nvarchar(max) NULL,
    [UnitMultiplier]                  decimal(16,2) NOT NULL,
    [InStock]                         decimal(16,3) NOT NULL,
    [Added]                           decimal(16,3) NOT NULL,
    [Removed]                         decimal(16,3) NOT NULL,
    [Consumption]                     decimal(16,3) NOT NULL,
    [PhysicalInventory]               decimal(16,3) NULL,
    [Cost]                            decimal(16,2) NOT NULL,
    CONSTRAINT [PK_dbo.PeriodicConsumptionItems] PRIMARY KEY CLUSTERED ([Id], [WarehouseConsumptionId], [PeriodicConsumptionId])
);
GO

CREATE TABLE [dbo].[CostItems] (
    [Id]                              int IDENTITY(1,1) NOT NULL,
    [WarehouseConsumptionId]          int NOT NULL,
    [PeriodicConsumptionId]           int NOT NULL,
    [MenuItemId]                      int NOT NULL,
    [PortionId]                       int NOT NULL,
    [PortionName]                     nvarchar(max) NULL,
    [Quantity]                        decimal(16,3) NOT NULL,
    [CostPrediction]                  decimal(16,2) NOT NULL,
    [Cost]                            decimal(16,2) NOT NULL,
    [Name]                            nvarchar(max) NULL,
    CONSTRAINT [PK_dbo.CostItems] PRIMARY KEY CLUSTERED ([Id], [WarehouseConsumptionId], [PeriodicConsumptionId])
);
GO

/* ---- 4. Entities (tables, rooms, customers) and state ---- */

CREATE TABLE [dbo].[Entities] (
    [Id]                              int IDENTITY(1,1) NOT NULL,
    [EntityTypeId]                    int NOT NULL,
    [LastUpdateTime]                  datetime NOT NULL,
    [SearchString]                    nvarchar(max) NULL,
    [CustomData]                      nvarchar(max) NULL,
    [Notes]                           nvarchar(max) NULL,   -- v4+
    [AccountId]                       int NOT NULL,
    [WarehouseId]                     int NOT NULL,
    [Name]                            nvarchar(max) NULL,
    CONSTRAINT [PK_dbo.Entities] PRIMARY KEY CLUSTERED ([Id])
);
GO

CREATE TABLE [dbo].[EntityTypes] (
    [Id]                              int IDENTITY(1,1) NOT NULL,
    [SortOrder]                       int NOT NULL,
    [EntityName]                      nvarchar(max) NULL,
    [AccountTypeId]                   int NOT NULL,
    [WarehouseTypeId]                 int NOT NULL,
    [AccountNameTemplate]             nvarchar(max) NULL,
    [PrimaryFieldName]                nvarchar(max) NULL,
    [PrimaryFieldFormat]              nvarchar(max) NULL,
    [DisplayFormat]                   nvarchar(max) NULL,
    [AccountBalanceDisplayFormat]     nvarchar(max) NULL,
    [Name]                            nvarchar(max) NULL,
    CONSTRAINT [PK_dbo.EntityTypes] PRIMARY KEY CLUSTERED ([Id])
);
GO

CREATE TABLE [dbo].[EntityCustomFields] (
    [Id]                              int IDENTITY(1,1) NOT NULL,
    [EntityTypeId]                    int NOT NULL,
    [Name]                            nvarchar(max) NULL,
    [FieldType]                       int NOT NULL,
    [EditingFormat]                   nvarchar(max) NULL,
    [ValueSource]                     nvarchar(max) NULL,
    [Hidden]                          bit NOT NULL,
    CONSTRAINT [PK_dbo.EntityCustomFields] PRIMARY KEY CLUSTERED ([Id], [EntityTypeId])
);
GO

CREATE TABLE [dbo].[EntityStateValues] (
    [Id]                              int IDENTITY(1,1) NOT NULL,
    [EntityId]                        int NOT NULL,
    [EntityStates]                    nvarchar(max) NULL,
    CONSTRAINT [PK_dbo.EntityStateValues] PRIMARY KEY CLUSTERED ([Id])
);
GO

-- v4+ table
CREATE TABLE [dbo].[EntityStateLogs] (
    [Id]                              int IDENTITY(1,1) NOT NULL,
    [EntityId]                        int NOT NULL,
    [StateName]                       nvarchar(max) NULL,
    [StartState]                      nvarchar(max) NULL,
    [StartStateDate]                  datetime NOT NULL,
    [EndState]                        nvarchar(max) NULL,
    [EndStateDate]                    datetime NOT NULL,
    [CustomData]                      nvarchar(max) NULL,
    [Name]                            nvarchar(max) NULL,
    CONSTRAINT [PK_dbo.EntityStateLogs] PRIMARY KEY CLUSTERED ([Id])
);
GO

/* ---- 5. Accounts (master) ---- */

CREATE TABLE [dbo].[Accounts] (
    [Id]                              int IDENTITY(1,1) NOT NULL,
    [AccountTypeId]                   int NOT NULL,
    [ForeignCurrencyId]               int NOT NULL,
    [Name]                            nvarchar(max) NULL,
    CONSTRAINT [PK_dbo.Accounts] PRIMARY KEY CLUSTERED ([Id])
);
GO

CREATE TABLE [dbo].[AccountTypes] (
    [Id]                              int IDENTITY(1,1) NOT NULL,
    [DefaultFilterType]               int NOT NULL,
    [WorkingRule]                     int NOT NULL,
    [SortOrder]                       int NOT NULL,
    [Tags]                            nvarchar(max) NULL,
    [Name]                            nvarchar(max) NULL,
    CONSTRAINT [PK_dbo.AccountTypes] PRIMARY KEY CLUSTERED ([Id])
);
GO

CREATE TABLE [dbo].[AccountTransactionTypes] (
    [Id]                              int IDENTITY(1,1) NOT NULL,
    [SortOrder]                       int NOT NULL,
    [SourceAccountTypeId]             int NOT NULL,
    [TargetAccountTypeId]             int NOT NULL,
    [DefaultSourceAccountId]          int NOT NULL,
    [DefaultTargetAccountId]          int NOT NULL,
    [ForeignCurrencyId]               int NOT NULL,
    [Name]                            nvarchar(max) NULL,
    CONSTRAINT [PK_dbo.AccountTransactionTypes] PRIMARY KEY CLUSTERED ([Id])
);
GO

CREATE TABLE [dbo].[AccountTransactionDocumentTypes] (
    [Id]                              int IDENTITY(1,1) NOT NULL,
    [ButtonHeader]                    nvarchar(max) NULL,
    [ButtonColor]                     nvarchar(max) NULL,
    [MasterAccountTypeId]             int NOT NULL,
    [DefaultAmount]                   nvarchar(max) NULL,
    [DescriptionTemplate]             nvarchar(max) NULL,
    [ExchangeTemplate]                nvarchar(max) NULL,
    [BatchCreateDocuments]            bit NOT NULL,
    [Filter]                          int NOT NULL,
    [SortOrder]                       int NOT NULL,
    [PrinterTemplateId]               int NOT NULL,
    [Name]                            nvarchar(max) NULL,
    CONSTRAINT [PK_dbo.AccountTransactionDocumentTypes] PRIMARY KEY CLUSTERED ([Id])
);
GO

CREATE TABLE [dbo].[AccountTransactionDocumentTypeAccountTransactionTypes] (
    [AccountTransactionDocumentType_Id] int NOT NULL,
    [AccountTransactionType_Id]       int NOT NULL,
    CONSTRAINT [PK_dbo.AccountTransactionDocumentTypeAccountTransactionTypes] PRIMARY KEY CLUSTERED ([AccountTransactionDocumentType_Id], [AccountTransactionType_Id])
);
GO

CREATE TABLE [dbo].[AccountTransactionDocumentTypeMaps] (
    [Id]                              int IDENTITY(1,1) NOT NULL,
    [AccountTransactionDocumentTypeId] int NOT NULL,
    [TerminalId]                      int NOT NULL,
    [DepartmentId]                    int NOT NULL,
    [UserRoleId]                      int NOT NULL,
    [TicketTypeId]                    int NOT NULL,
    CONSTRAINT [PK_dbo.AccountTransactionDocumentTypeMaps] PRIMARY KEY CLUSTERED ([Id])
);
GO

CREATE TABLE [dbo].[AccountTransactionDocumentAccountMaps] (
    [Id]                              int IDENTITY(1,1) NOT NULL,
    [AccountTransactionDocumentTypeId] int NOT NULL,
    [AccountId]                       int NOT NULL,
    [AccountName]                     nvarchar(max) NULL,
    [MappedAccountId]                 int NOT NULL,
    [MappedAccountName]               nvarchar(max) NULL,
    CONSTRAINT [PK_dbo.AccountTransactionDocumentAccountMaps] PRIMARY KEY CLUSTERED ([Id])
);
GO

CREATE TABLE [dbo].[AccountScreens] (
    [Id]                              int IDENTITY(1,1) NOT NULL,
    [Filter]                          int NOT NULL,
    [DisplayAsTree]                   bit NOT NULL,
    [SortOrder]                       int NOT NULL,
    [AutomationCommandMapData]        nvarchar(max) NULL,
    [Name]                            nvarchar(max) NULL,
    CONSTRAINT [PK_dbo.AccountScreens] PRIMARY KEY CLUSTERED ([Id])
);
GO

CREATE TABLE [dbo].[AccountScreenValues] (
    [Id]                              int IDENTITY(1,1) NOT NULL,
    [AccountScreenId]                 int NOT NULL,
    [AccountTypeId]                   int NOT NULL,
    [AccountTypeName]                 nvarchar(max) NULL,
    [DisplayDetails]                  bit NOT NULL,
    [HideZeroBalanceAccounts]         bit NOT NULL,
    [SortOrder]                       int NOT NULL,
    CONSTRAINT [PK_dbo.AccountScreenValues] PRIMARY KEY CLUSTERED ([Id], [AccountScreenId])
);
GO

CREATE TABLE [dbo].[ForeignCurrencies] (
    [Id]                              int IDENTITY(1,1) NOT NULL,
    [CurrencySymbol]                  nvarchar(max) NULL,
    [ExchangeRate]                    decimal(18,2) NOT NULL,
    [Rounding]                        decimal(18,2) NOT NULL,
    [Name]                            nvarchar(max) NULL,
    CONSTRAINT [PK_dbo.ForeignCurrencies] PRIMARY KEY CLUSTERED ([Id])
);
GO

/* ---- 6. Menu and products (master) ---- */

CREATE TABLE [dbo].[MenuItems] (
    [Id]                              int IDENTITY(1,1) NOT NULL,
    [GroupCode]                       nvarchar(max) NULL,
    [Barcode]                         nvarchar(max) NULL,
    [Tag]                             nvarchar(max) NULL,
    [CustomTags]                      nvarchar(max) NULL,   -- v4+
    [Name]                            nvarchar(max) NULL,
    CONSTRAINT [PK_dbo.MenuItems] PRIMARY KEY CLUSTERED ([Id])
);
GO

CREATE TABLE [dbo].[MenuItemPortions] (
    [Id]                              int IDENTITY(1,1) NOT NULL,
    [Name]                            nvarchar(max) NULL,
    [MenuItemId]                      int NOT NULL,
    [Multiplier]                      int NOT NULL,
    CONSTRAINT [PK_dbo.MenuItemPortions] PRIMARY KEY CLUSTERED ([Id])
);
GO

CREATE TABLE [dbo].[MenuItemPrices] (
    [Id]                              int IDENTITY(1,1) NOT NULL,
    [MenuItemPortionId]               int NOT NULL,
    [PriceTag]                        nvarchar(10) NULL,
    [Price]                           decimal(16,2) NOT NULL,
    CONSTRAINT [PK_dbo.MenuItemPrices] PRIMARY KEY CLUSTERED ([Id], [MenuItemPortionId])
);
GO

CREATE TABLE [dbo].[MenuItemPriceDefinitions] (
    [Id]                              int IDENTITY(1,1) NOT NULL,
    [PriceTag]                        nvarchar(10) NULL,
    [Name]                            nvarchar(max) NULL,
    CONSTRAINT [PK_dbo.MenuItemPriceDefinitions] PRIMARY KEY CLUSTERED ([Id])
);
GO

CREATE TABLE [dbo].[OrderTagGroups] (
    [Id]                              int IDENTITY(1,1) NOT NULL,
    [SortOrder]                       int NOT NULL,
    [ColumnCount]                     int NOT NULL,
    [ButtonHeight]                    int NOT NULL,
    [FontSize]                        int NOT NULL,
    [ButtonColor]                     nvarchar(max) NULL,
    [MaxSelectedItems]                int NOT NULL,
    [MinSelectedItems]                int NOT NULL,
    [AddTagPriceToOrderPrice]         bit NOT NULL,
    [FreeTagging]                     bit NOT NULL,
    [SaveFreeTags]                    bit NOT NULL,
    [GroupTag]                        nvarchar(max) NULL,
    [TaxFree]                         bit NOT NULL,
    [Hidden]                          bit NOT NULL,
    [Prefixes]                        nvarchar(max) NULL,   -- v4+
    [CategoryTags]                    nvarchar(max) NULL,   -- v4+
    [Name]                            nvarchar(max) NULL,
    CONSTRAINT [PK_dbo.OrderTagGroups] PRIMARY KEY CLUSTERED ([Id])
);
GO

CREATE TABLE [dbo].[OrderTags] (
    [Id]                              int IDENTITY(1,1) NOT NULL,
    [Name]                            nvarchar(max) NULL,
    [SortOrder]                       int NOT NULL,
    [OrderTagGroupId]                 int NOT NULL,
    [Price]                           decimal(16,2) NOT NULL,
    [MenuItemId]                      int NOT NULL,
    [MaxQuantity]                     int NOT NULL,
    [Color]                           nvarchar(max) NULL,   -- v4+
    [Filter]                          nvarchar(max) NULL,   -- v4+
    CONSTRAINT [PK_dbo.OrderTags] PRIMARY KEY CLUSTERED ([Id])
);
GO

CREATE TABLE [dbo].[OrderTagMaps] (
    [Id]                              int IDENTITY(1,1) NOT NULL,
    [OrderTagGroupId]                 int NOT NULL,
    [MenuItemGroupCode]               nvarchar(max) NULL,
    [MenuItemId]                      int NOT NULL,
    [PortionName]                     nvarchar(max) NULL,   -- v4+
    [TerminalId]                      int NOT NULL,
    [DepartmentId]                    int NOT NULL,
    [UserRoleId]                      int NOT NULL,
    [TicketTypeId]                    int NOT NULL,
    CONSTRAINT [PK_dbo.OrderTagMaps] PRIMARY KEY CLUSTERED ([Id])
);
GO

CREATE TABLE [dbo].[ProductTimers] (
    [Id]                              int IDENTITY(1,1) NOT NULL,
    [PriceType]                       int NOT NULL,
    [PriceDuration]                   decimal(16,2) NOT NULL,
    [MinTime]                         decimal(16,2) NOT NULL,
    [TimeRounding]                    decimal(16,2) NOT NULL,
    [StartTime]                       int NOT NULL,
    [Name]                            nvarchar(max) NULL,
    CONSTRAINT [PK_dbo.ProductTimers] PRIMARY KEY CLUSTERED ([Id])
);
GO

-- the misspelling is the real name
CREATE TABLE [dbo].[ProdcutTimerMaps] (
    [Id]                              int IDENTITY(1,1) NOT NULL,
    [ProductTimerId]                  int NOT NULL,
    [MenuItemGroupCode]               nvarchar(max) NULL,
    [MenuItemId]                      int NOT NULL,
    [TerminalId]                      int NOT NULL,
    [DepartmentId]                    int NOT NULL,
    [UserRoleId]                      int NOT NULL,
    [TicketTypeId]                    int NOT NULL,
    CONSTRAINT [PK_dbo.ProdcutTimerMaps] PRIMARY KEY CLUSTERED ([Id])
);
GO

CREATE TABLE [dbo].[ScreenMenus] (
    [Id]                              int IDENTITY(1,1) NOT NULL,
    [CategoryColumnCount]             int NOT NULL,
    [CategoryColumnWidthRate]         int NOT NULL,
    [Name]                            nvarchar(max) NULL,
    CONSTRAINT [PK_dbo.ScreenMenus] PRIMARY KEY CLUSTERED ([Id])
);
GO

CREATE TABLE [dbo].[ScreenMenuCategories] (
    [Id]                              int IDENTITY(1,1) NOT NULL,
    [Name]                            nvarchar(max) NULL,
    [SortOrder]                       int NOT NULL,
    [ScreenMenuId]                    int NOT NULL,
    [MostUsedItemsCategory]           bit NOT NULL,
    [ColumnCount]                     int NOT NULL,
    [MenuItemButtonHeight]            int NOT NULL,
    [MenuItemButtonColor]             nvarchar(max) NULL,
    [MenuItemFontSize]                float NOT NULL,
    [WrapText]                        bit NOT NULL,
    [PageCount]                       int NOT NULL,
    [SortAlphabetically]              bit NOT NULL,   -- v4+
    [MainButtonHeight]                int NOT NULL,
    [MainButtonColor]                 nvarchar(max) NULL,
    [MainFontSize]                    float NOT NULL,
    [SubButtonHeight]                 int NOT NULL,
    [SubButtonRows]                   int NOT NULL,
    [SubButtonColorDef]               nvarchar(max) NULL,
    [NumeratorType]                   int NOT NULL,
    [NumeratorValues]                 nvarchar(max) NULL,
    [AlphaButtonValues]               nvarchar(max) NULL,
    [ImagePath]                       nvarchar(max) NULL,
    [MaxItems]                        int NOT NULL,
    CONSTRAINT [PK_dbo.ScreenMenuCategories] PRIMARY KEY CLUSTERED ([Id])
);
GO

CREATE TABLE [dbo].[ScreenMenuItems] (
    [Id]                              int IDENTITY(1,1) NOT NULL,
    [Name]                            nvarchar(max) NULL,
    [ScreenMenuCategoryId]            int NOT NULL,
    [MenuItemId]                      int NOT NULL,
    [SortOrder]                       int NOT NULL,
    [AutoSelect]                      bit NOT NULL,
    [ButtonColor]                     nvarchar(max) NULL,
    [Quantity]                        int NOT NULL,
    [ImagePath]                       nvarchar(max) NULL,
    [FontSize]                        float NOT NULL,
    [SubMenuTag]                      nvarchar(max) NULL,
    [ItemPortion]                     nvarchar(max) NULL,
    [OrderTags]                       nvarchar(max) NULL,
    [OrderStates]                     nvarchar(max) NULL,
    [AutomationCommand]               nvarchar(max) NULL,
    [AutomationCommandValue]          nvarchar(max) NULL,
    CONSTRAINT [PK_dbo.ScreenMenuItems] PRIMARY KEY CLUSTERED ([Id])
);
GO

CREATE TABLE [dbo].[Recipes] (
    [Id]                              int IDENTITY(1,1) NOT NULL,
    [FixedCost]                       decimal(16,2) NOT NULL,
    [Name]                            nvarchar(max) NULL,
    [Portion_Id]                      int NULL,
    CONSTRAINT [PK_dbo.Recipes] PRIMARY KEY CLUSTERED ([Id])
);
GO

CREATE TABLE [dbo].[RecipeItems] (
    [Id]                              int IDENTITY(1,1) NOT NULL,
    [RecipeId]                        int NOT NULL,
    [Quantity]                        decimal(16,3) NOT NULL,
    [InventoryItem_Id]                int NULL,
    CONSTRAINT [PK_dbo.RecipeItems] PRIMARY KEY CLUSTERED ([Id])
);
GO

/* ---- 7. Ticket configuration (master) ---- */

CREATE TABLE [dbo].[Departments] (
    [Id]                              int IDENTITY(1,1) NOT NULL,
    [SortOrder]                       int NOT NULL,
    [PriceTag]                        nvarchar(10) NULL,
    [WarehouseId]                     int NOT NULL,
    [TicketTypeId]                    int NOT NULL,
    [ScreenMenuId]                    int NOT NULL,
    [TicketCreationMethod]            int NOT NULL,
    [Name]                            nvarchar(max) NULL,
    CONSTRAINT [PK_dbo.Departments] PRIMARY KEY CLUSTERED ([Id])
);
GO

CREATE TABLE [dbo].[TicketTypes] (
    [Id]                              int IDENTITY(1,1) NOT NULL,
    [ScreenMenuId]                    int NOT NULL,
    [TaxIncluded]                     bit NOT NULL,
    [PreOrder]                        bit NOT NULL,   -- v4+
    [AllowZeroPricedProducts]         bit NOT NULL,   -- v4+
    [SortOrder]                       int NOT NULL,
    [Name]                            nvarchar(max) NULL,
    [TicketNumerator_Id]              int NULL,
    [OrderNumerator_Id]               int NULL,
    [SaleTransactionType_Id]          int NULL,
    CONSTRAINT [PK_dbo.TicketTypes] PRIMARY KEY CLUSTERED ([Id])
);
GO

CREATE TABLE [dbo].[EntityTypeAssignments] (
    [Id]                              int IDENTITY(1,1) NOT NULL,
    [TicketTypeId]                    int NOT NULL,
    [EntityTypeId]                    int NOT NULL,
    [EntityTypeName]                  nvarchar(max) NULL,
    [AskBeforeCreatingTicket]         bit NOT NULL,
    [State]                           nvarchar(max) NULL,
    [CopyToNewTickets]                bit NOT NULL,
    [SortOrder]                       int NOT NULL,
    CONSTRAINT [PK_dbo.EntityTypeAssignments] PRIMARY KEY CLUSTERED ([Id], [TicketTypeId])
);
GO

CREATE TABLE [dbo].[MenuAssignments] (
    [Id]                              int IDENTITY(1,1) NOT NULL,
    [TicketTypeId]                    int NOT NULL,
    [TerminalId]                      int NOT NULL,
    [MenuId]                          int NOT NULL,
    [TerminalName]                    nvarchar(max) NULL,
    [SortOrder]                       int NOT NULL,
    CONSTRAINT [PK_dbo.MenuAssignments] PRIMARY KEY CLUSTERED ([Id], [TicketTypeId])
);
GO

CREATE TABLE [dbo].[Numerators] (
    [Id]                              int IDENTITY(1,1) NOT NULL,
    [LastUpdateTime]                  rowversion       NOT NULL,   -- the catalogue calls it timestamp; binary(8), changes on every UPDATE
    [Number]                          int NOT NULL,
    [NumberFormat]                    nvarchar(max) NULL,
    [Name]                            nvarchar(max) NULL,
    CONSTRAINT [PK_dbo.Numerators] PRIMARY KEY CLUSTERED ([Id])
);
GO

CREATE TABLE [dbo].[PaymentTypes] (
    [Id]                              int IDENTITY(1,1) NOT NULL,
    [SortOrder]                       int NOT NULL,
    [ButtonColor]                     nvarchar(max) NULL,
    [FontSize]                        int NOT NULL,
    [OrderStateName]                  nvarchar(max) NULL,   -- v4+
    [OrderStateValue]                 nvarchar(max) NULL,   -- v4+
    [ProcessorSettings]               nvarchar(max) NULL,   -- v4+
    [Name]                            nvarchar(max) NULL,
    [AccountTransactionType_Id]       int NULL,
    [Account_Id]                      int NULL,
    CONSTRAINT [PK_dbo.PaymentTypes] PRIMARY KEY CLUSTERED ([Id])
);
GO

CREATE TABLE [dbo].[PaymentTypeMaps] (
    [Id]                              int IDENTITY(1,1) NOT NULL,
    [PaymentTypeId]                   int NOT NULL,
    [TerminalId]                      int NOT NULL,
    [DepartmentId]                    int NOT NULL,
    [UserRoleId]                      int NOT NULL,
    [TicketTypeId]                    int NOT NULL,
    CONSTRAINT [PK_dbo.PaymentTypeMaps] PRIMARY KEY CLUSTERED ([Id])
);
GO

CREATE TABLE [dbo].[ChangePaymentTypes] (
    [Id]                              int IDENTITY(1,1) NOT NULL,
    [SortOrder]                       int NOT NULL,
    [Name]                            nvarchar(max) NULL,
    [AccountTransactionType_Id]       int NULL,
    [Account_Id]                      int NULL,
    CONSTRAINT [PK_dbo.ChangePaymentTypes] PRIMARY KEY CLUSTERED ([Id])
);
GO

CREATE TABLE [dbo].[ChangePaymentTypeMaps] (
    [Id]                              int IDENTITY(1,1) NOT NULL,
    [ChangePaymentTypeId]             int NOT NULL,
    [TerminalId]                      int NOT NULL,
    [DepartmentId]                    int NOT NULL,
    [UserRoleId]                      int NOT NULL,
    [TicketTypeId]                    int NOT NULL,
    CONSTRAINT [PK_dbo.ChangePaymentTypeMaps] PRIMARY KEY CLUSTERED ([Id])
);
GO

CREATE TABLE [dbo].[CalculationTypes] (
    [Id]                              int IDENTITY(1,1) NOT NULL,
    [SortOrder]                       int NOT NULL,
    [CalculationMethod]               int NOT NULL,
    [Amount]                          decimal(16,2) NOT NULL,
    [MaxAmount]                       decimal(18,2) NOT NULL,
    [Rounding]                        decimal(16,2) NOT NULL,   -- v4+
    [IncludeTax]                      bit NOT NULL,
    [DecreaseAmount]                  bit NOT NULL,
    [UsePlainSum]                     bit NOT NULL,
    [ToggleCalculation]               bit NOT NULL,
    [Name]                            nvarchar(max) NULL,
    [AccountTransactionType_Id]       int NULL,
    CONSTRAINT [PK_dbo.CalculationTypes] PRIMARY KEY CLUSTERED ([Id])
);
GO

CREATE TABLE [dbo].[CalculationSelectors] (
    [Id]                              int IDENTITY(1,1) NOT NULL,
    [ButtonHeader]                    nvarchar(max) NULL,
    [ButtonColor]                     nvarchar(max) NULL,
    [FontSize]                        int NOT NULL,
    [SortOrder]                       int NOT NULL,
    [Name]                            nvarchar(max) NULL,
    CONSTRAINT [PK_dbo.CalculationSelectors] PRIMARY KEY CLUSTERED ([Id])
);
GO

CREATE TABLE [dbo].[CalculationSelectorCalculationTypes] (
    [CalculationSelector_Id]          int NOT NULL,
    [CalculationType_Id]              int NOT NULL,
    CONSTRAINT [PK_dbo.CalculationSelectorCalculationTypes] PRIMARY KEY CLUSTERED ([CalculationSelector_Id], [CalculationType_Id])
);
GO

CREATE TABLE [dbo].[CalculationSelectorMaps] (
    [Id]                              int IDENTITY(1,1) NOT NULL,
    [CalculationSelectorId]           int NOT NULL,
    [TerminalId]                      int NOT NULL,
    [DepartmentId]                    int NOT NULL,
    [UserRoleId]                      int NOT NULL,
    [TicketTypeId]                    int NOT NULL,
    CONSTRAINT [PK_dbo.CalculationSelectorMaps] PRIMARY KEY CLUSTERED ([Id])
);
GO

CREATE TABLE [dbo].[TaxTemplates] (
    [Id]                              int IDENTITY(1,1) NOT NULL,
    [SortOrder]                       int NOT NULL,
    [Rate]                            decimal(16,2) NOT NULL,
    [Rounding]                        int NOT NULL,
    [Name]                            nvarchar(max) NULL,
    [AccountTransactionType_Id]       int NULL,
    CONSTRAINT [PK_dbo.TaxTemplates] PRIMARY KEY CLUSTERED ([Id])
);
GO

CREATE TABLE [dbo].[TaxTemplateMaps] (
    [Id]                              int IDENTITY(1,1) NOT NULL,
    [TaxTemplateId]                   int NOT NULL,
    [MenuItemGroupCode]               nvarchar(max) NULL,
    [MenuItemId]                      int NOT NULL,
    [TerminalId]                      int NOT NULL,
    [DepartmentId]                    int NOT NULL,
    [UserRoleId]                      int NOT NULL,
    [TicketTypeId]                    int NOT NULL,
    CONSTRAINT [PK_dbo.TaxTemplateMaps] PRIMARY KEY CLUSTERED ([Id])
);
GO

CREATE TABLE [dbo].[TicketTagGroups] (
    [Id]                              int IDENTITY(1,1) NOT NULL,
    [SortOrder]                       int NOT NULL,
    [FreeTagging]                     bit NOT NULL,
    [SaveFreeTags]                    bit NOT NULL,
    [ButtonColorWhenTagSelected]      nvarchar(max) NULL,
    [ButtonColorWhenNoTagSelected]    nvarchar(max) NULL,
    [ForceValue]                      bit NOT NULL,
    [AskBeforeCreatingTicket]         bit NOT NULL,
    [DataType]                        int NOT NULL,
    [Name]                            nvarchar(max) NULL,
    CONSTRAINT [PK_dbo.TicketTagGroups] PRIMARY KEY CLUSTERED ([Id])
);
GO

CREATE TABLE [dbo].[TicketTags] (
    [Id]                              int IDENTITY(1,1) NOT NULL,
    [TicketTagGroupId]                int NOT NULL,
    [SortOrder]                       int NOT NULL,
    [Name]                            nvarchar(max) NULL,
    CONSTRAINT [PK_dbo.TicketTags] PRIMARY KEY CLUSTERED ([Id])
);
GO

CREATE TABLE [dbo].[TicketTagMaps] (
    [Id]                              int IDENTITY(1,1) NOT NULL,
    [TicketTagGroupId]                int NOT NULL,
    [TerminalId]                      int NOT NULL,
    [DepartmentId]                    int NOT NULL,
    [UserRoleId]                      int NOT NULL,
    [TicketTypeId]                    int NOT NULL,
    CONSTRAINT [PK_dbo.TicketTagMaps] PRIMARY KEY CLUSTERED ([Id])
);
GO

CREATE TABLE [dbo].[States] (
    [Id]                              int IDENTITY(1,1) NOT NULL,
    [GroupName]                       nvarchar(max) NULL,
    [StateType]                       int NOT NULL,
    [Color]                           nvarchar(max) NULL,
    [ShowOnEndOfDayReport]            bit NOT NULL,
    [ShowOnProductReport]             bit NOT NULL,
    [ShowOnTicket]                    bit NOT NULL,
    [Name]                            nvarchar(max) NULL,
    CONSTRAINT [PK_dbo.States] PRIMARY KEY CLUSTERED ([Id])
);
GO

/* ---- 8. Inventory (master) ---- */

CREATE TABLE [dbo].[Warehouses] (
    [Id]                              int IDENTITY(1,1) NOT NULL,
    [WarehouseTypeId]                 int NOT NULL,
    [SortOrder]                       int NOT NULL,
    [Name]                            nvarchar(max) NULL,
    CONSTRAINT [PK_dbo.Warehouses] PRIMARY KEY CLUSTERED ([Id])
);
GO

CREATE TABLE [dbo].[WarehouseTypes] (
    [Id]                              int IDENTITY(1,1) NOT NULL,
    [Hidden]                          bit NOT NULL,   -- v4+
    [Name]                            nvarchar(max) NULL,
    CONSTRAINT [PK_dbo.WarehouseTypes] PRIMARY KEY CLUSTERED ([Id])
);
GO

CREATE TABLE [dbo].[InventoryItems] (
    [Id]                              int IDENTITY(1,1) NOT NULL,
    [GroupCode]                       nvarchar(max) NULL,
    [BaseUnit]                        nvarchar(max) NULL,
    [TransactionUnit]                 nvarchar(max) NULL,
    [TransactionUnitMultiplier]       int NOT NULL,
    [Warehouse]                       nvarchar(max) NULL,
    [DefaultBaseUnitCost]             decimal(16,2) NOT NULL,   -- v4+
    [DefaultTransactionUnitCost]      decimal(16,2) NOT NULL,   -- v4+
    [Name]                            nvarchar(max) NULL,
    CONSTRAINT [PK_dbo.InventoryItems] PRIMARY KEY CLUSTERED ([Id])
);
GO

-- v4+ table
CREATE TABLE [dbo].[InventoryItemUnits] (
    [Id]                              int IDENTITY(1,1) NOT NULL,
    [InventoryItemId]                 int NOT NULL,
    [Multiplier]                      int NOT NULL,
    [ParentUnitName]                  nvarchar(max) NULL,
    [ParentUnitMultiplier]            int NOT NULL,
    [DefaultCost]                     decimal(16,2) NOT NULL,
    [IsDefaultTransactionUnit]        bit NOT NULL,
    [Name]                            nvarchar(max) NULL,
    CONSTRAINT [PK_dbo.InventoryItemUnits] PRIMARY KEY CLUSTERED ([Id], [InventoryItemId])
);
GO

CREATE TABLE [dbo].[InventoryTransactionTypes] (
    [Id]                              int IDENTITY(1,1) NOT NULL,
    [SourceWarehouseTypeId]           int NOT NULL,
    [TargetWarehouseTypeId]           int NOT NULL,
    [DefaultSourceWarehouseId]        int NOT NULL,
    [DefaultTargetWarehouseId]        int NOT NULL,
    [SortOrder]                       int NOT NULL,
    [Name]                            nvarchar(max) NULL,
    CONSTRAINT [PK_dbo.InventoryTransactionTypes] PRIMARY KEY CLUSTERED ([Id])
);
GO

CREATE TABLE [dbo].[InventoryTransactionDocumentTypes] (
    [Id]                              int IDENTITY(1,1) NOT NULL,
    [SourceEntityTypeId]              int NOT NULL,
    [TargetEntityTypeId]              int NOT NULL,
    [DefaultSourceEntityId]           int NOT NULL,
    [DefaultTargetEntityId]           int NOT NULL,
    [SortOrder]                       int NOT NULL,
    [Name]                            nvarchar(max) NULL,
    [AccountTransactionType_Id]       int NULL,
    [InventoryTransactionType_Id]     int NULL,
    CONSTRAINT [PK_dbo.InventoryTransactionDocumentTypes] PRIMARY KEY CLUSTERED ([Id])
);
GO

/* ---- 9. Users and terminals ---- */

CREATE TABLE [dbo].[Users] (
    [Id]                              int IDENTITY(1,1) NOT NULL,
    [PinCode]                         nvarchar(max) NULL,
    [Name]                            nvarchar(max) NULL,
    [UserRole_Id]                     int NULL,
    CONSTRAINT [PK_dbo.Users] PRIMARY KEY CLUSTERED ([Id])
);
GO

CREATE TABLE [dbo].[UserRoles] (
    [Id]                              int IDENTITY(1,1) NOT NULL,
    [IsAdmin]                         bit NOT NULL,
    [DepartmentId]                    int NOT NULL,
    [Name]                            nvarchar(max) NULL,
    CONSTRAINT [PK_dbo.UserRoles] PRIMARY KEY CLUSTERED ([Id])
);
GO

CREATE TABLE [dbo].[Permissions] (
    [Id]                              int IDENTITY(1,1) NOT NULL,
    [Value]                           int NOT NULL,
    [UserRoleId]                      int NOT NULL,
    [Name]                            nvarchar(max) NULL,
    CONSTRAINT [PK_dbo.Permissions] PRIMARY KEY CLUSTERED ([Id])
);
GO

CREATE TABLE [dbo].[Terminals] (
    [Id]                              int IDENTITY(1,1) NOT NULL,
    [IsDefault]                       bit NOT NULL,
    [AutoLogout]                      bit NOT NULL,
    [ReportPrinterId]                 int NOT NULL,
    [TransactionPrinterId]            int NOT NULL,
    [Name]                            nvarchar(max) NULL,
    CONSTRAINT [PK_dbo.Terminals] PRIMARY KEY CLUSTERED ([Id])
);
GO

/* ---- 10. Tasks ---- */

CREATE TABLE [dbo].[TaskTypes] (
    [Id]                              int IDENTITY(1,1) NOT NULL,
    [Name]                            nvarchar(max) NULL,
    CONSTRAINT [PK_dbo.TaskTypes] PRIMARY KEY CLUSTERED ([Id])
);
GO

CREATE TABLE [dbo].[TaskCustomFields] (
    [Id]                              int IDENTITY(1,1) NOT NULL,
    [TaskTypeId]                      int NOT NULL,
    [FieldType]                       int NOT NULL,
    [EditingFormat]                   nvarchar(max) NULL,
    [DisplayFormat]                   nvarchar(max) NULL,
    [Name]                            nvarchar(max) NULL,
    CONSTRAINT [PK_dbo.TaskCustomFields] PRIMARY KEY CLUSTERED ([Id], [TaskTypeId])
);
GO

CREATE TABLE [dbo].[Tasks] (
    [Id]                              int IDENTITY(1,1) NOT NULL,
    [TaskTypeId]                      int NOT NULL,
    [Content]                         nvarchar(max) NULL,
    [StartDate]                       datetime NOT NULL,
    [EndDate]                         datetime NOT NULL,
    [CustomData]                      nvarchar(max) NULL,
    [Completed]                       bit NOT NULL,
    [LastUpdateTime]                  datetime NOT NULL,
    [Name]                            nvarchar(max) NULL,
    CONSTRAINT [PK_dbo.Tasks] PRIMARY KEY CLUSTERED ([Id])
);
GO

CREATE TABLE [dbo].[TaskTokens] (
    [Id]                              int IDENTITY(1,1) NOT NULL,
    [TaskId]                          int NOT NULL,
    [Caption]                         nvarchar(max) NULL,
    [Value]                           nvarchar(max) NULL,
    [Type]                            int NOT NULL,
    [ReferenceTypeId]                 int NOT NULL,
    [ReferenceId]                     int NOT NULL,
    CONSTRAINT [PK_dbo.TaskTokens] PRIMARY KEY CLUSTERED ([Id], [TaskId])
);
GO

/* ---- 11. Screens, automation, printing, settings ---- */

CREATE TABLE [dbo].[EntityScreens] (
    [Id]                              int IDENTITY(1,1) NOT NULL,
    [TicketTypeId]                    int NOT NULL,
    [EntityTypeId]                    int NOT NULL,
    [SortOrder]                       int NOT NULL,
    [DisplayMode]                     int NOT NULL,
    [BackgroundColor]                 nvarchar(max) NULL,
    [BackgroundImage]                 nvarchar(max) NULL,
    [FontSize]                        int NOT NULL,
    [ButtonFontSize]                  int NOT NULL,   -- v4+
    [PageCount]                       int NOT NULL,
    [RowCount]                        int NOT NULL,
    [ColumnCount]                     int NOT NULL,
    [ButtonHeight]                    int NOT NULL,
    [DisplayState]                    nvarchar(max) NULL,
    [StateFilter]                     nvarchar(max) NULL,
    [AskTicketType]                   bit NOT NULL,
    [SearchValueReplacePattern]       nvarchar(max) NULL,
    [Name]                            nvarchar(max) NULL,
    CONSTRAINT [PK_dbo.EntityScreens] PRIMARY KEY CLUSTERED ([Id])
);
GO

CREATE TABLE [dbo].[EntityScreenItems] (
    [Id]                              int IDENTITY(1,1) NOT NULL,
    [EntityScreenId]                  int NOT NULL,
    [Name]                            nvarchar(max) NULL,
    [EntityId]                        int NOT NULL,
    [EntityState]                     nvarchar(max) NULL,
    [SortOrder]                       int NOT NULL,
    [LastUpdateTime]                  datetime NOT NULL,
    CONSTRAINT [PK_dbo.EntityScreenItems] PRIMARY KEY CLUSTERED ([Id], [EntityScreenId])
);
GO

CREATE TABLE [dbo].[EntityScreenMaps] (
    [Id]                              int IDENTITY(1,1) NOT NULL,
    [EntityScreenId]                  int NOT NULL,
    [Visibility]                      int NOT NULL,   -- v4+
    [TerminalId]                      int NOT NULL,
    [DepartmentId]                    int NOT NULL,
    [UserRoleId]                      int NOT NULL,
    [TicketTypeId]                    int NOT NULL,
    CONSTRAINT [PK_dbo.EntityScreenMaps] PRIMARY KEY CLUSTERED ([Id])
);
GO

CREATE TABLE [dbo].[Widgets] (
    [Id]                              int IDENTITY(1,1) NOT NULL,
    [Name]                            nvarchar(max) NULL,
    [EntityScreenId]                  int NOT NULL,
    [XLocation]                       int NOT NULL,
    [YLocation]                       int NOT NULL,
    [Height]                          int NOT NULL,
    [Width]                           int NOT NULL,
    [Zindex]                          int NOT NULL,   -- v4+
    [CornerRadius]                    int NOT NULL,
    [Angle]                           float NOT NULL,
    [Scale]                           float NOT NULL,
    [Properties]                      nvarchar(max) NULL,
    [CreatorName]                     nvarchar(max) NULL,
    [AutoRefresh]                     bit NOT NULL,
    [AutoRefreshInterval]             int NOT NULL,
    CONSTRAINT [PK_dbo.Widgets] PRIMARY KEY CLUSTERED ([Id])
);
GO

CREATE TABLE [dbo].[AppActions] (
    [Id]                              int IDENTITY(1,1) NOT NULL,
    [ActionType]                      nvarchar(max) NULL,
    [Parameter]                       nvarchar(max) NULL,
    [SortOrder]                       int NOT NULL,
    [Name]                            nvarchar(max) NULL,
    CONSTRAINT [PK_dbo.AppActions] PRIMARY KEY CLUSTERED ([Id])
);
GO

CREATE TABLE [dbo].[AppRules] (
    [Id]                              int IDENTITY(1,1) NOT NULL,
    [EventName]                       nvarchar(max) NULL,
    [EventConstraints]                nvarchar(max) NULL,
    [CustomConstraint]                nvarchar(max) NULL,
    [RuleConstraints]                 nvarchar(max) NULL,
    [ConstraintMatch]                 int NOT NULL,
    [SortOrder]                       int NOT NULL,
    [Tags]                            nvarchar(max) NULL,   -- v4+
    [Name]                            nvarchar(max) NULL,
    CONSTRAINT [PK_dbo.AppRules] PRIMARY KEY CLUSTERED ([Id])
);
GO

CREATE TABLE [dbo].[AppRuleMaps] (
    [Id]                              int IDENTITY(1,1) NOT NULL,
    [AppRuleId]                       int NOT NULL,
    [TerminalId]                      int NOT NULL,
    [DepartmentId]                    int NOT NULL,
    [UserRoleId]                      int NOT NULL,
    [TicketTypeId]                    int NOT NULL,
    CONSTRAINT [PK_dbo.AppRuleMaps] PRIMARY KEY CLUSTERED ([Id])
);
GO

CREATE TABLE [dbo].[ActionContainers] (
    [Id]                              int IDENTITY(1,1) NOT NULL,
    [AppActionId]                     int NOT NULL,
    [AppRuleId]                       int NOT NULL,
    [Name]                            nvarchar(max) NULL,
    [ParameterValues]                 nvarchar(max) NULL,
    [CustomConstraint]                nvarchar(max) NULL,
    [SortOrder]                       int NOT NULL,
    CONSTRAINT [PK_dbo.ActionContainers] PRIMARY KEY CLUSTERED ([Id])
);
GO

CREATE TABLE [dbo].[AutomationCommands] (
    [Id]                              int IDENTITY(1,1) NOT NULL,
    [ButtonHeader]                    nvarchar(max) NULL,
    [Color]                           nvarchar(max) NULL,
    [FontSize]                        int NOT NULL,
    [Values]                          nvarchar(max) NULL,
    [ToggleValues]                    bit NOT NULL,
    [ExecuteOnce]                     bit NOT NULL,   -- v4+
    [ClearSelection]                  bit NOT NULL,   -- v4+
    [SortOrder]                       int NOT NULL,
    [ConfirmationType]                int NOT NULL,   -- v4+
    [Name]                            nvarchar(max) NULL,
    CONSTRAINT [PK_dbo.AutomationCommands] PRIMARY KEY CLUSTERED ([Id])
);
GO

CREATE TABLE [dbo].[AutomationCommandMaps] (
    [Id]                              int IDENTITY(1,1) NOT NULL,
    [AutomationCommandId]             int NOT NULL,
    [DisplayOnTicket]                 bit NOT NULL,
    [DisplayOnPayment]                bit NOT NULL,
    [DisplayOnOrders]                 bit NOT NULL,
    [DisplayOnTicketList]             bit NOT NULL,
    [DisplayUnderTicket]              bit NOT NULL,
    [DisplayUnderTicket2]             bit NOT NULL,
    [DisplayOnCommandSelector]        bit NOT NULL,
    [EnabledStates]                   nvarchar(max) NULL,
    [VisibleStates]                   nvarchar(max) NULL,
    [TerminalId]                      int NOT NULL,
    [DepartmentId]                    int NOT NULL,
    [UserRoleId]                      int NOT NULL,
    [TicketTypeId]                    int NOT NULL,
    CONSTRAINT [PK_dbo.AutomationCommandMaps] PRIMARY KEY CLUSTERED ([Id])
);
GO

CREATE TABLE [dbo].[Scripts] (
    [Id]                              int IDENTITY(1,1) NOT NULL,
    [HandlerName]                     nvarchar(max) NULL,
    [Code]                            nvarchar(max) NULL,
    [Name]                            nvarchar(max) NULL,
    CONSTRAINT [PK_dbo.Scripts] PRIMARY KEY CLUSTERED ([Id])
);
GO

CREATE TABLE [dbo].[Triggers] (
    [Id]                              int IDENTITY(1,1) NOT NULL,
    [Expression]                      nvarchar(max) NULL,
    [LastTrigger]                     datetime NOT NULL,
    [Name]                            nvarchar(max) NULL,
    CONSTRAINT [PK_dbo.Triggers] PRIMARY KEY CLUSTERED ([Id])
);
GO

CREATE TABLE [dbo].[Printers] (
    [Id]                              int IDENTITY(1,1) NOT NULL,
    [ShareName]                       nvarchar(max) NULL,
    [PrinterType]                     int NOT NULL,
    [CodePage]                        int NOT NULL,
    [CharsPerLine]                    int NOT NULL,
    [PageHeight]                      int NOT NULL,
    [CustomPrinterName]               nvarchar(max) NULL,
    [CustomPrinterData]               nvarchar(max) NULL,
    [CharReplacement]                 nvarchar(max) NULL,   -- v4+
    [RtlMode]                         int NOT NULL,   -- v4+
    [Name]                            nvarchar(max) NULL,
    CONSTRAINT [PK_dbo.Printers] PRIMARY KEY CLUSTERED ([Id])
);
GO

CREATE TABLE [dbo].[PrintJobs] (
    [Id]                              int IDENTITY(1,1) NOT NULL,
    [WhatToPrint]                     int NOT NULL,
    [UseForPaidTickets]               bit NOT NULL,
    [ExcludeTax]                      bit NOT NULL,
    [Name]                            nvarchar(max) NULL,
    CONSTRAINT [PK_dbo.PrintJobs] PRIMARY KEY CLUSTERED ([Id])
);
GO

CREATE TABLE [dbo].[PrinterMaps] (
    [Id]                              int IDENTITY(1,1) NOT NULL,
    [PrintJobId]                      int NOT NULL,
    [MenuItemGroupCode]               nvarchar(max) NULL,
    [MenuItemId]                      int NOT NULL,
    [PrinterId]                       int NOT NULL,
    [PrinterTemplateId]               int NOT NULL,
    CONSTRAINT [PK_dbo.PrinterMaps] PRIMARY KEY CLUSTERED ([Id])
);
GO

CREATE TABLE [dbo].[PrinterTemplates] (
    [Id]                              int IDENTITY(1,1) NOT NULL,
    [Template]                        nvarchar(max) NULL,
    [MergeLines]                      bit NOT NULL,
    [SortOrder]                       nvarchar(max) NULL,   -- v4+
    [Name]                            nvarchar(max) NULL,
    CONSTRAINT [PK_dbo.PrinterTemplates] PRIMARY KEY CLUSTERED ([Id])
);
GO

-- v4+ table
CREATE TABLE [dbo].[CustomReports] (
    [Id]                              int IDENTITY(1,1) NOT NULL,
    [ReportType]                      int NOT NULL,
    [Template]                        nvarchar(max) NULL,
    [PageSize]                        nvarchar(max) NULL,
    [AppendToWprOrder]                int NOT NULL,
    [Layouts]                         nvarchar(max) NULL,
    [Name]                            nvarchar(max) NULL,
    CONSTRAINT [PK_dbo.CustomReports] PRIMARY KEY CLUSTERED ([Id])
);
GO

CREATE TABLE [dbo].[ProgramSettingValues] (
    [Id]                              int IDENTITY(1,1) NOT NULL,
    [Value]                           nvarchar(max) NULL,
    [Name]                            nvarchar(max) NULL,
    CONSTRAINT [PK_dbo.ProgramSettingValues] PRIMARY KEY CLUSTERED ([Id])
);
GO

-- v4+ table
CREATE TABLE [dbo].[AddonLicenses] (
    [Id]                              int IDENTITY(1,1) NOT NULL,
    [Key]                             nvarchar(max) NULL,
    [Name]                            nvarchar(max) NULL,
    CONSTRAINT [PK_dbo.AddonLicenses] PRIMARY KEY CLUSTERED ([Id])
);
GO

/* ---- 12. Schema bookkeeping ---- */

CREATE TABLE [dbo].[VersionInfo] (
    [Version]                         bigint NOT NULL,
    [AppliedOn]                       datetime NULL   -- v4+
);
GO

CREATE TABLE [dbo].[__MigrationHistory] (
    [MigrationId]                     nvarchar(255) NOT NULL,
    [Model]                           varbinary(max) NOT NULL,
    [ProductVersion]                  nvarchar(32) NOT NULL,
    CONSTRAINT [PK_dbo.__MigrationHistory] PRIMARY KEY CLUSTERED ([MigrationId])
);
GO

/* ======================= PART 2: foreign keys ======================= */
/* 47 cascade, 20 do not. Ids such as Orders.MenuItemId, Payments.PaymentTypeId, Tickets.DepartmentId,
   AccountTransactionValues.AccountId or TicketEntities.EntityId have NO foreign key: the row they name may be gone. */

ALTER TABLE [dbo].[AccountScreenValues] ADD CONSTRAINT [FK_dbo.AccountScreenValues_dbo.AccountScreens_AccountScreenId]
    FOREIGN KEY ([AccountScreenId]) REFERENCES [dbo].[AccountScreens] ([Id]) ON DELETE CASCADE;
ALTER TABLE [dbo].[AccountTransactionDocumentAccountMaps] ADD CONSTRAINT [FK_dbo.AccountTransactionDocumentAccountMaps_dbo.AccountTransactionDocumentTypes_AccountTransactionDocumentTypeId]
    FOREIGN KEY ([AccountTransactionDocumentTypeId]) REFERENCES [dbo].[AccountTransactionDocumentTypes] ([Id]) ON DELETE CASCADE;
ALTER TABLE [dbo].[AccountTransactionDocumentTypeAccountTransactionTypes] ADD CONSTRAINT [FK_dbo.AccountTransactionDocumentTypeAccountTransactionTypes_dbo.AccountTransactionDocumentTypes_AccountTransactionDocumentType_]
    FOREIGN KEY ([AccountTransactionDocumentType_Id]) REFERENCES [dbo].[AccountTransactionDocumentTypes] ([Id]) ON DELETE CASCADE;
ALTER TABLE [dbo].[AccountTransactionDocumentTypeAccountTransactionTypes] ADD CONSTRAINT [FK_dbo.AccountTransactionDocumentTypeAccountTransactionTypes_dbo.AccountTransactionTypes_AccountTransactionType_Id]
    FOREIGN KEY ([AccountTransactionType_Id]) REFERENCES [dbo].[AccountTransactionTypes] ([Id]) ON DELETE CASCADE;
ALTER TABLE [dbo].[AccountTransactionDocumentTypeMaps] ADD CONSTRAINT [FK_dbo.AccountTransactionDocumentTypeMaps_dbo.AccountTransactionDocumentTypes_AccountTransactionDocumentTypeId]
    FOREIGN KEY ([AccountTransactionDocumentTypeId]) REFERENCES [dbo].[AccountTransactionDocumentTypes] ([Id]) ON DELETE CASCADE;
ALTER TABLE [dbo].[AccountTransactionValues] ADD CONSTRAINT [FK_dbo.AccountTransactionValues_dbo.AccountTransactions_AccountTransactionId_AccountTransactionDocumentId]
    FOREIGN KEY ([AccountTransactionId], [AccountTransactionDocumentId]) REFERENCES [dbo].[AccountTransactions] ([Id], [AccountTransactionDocumentId]) ON DELETE CASCADE;
ALTER TABLE [dbo].[AccountTransactions] ADD CONSTRAINT [FK_dbo.AccountTransactions_dbo.AccountTransactionDocuments_AccountTransactionDocumentId]
    FOREIGN KEY ([AccountTransactionDocumentId]) REFERENCES [dbo].[AccountTransactionDocuments] ([Id]) ON DELETE CASCADE;
ALTER TABLE [dbo].[ActionContainers] ADD CONSTRAINT [FK_dbo.ActionContainers_dbo.AppRules_AppRuleId]
    FOREIGN KEY ([AppRuleId]) REFERENCES [dbo].[AppRules] ([Id]) ON DELETE CASCADE;
ALTER TABLE [dbo].[AppRuleMaps] ADD CONSTRAINT [FK_dbo.AppRuleMaps_dbo.AppRules_AppRuleId]
    FOREIGN KEY ([AppRuleId]) REFERENCES [dbo].[AppRules] ([Id]) ON DELETE CASCADE;
ALTER TABLE [dbo].[AutomationCommandMaps] ADD CONSTRAINT [FK_dbo.AutomationCommandMaps_dbo.AutomationCommands_AutomationCommandId]
    FOREIGN KEY ([AutomationCommandId]) REFERENCES [dbo].[AutomationCommands] ([Id]) ON DELETE CASCADE;
ALTER TABLE [dbo].[CalculationSelectorCalculationTypes] ADD CONSTRAINT [FK_dbo.CalculationSelectorCalculationTypes_dbo.CalculationSelectors_CalculationSelector_Id]
    FOREIGN KEY ([CalculationSelector_Id]) REFERENCES [dbo].[CalculationSelectors] ([Id]) ON DELETE CASCADE;
ALTER TABLE [dbo].[CalculationSelectorCalculationTypes] ADD CONSTRAINT [FK_dbo.CalculationSelectorCalculationTypes_dbo.CalculationTypes_CalculationType_Id]
    FOREIGN KEY ([CalculationType_Id]) REFERENCES [dbo].[CalculationTypes] ([Id]) ON DELETE CASCADE;
ALTER TABLE [dbo].[CalculationSelectorMaps] ADD CONSTRAINT [FK_dbo.CalculationSelectorMaps_dbo.CalculationSelectors_CalculationSelectorId]
    FOREIGN KEY ([CalculationSelectorId]) REFERENCES [dbo].[CalculationSelectors] ([Id]) ON DELETE CASCADE;
ALTER TABLE [dbo].[CalculationTypes] ADD CONSTRAINT [FK_dbo.CalculationTypes_dbo.AccountTransactionTypes_AccountTransactionType_Id]
    FOREIGN KEY ([AccountTransactionType_Id]) REFERENCES [dbo].[AccountTransactionTypes] ([Id]);
ALTER TABLE [dbo].[Calculations] ADD CONSTRAINT [FK_dbo.Calculations_dbo.Tickets_TicketId]
    FOREIGN KEY ([TicketId]) REFERENCES [dbo].[Tickets] ([Id]) ON DELETE CASCADE;
ALTER TABLE [dbo].[ChangePaymentTypeMaps] ADD CONSTRAINT [FK_dbo.ChangePaymentTypeMaps_dbo.ChangePaymentTypes_ChangePaymentTypeId]
    FOREIGN KEY ([ChangePaymentTypeId]) REFERENCES [dbo].[ChangePaymentTypes] ([Id]) ON DELETE CASCADE;
ALTER TABLE [dbo].[ChangePaymentTypes] ADD CONSTRAINT [FK_dbo.ChangePaymentTypes_dbo.AccountTransactionTypes_AccountTransactionType_Id]
    FOREIGN KEY ([AccountTransactionType_Id]) REFERENCES [dbo].[AccountTransactionTypes] ([Id]);
ALTER TABLE [dbo].[ChangePaymentTypes] ADD CONSTRAINT [FK_dbo.ChangePaymentTypes_dbo.Accounts_Account_Id]
    FOREIGN KEY ([Account_Id]) REFERENCES [dbo].[Accounts] ([Id]);
ALTER TABLE [dbo].[ChangePayments] ADD CONSTRAINT [FK_dbo.ChangePayments_dbo.AccountTransactions_AccountTransaction_Id_AccountTransaction_AccountTransactionDocumentId]
    FOREIGN KEY ([AccountTransaction_Id], [AccountTransaction_AccountTransactionDocumentId]) REFERENCES [dbo].[AccountTransactions] ([Id], [AccountTransactionDocumentId]);
ALTER TABLE [dbo].[ChangePayments] ADD CONSTRAINT [FK_dbo.ChangePayments_dbo.Tickets_TicketId]
    FOREIGN KEY ([TicketId]) REFERENCES [dbo].[Tickets] ([Id]) ON DELETE CASCADE;
ALTER TABLE [dbo].[CostItems] ADD CONSTRAINT [FK_dbo.CostItems_dbo.WarehouseConsumptions_WarehouseConsumptionId_PeriodicConsumptionId]
    FOREIGN KEY ([WarehouseConsumptionId], [PeriodicConsumptionId]) REFERENCES [dbo].[WarehouseConsumptions] ([Id], [PeriodicConsumptionId]) ON DELETE CASCADE;
ALTER TABLE [dbo].[EntityCustomFields] ADD CONSTRAINT [FK_dbo.EntityCustomFields_dbo.EntityTypes_EntityTypeId]
    FOREIGN KEY ([EntityTypeId]) REFERENCES [dbo].[EntityTypes] ([Id]) ON DELETE CASCADE;
ALTER TABLE [dbo].[EntityScreenItems] ADD CONSTRAINT [FK_dbo.EntityScreenItems_dbo.EntityScreens_EntityScreenId]
    FOREIGN KEY ([EntityScreenId]) REFERENCES [dbo].[EntityScreens] ([Id]) ON DELETE CASCADE;
ALTER TABLE [dbo].[EntityScreenMaps] ADD CONSTRAINT [FK_dbo.EntityScreenMaps_dbo.EntityScreens_EntityScreenId]
    FOREIGN KEY ([EntityScreenId]) REFERENCES [dbo].[EntityScreens] ([Id]) ON DELETE CASCADE;
ALTER TABLE [dbo].[EntityStateLogs] ADD CONSTRAINT [FK_dbo.EntityStateLogs_dbo.Entities_EntityId]
    FOREIGN KEY ([EntityId]) REFERENCES [dbo].[Entities] ([Id]) ON DELETE CASCADE;
ALTER TABLE [dbo].[EntityTypeAssignments] ADD CONSTRAINT [FK_dbo.EntityTypeAssignments_dbo.TicketTypes_TicketTypeId]
    FOREIGN KEY ([TicketTypeId]) REFERENCES [dbo].[TicketTypes] ([Id]) ON DELETE CASCADE;
ALTER TABLE [dbo].[InventoryItemUnits] ADD CONSTRAINT [FK_dbo.InventoryItemUnits_dbo.InventoryItems_InventoryItemId]
    FOREIGN KEY ([InventoryItemId]) REFERENCES [dbo].[InventoryItems] ([Id]) ON DELETE CASCADE;
ALTER TABLE [dbo].[InventoryTransactionDocumentTypes] ADD CONSTRAINT [FK_dbo.InventoryTransactionDocumentTypes_dbo.AccountTransactionTypes_AccountTransactionType_Id]
    FOREIGN KEY ([AccountTransactionType_Id]) REFERENCES [dbo].[AccountTransactionTypes] ([Id]);
ALTER TABLE [dbo].[InventoryTransactionDocumentTypes] ADD CONSTRAINT [FK_dbo.InventoryTransactionDocumentTypes_dbo.InventoryTransactionTypes_InventoryTransactionType_Id]
    FOREIGN KEY ([InventoryTransactionType_Id]) REFERENCES [dbo].[InventoryTransactionTypes] ([Id]);
ALTER TABLE [dbo].[InventoryTransactions] ADD CONSTRAINT [FK_dbo.InventoryTransactions_dbo.InventoryItems_InventoryItem_Id]
    FOREIGN KEY ([InventoryItem_Id]) REFERENCES [dbo].[InventoryItems] ([Id]);
ALTER TABLE [dbo].[InventoryTransactions] ADD CONSTRAINT [FK_dbo.InventoryTransactions_dbo.InventoryTransactionDocuments_InventoryTransactionDocumentId]
    FOREIGN KEY ([InventoryTransactionDocumentId]) REFERENCES [dbo].[InventoryTransactionDocuments] ([Id]) ON DELETE CASCADE;
ALTER TABLE [dbo].[MenuAssignments] ADD CONSTRAINT [FK_dbo.MenuAssignments_dbo.TicketTypes_TicketTypeId]
    FOREIGN KEY ([TicketTypeId]) REFERENCES [dbo].[TicketTypes] ([Id]) ON DELETE CASCADE;
ALTER TABLE [dbo].[MenuItemPortions] ADD CONSTRAINT [FK_dbo.MenuItemPortions_dbo.MenuItems_MenuItemId]
    FOREIGN KEY ([MenuItemId]) REFERENCES [dbo].[MenuItems] ([Id]) ON DELETE CASCADE;
ALTER TABLE [dbo].[MenuItemPrices] ADD CONSTRAINT [FK_dbo.MenuItemPrices_dbo.MenuItemPortions_MenuItemPortionId]
    FOREIGN KEY ([MenuItemPortionId]) REFERENCES [dbo].[MenuItemPortions] ([Id]) ON DELETE CASCADE;
ALTER TABLE [dbo].[OrderTagMaps] ADD CONSTRAINT [FK_dbo.OrderTagMaps_dbo.OrderTagGroups_OrderTagGroupId]
    FOREIGN KEY ([OrderTagGroupId]) REFERENCES [dbo].[OrderTagGroups] ([Id]) ON DELETE CASCADE;
ALTER TABLE [dbo].[OrderTags] ADD CONSTRAINT [FK_dbo.OrderTags_dbo.OrderTagGroups_OrderTagGroupId]
    FOREIGN KEY ([OrderTagGroupId]) REFERENCES [dbo].[OrderTagGroups] ([Id]) ON DELETE CASCADE;
ALTER TABLE [dbo].[Orders] ADD CONSTRAINT [FK_dbo.Orders_dbo.ProductTimerValues_ProductTimerValueId]
    FOREIGN KEY ([ProductTimerValueId]) REFERENCES [dbo].[ProductTimerValues] ([Id]);
ALTER TABLE [dbo].[Orders] ADD CONSTRAINT [FK_dbo.Orders_dbo.Tickets_TicketId]
    FOREIGN KEY ([TicketId]) REFERENCES [dbo].[Tickets] ([Id]) ON DELETE CASCADE;
ALTER TABLE [dbo].[PaidItems] ADD CONSTRAINT [FK_dbo.PaidItems_dbo.Tickets_TicketId]
    FOREIGN KEY ([TicketId]) REFERENCES [dbo].[Tickets] ([Id]) ON DELETE CASCADE;
ALTER TABLE [dbo].[PaymentTypeMaps] ADD CONSTRAINT [FK_dbo.PaymentTypeMaps_dbo.PaymentTypes_PaymentTypeId]
    FOREIGN KEY ([PaymentTypeId]) REFERENCES [dbo].[PaymentTypes] ([Id]) ON DELETE CASCADE;
ALTER TABLE [dbo].[PaymentTypes] ADD CONSTRAINT [FK_dbo.PaymentTypes_dbo.AccountTransactionTypes_AccountTransactionType_Id]
    FOREIGN KEY ([AccountTransactionType_Id]) REFERENCES [dbo].[AccountTransactionTypes] ([Id]);
ALTER TABLE [dbo].[PaymentTypes] ADD CONSTRAINT [FK_dbo.PaymentTypes_dbo.Accounts_Account_Id]
    FOREIGN KEY ([Account_Id]) REFERENCES [dbo].[Accounts] ([Id]);
ALTER TABLE [dbo].[Payments] ADD CONSTRAINT [FK_dbo.Payments_dbo.AccountTransactions_AccountTransaction_Id_AccountTransaction_AccountTransactionDocumentId]
    FOREIGN KEY ([AccountTransaction_Id], [AccountTransaction_AccountTransactionDocumentId]) REFERENCES [dbo].[AccountTransactions] ([Id], [AccountTransactionDocumentId]);
ALTER TABLE [dbo].[Payments] ADD CONSTRAINT [FK_dbo.Payments_dbo.Tickets_TicketId]
    FOREIGN KEY ([TicketId]) REFERENCES [dbo].[Tickets] ([Id]) ON DELETE CASCADE;
ALTER TABLE [dbo].[PeriodicConsumptionItems] ADD CONSTRAINT [FK_dbo.PeriodicConsumptionItems_dbo.WarehouseConsumptions_WarehouseConsumptionId_PeriodicConsumptionId]
    FOREIGN KEY ([WarehouseConsumptionId], [PeriodicConsumptionId]) REFERENCES [dbo].[WarehouseConsumptions] ([Id], [PeriodicConsumptionId]) ON DELETE CASCADE;
ALTER TABLE [dbo].[Permissions] ADD CONSTRAINT [FK_dbo.Permissions_dbo.UserRoles_UserRoleId]
    FOREIGN KEY ([UserRoleId]) REFERENCES [dbo].[UserRoles] ([Id]) ON DELETE CASCADE;
ALTER TABLE [dbo].[PrinterMaps] ADD CONSTRAINT [FK_dbo.PrinterMaps_dbo.PrintJobs_PrintJobId]
    FOREIGN KEY ([PrintJobId]) REFERENCES [dbo].[PrintJobs] ([Id]) ON DELETE CASCADE;
ALTER TABLE [dbo].[ProdcutTimerMaps] ADD CONSTRAINT [FK_dbo.ProdcutTimerMaps_dbo.ProductTimers_ProductTimerId]
    FOREIGN KEY ([ProductTimerId]) REFERENCES [dbo].[ProductTimers] ([Id]) ON DELETE CASCADE;
ALTER TABLE [dbo].[RecipeItems] ADD CONSTRAINT [FK_dbo.RecipeItems_dbo.InventoryItems_InventoryItem_Id]
    FOREIGN KEY ([InventoryItem_Id]) REFERENCES [dbo].[InventoryItems] ([Id]);
ALTER TABLE [dbo].[RecipeItems] ADD CONSTRAINT [FK_dbo.RecipeItems_dbo.Recipes_RecipeId]
    FOREIGN KEY ([RecipeId]) REFERENCES [dbo].[Recipes] ([Id]) ON DELETE CASCADE;
ALTER TABLE [dbo].[Recipes] ADD CONSTRAINT [FK_dbo.Recipes_dbo.MenuItemPortions_Portion_Id]
    FOREIGN KEY ([Portion_Id]) REFERENCES [dbo].[MenuItemPortions] ([Id]);
ALTER TABLE [dbo].[ScreenMenuCategories] ADD CONSTRAINT [FK_dbo.ScreenMenuCategories_dbo.ScreenMenus_ScreenMenuId]
    FOREIGN KEY ([ScreenMenuId]) REFERENCES [dbo].[ScreenMenus] ([Id]) ON DELETE CASCADE;
ALTER TABLE [dbo].[ScreenMenuItems] ADD CONSTRAINT [FK_dbo.ScreenMenuItems_dbo.ScreenMenuCategories_ScreenMenuCategoryId]
    FOREIGN KEY ([ScreenMenuCategoryId]) REFERENCES [dbo].[ScreenMenuCategories] ([Id]) ON DELETE CASCADE;
ALTER TABLE [dbo].[TaskCustomFields] ADD CONSTRAINT [FK_dbo.TaskCustomFields_dbo.TaskTypes_TaskTypeId]
    FOREIGN KEY ([TaskTypeId]) REFERENCES [dbo].[TaskTypes] ([Id]) ON DELETE CASCADE;
ALTER TABLE [dbo].[TaskTokens] ADD CONSTRAINT [FK_dbo.TaskTokens_dbo.Tasks_TaskId]
    FOREIGN KEY ([TaskId]) REFERENCES [dbo].[Tasks] ([Id]) ON DELETE CASCADE;
ALTER TABLE [dbo].[TaxTemplateMaps] ADD CONSTRAINT [FK_dbo.TaxTemplateMaps_dbo.TaxTemplates_TaxTemplateId]
    FOREIGN KEY ([TaxTemplateId]) REFERENCES [dbo].[TaxTemplates] ([Id]) ON DELETE CASCADE;
ALTER TABLE [dbo].[TaxTemplates] ADD CONSTRAINT [FK_dbo.TaxTemplates_dbo.AccountTransactionTypes_AccountTransactionType_Id]
    FOREIGN KEY ([AccountTransactionType_Id]) REFERENCES [dbo].[AccountTransactionTypes] ([Id]);
ALTER TABLE [dbo].[TicketEntities] ADD CONSTRAINT [FK_dbo.TicketEntities_dbo.Tickets_Ticket_Id]
    FOREIGN KEY ([Ticket_Id]) REFERENCES [dbo].[Tickets] ([Id]);
ALTER TABLE [dbo].[TicketTagMaps] ADD CONSTRAINT [FK_dbo.TicketTagMaps_dbo.TicketTagGroups_TicketTagGroupId]
    FOREIGN KEY ([TicketTagGroupId]) REFERENCES [dbo].[TicketTagGroups] ([Id]) ON DELETE CASCADE;
ALTER TABLE [dbo].[TicketTags] ADD CONSTRAINT [FK_dbo.TicketTags_dbo.TicketTagGroups_TicketTagGroupId]
    FOREIGN KEY ([TicketTagGroupId]) REFERENCES [dbo].[TicketTagGroups] ([Id]) ON DELETE CASCADE;
ALTER TABLE [dbo].[TicketTypes] ADD CONSTRAINT [FK_dbo.TicketTypes_dbo.Numerators_OrderNumerator_Id]
    FOREIGN KEY ([OrderNumerator_Id]) REFERENCES [dbo].[Numerators] ([Id]);
ALTER TABLE [dbo].[TicketTypes] ADD CONSTRAINT [FK_dbo.TicketTypes_dbo.AccountTransactionTypes_SaleTransactionType_Id]
    FOREIGN KEY ([SaleTransactionType_Id]) REFERENCES [dbo].[AccountTransactionTypes] ([Id]);
ALTER TABLE [dbo].[TicketTypes] ADD CONSTRAINT [FK_dbo.TicketTypes_dbo.Numerators_TicketNumerator_Id]
    FOREIGN KEY ([TicketNumerator_Id]) REFERENCES [dbo].[Numerators] ([Id]);
ALTER TABLE [dbo].[Tickets] ADD CONSTRAINT [FK_dbo.Tickets_dbo.AccountTransactionDocuments_TransactionDocument_Id]
    FOREIGN KEY ([TransactionDocument_Id]) REFERENCES [dbo].[AccountTransactionDocuments] ([Id]);
ALTER TABLE [dbo].[Users] ADD CONSTRAINT [FK_dbo.Users_dbo.UserRoles_UserRole_Id]
    FOREIGN KEY ([UserRole_Id]) REFERENCES [dbo].[UserRoles] ([Id]);
ALTER TABLE [dbo].[WarehouseConsumptions] ADD CONSTRAINT [FK_dbo.WarehouseConsumptions_dbo.PeriodicConsumptions_PeriodicConsumptionId]
    FOREIGN KEY ([PeriodicConsumptionId]) REFERENCES [dbo].[PeriodicConsumptions] ([Id]) ON DELETE CASCADE;
ALTER TABLE [dbo].[Widgets] ADD CONSTRAINT [FK_dbo.Widgets_dbo.EntityScreens_EntityScreenId]
    FOREIGN KEY ([EntityScreenId]) REFERENCES [dbo].[EntityScreens] ([Id]) ON DELETE CASCADE;
GO

/* ======================= PART 3: indexes ======================= */
/* Tickets.Date and Tickets.LastUpdateTime have no index in any version seen. */

CREATE INDEX [IX_TransactionDocument_Id] ON [dbo].[Tickets] ([TransactionDocument_Id]);
CREATE INDEX [IX_Tickets_LastPaymentDate] ON [dbo].[Tickets] ([LastPaymentDate]);
CREATE INDEX [IX_Ticket_Id] ON [dbo].[TicketEntities] ([Ticket_Id]);
CREATE INDEX [IX_ProductTimerValueId] ON [dbo].[Orders] ([ProductTimerValueId]);
CREATE INDEX [IX_TicketId] ON [dbo].[Orders] ([TicketId]);
CREATE INDEX [IX_ORDERS_TicketId_Id_ProductTimerValueId] ON [dbo].[Orders] ([TicketId], [Id], [ProductTimerValueId])
    INCLUDE ([WarehouseId], [DepartmentId], [MenuItemId], [MenuItemName], [PortionName], [Price], [Quantity], [PortionCount], [Locked], [CalculatePrice], [DecreaseInventory], [IncreaseInventory], [OrderNumber], [CreatingUserName], [CreatedDateTime], [AccountTransactionTypeId], [PriceTag], [Tag], [Taxes], [OrderTags], [OrderStates]);
CREATE INDEX [IX_TicketId] ON [dbo].[PaidItems] ([TicketId]);
CREATE INDEX [IX_AccountTransaction_Id_AccountTransaction_AccountTransactionDocumentId] ON [dbo].[Payments] ([AccountTransaction_Id], [AccountTransaction_AccountTransactionDocumentId]);
CREATE INDEX [IX_TicketId] ON [dbo].[Payments] ([TicketId]);
CREATE INDEX [IX_Payments_TicketId_Id] ON [dbo].[Payments] ([TicketId], [Id])
    INCLUDE ([PaymentTypeId], [DepartmentId], [Name], [Date], [AccountTransactionId], [Amount], [TenderedAmount], [UserId]);
CREATE INDEX [IX_AccountTransaction_Id_AccountTransaction_AccountTransactionDocumentId] ON [dbo].[ChangePayments] ([AccountTransaction_Id], [AccountTransaction_AccountTransactionDocumentId]);
CREATE INDEX [IX_TicketId] ON [dbo].[ChangePayments] ([TicketId]);
CREATE INDEX [IX_TicketId] ON [dbo].[Calculations] ([TicketId]);
CREATE INDEX [IX_AccountTransactionDocumentId] ON [dbo].[AccountTransactions] ([AccountTransactionDocumentId]);
CREATE INDEX [IX_AccountTransactionId_AccountTransactionDocumentId] ON [dbo].[AccountTransactionValues] ([AccountTransactionId], [AccountTransactionDocumentId]);
CREATE INDEX [IX_AccountTransactionValues_AccountId] ON [dbo].[AccountTransactionValues] ([AccountId])
    INCLUDE ([Id], [AccountTransactionId], [AccountTransactionDocumentId], [AccountTypeId], [Date], [Debit], [Credit], [Exchange], [Name]);
CREATE INDEX [IX_InventoryItem_Id] ON [dbo].[InventoryTransactions] ([InventoryItem_Id]);
CREATE INDEX [IX_InventoryTransactionDocumentId] ON [dbo].[InventoryTransactions] ([InventoryTransactionDocumentId]);
CREATE INDEX [IX_PeriodicConsumptionId] ON [dbo].[WarehouseConsumptions] ([PeriodicConsumptionId]);
CREATE INDEX [IX_WarehouseConsumptionId_PeriodicConsumptionId] ON [dbo].[PeriodicConsumptionItems] ([WarehouseConsumptionId], [PeriodicConsumptionId]);
CREATE INDEX [IX_WarehouseConsumptionId_PeriodicConsumptionId] ON [dbo].[CostItems] ([WarehouseConsumptionId], [PeriodicConsumptionId]);
CREATE INDEX [IX_EntityTypeId] ON [dbo].[EntityCustomFields] ([EntityTypeId]);
CREATE UNIQUE INDEX [IX_EntityStateValue_EntityId] ON [dbo].[EntityStateValues] ([EntityId]);
CREATE INDEX [IX_EntityId] ON [dbo].[EntityStateLogs] ([EntityId]);
CREATE INDEX [IX_AccountTransactionDocumentType_Id] ON [dbo].[AccountTransactionDocumentTypeAccountTransactionTypes] ([AccountTransactionDocumentType_Id]);
CREATE INDEX [IX_AccountTransactionType_Id] ON [dbo].[AccountTransactionDocumentTypeAccountTransactionTypes] ([AccountTransactionType_Id]);
CREATE INDEX [IX_AccountTransactionDocumentTypeId] ON [dbo].[AccountTransactionDocumentTypeMaps] ([AccountTransactionDocumentTypeId]);
CREATE INDEX [IX_AccountTransactionDocumentTypeId] ON [dbo].[AccountTransactionDocumentAccountMaps] ([AccountTransactionDocumentTypeId]);
CREATE INDEX [IX_AccountScreenId] ON [dbo].[AccountScreenValues] ([AccountScreenId]);
CREATE INDEX [IX_MenuItemId] ON [dbo].[MenuItemPortions] ([MenuItemId]);
CREATE INDEX [IX_MenuItemPortionId] ON [dbo].[MenuItemPrices] ([MenuItemPortionId]);
CREATE INDEX [IX_OrderTagGroupId] ON [dbo].[OrderTags] ([OrderTagGroupId]);
CREATE INDEX [IX_OrderTagGroupId] ON [dbo].[OrderTagMaps] ([OrderTagGroupId]);
CREATE INDEX [IX_ProductTimerId] ON [dbo].[ProdcutTimerMaps] ([ProductTimerId]);
CREATE INDEX [IX_ScreenMenuId] ON [dbo].[ScreenMenuCategories] ([ScreenMenuId]);
CREATE INDEX [IX_ScreenMenuCategoryId] ON [dbo].[ScreenMenuItems] ([ScreenMenuCategoryId]);
CREATE INDEX [IX_Portion_Id] ON [dbo].[Recipes] ([Portion_Id]);
CREATE INDEX [IX_InventoryItem_Id] ON [dbo].[RecipeItems] ([InventoryItem_Id]);
CREATE INDEX [IX_RecipeId] ON [dbo].[RecipeItems] ([RecipeId]);
CREATE INDEX [IX_TicketNumerator_Id] ON [dbo].[TicketTypes] ([TicketNumerator_Id]);
CREATE INDEX [IX_OrderNumerator_Id] ON [dbo].[TicketTypes] ([OrderNumerator_Id]);
CREATE INDEX [IX_SaleTransactionType_Id] ON [dbo].[TicketTypes] ([SaleTransactionType_Id]);
CREATE INDEX [IX_TicketTypeId] ON [dbo].[EntityTypeAssignments] ([TicketTypeId]);
CREATE INDEX [IX_TicketTypeId] ON [dbo].[MenuAssignments] ([TicketTypeId]);
CREATE INDEX [IX_AccountTransactionType_Id] ON [dbo].[PaymentTypes] ([AccountTransactionType_Id]);
CREATE INDEX [IX_Account_Id] ON [dbo].[PaymentTypes] ([Account_Id]);
CREATE INDEX [IX_PaymentTypeId] ON [dbo].[PaymentTypeMaps] ([PaymentTypeId]);
CREATE INDEX [IX_AccountTransactionType_Id] ON [dbo].[ChangePaymentTypes] ([AccountTransactionType_Id]);
CREATE INDEX [IX_Account_Id] ON [dbo].[ChangePaymentTypes] ([Account_Id]);
CREATE INDEX [IX_ChangePaymentTypeId] ON [dbo].[ChangePaymentTypeMaps] ([ChangePaymentTypeId]);
CREATE INDEX [IX_AccountTransactionType_Id] ON [dbo].[CalculationTypes] ([AccountTransactionType_Id]);
CREATE INDEX [IX_CalculationSelector_Id] ON [dbo].[CalculationSelectorCalculationTypes] ([CalculationSelector_Id]);
CREATE INDEX [IX_CalculationType_Id] ON [dbo].[CalculationSelectorCalculationTypes] ([CalculationType_Id]);
CREATE INDEX [IX_CalculationSelectorId] ON [dbo].[CalculationSelectorMaps] ([CalculationSelectorId]);
CREATE INDEX [IX_AccountTransactionType_Id] ON [dbo].[TaxTemplates] ([AccountTransactionType_Id]);
CREATE INDEX [IX_TaxTemplateId] ON [dbo].[TaxTemplateMaps] ([TaxTemplateId]);
CREATE INDEX [IX_TicketTagGroupId] ON [dbo].[TicketTags] ([TicketTagGroupId]);
CREATE INDEX [IX_TicketTagGroupId] ON [dbo].[TicketTagMaps] ([TicketTagGroupId]);
CREATE INDEX [IX_InventoryItemId] ON [dbo].[InventoryItemUnits] ([InventoryItemId]);
CREATE INDEX [IX_AccountTransactionType_Id] ON [dbo].[InventoryTransactionDocumentTypes] ([AccountTransactionType_Id]);
CREATE INDEX [IX_InventoryTransactionType_Id] ON [dbo].[InventoryTransactionDocumentTypes] ([InventoryTransactionType_Id]);
CREATE INDEX [IX_UserRole_Id] ON [dbo].[Users] ([UserRole_Id]);
CREATE INDEX [IX_UserRoleId] ON [dbo].[Permissions] ([UserRoleId]);
CREATE INDEX [IX_TaskTypeId] ON [dbo].[TaskCustomFields] ([TaskTypeId]);
CREATE INDEX [IX_TaskId] ON [dbo].[TaskTokens] ([TaskId]);
CREATE INDEX [IX_EntityScreenId] ON [dbo].[EntityScreenItems] ([EntityScreenId]);
CREATE INDEX [IX_EntityScreenId] ON [dbo].[EntityScreenMaps] ([EntityScreenId]);
CREATE INDEX [IX_EntityScreenId] ON [dbo].[Widgets] ([EntityScreenId]);
CREATE INDEX [IX_AppRuleId] ON [dbo].[AppRuleMaps] ([AppRuleId]);
CREATE INDEX [IX_AppRuleId] ON [dbo].[ActionContainers] ([AppRuleId]);
CREATE INDEX [IX_AutomationCommandId] ON [dbo].[AutomationCommandMaps] ([AutomationCommandId]);
CREATE INDEX [IX_PrintJobId] ON [dbo].[PrinterMaps] ([PrintJobId]);
CREATE UNIQUE CLUSTERED INDEX [UC_Version] ON [dbo].[VersionInfo] ([Version]);
GO

-- v5
/* ======================= PART 4: version 5 =======================
   In a real version 5 database these columns stand between the others (TicketVersion and TicketUid follow
   LastUpdateTime), so never rely on ordinal positions. The DEFAULT constraints (DF_v5_*) were not seen: they
   are here only so that NOT NULL columns can be added to tables that hold rows. */

ALTER TABLE [dbo].[Tickets] ADD [TicketVersion] datetime NOT NULL CONSTRAINT [DF_v5_Tickets_TicketVersion] DEFAULT ('19000101');
ALTER TABLE [dbo].[Tickets] ADD [TicketUid] nvarchar(max) NULL;
ALTER TABLE [dbo].[Tickets] ADD [LineSeparators] nvarchar(max) NULL;
ALTER TABLE [dbo].[Tickets] ADD [IsOpened] bit NOT NULL CONSTRAINT [DF_v5_Tickets_IsOpened] DEFAULT (0);
ALTER TABLE [dbo].[Tickets] ADD [TotalAmountPreTax] decimal(16,2) NOT NULL CONSTRAINT [DF_v5_Tickets_TotalAmountPreTax] DEFAULT (0);
ALTER TABLE [dbo].[Tickets] ADD [CreatedUserName] nvarchar(max) NULL;
ALTER TABLE [dbo].[Orders] ADD [GroupTagName] nvarchar(max) NULL;
ALTER TABLE [dbo].[Orders] ADD [GroupTagFormat] nvarchar(max) NULL;
ALTER TABLE [dbo].[Orders] ADD [Separator] nvarchar(max) NULL;
ALTER TABLE [dbo].[Orders] ADD [OrderUid] nvarchar(max) NULL;
ALTER TABLE [dbo].[Orders] ADD [DisablePortionSelection] bit NOT NULL CONSTRAINT [DF_v5_Orders_DisablePortionSelection] DEFAULT (0);
ALTER TABLE [dbo].[Payments] ADD [Description] nvarchar(max) NULL;
ALTER TABLE [dbo].[Payments] ADD [ExchangeRate] decimal(28,10) NOT NULL CONSTRAINT [DF_v5_Payments_ExchangeRate] DEFAULT (1);   -- ten decimals seen in v5 SQL; precision assumed
ALTER TABLE [dbo].[Payments] ADD [PaymentData] nvarchar(max) NULL;
ALTER TABLE [dbo].[Payments] ADD [CanAdjustTip] bit NOT NULL CONSTRAINT [DF_v5_Payments_CanAdjustTip] DEFAULT (0);
ALTER TABLE [dbo].[AccountTransactionDocuments] ADD [UserId] int NOT NULL CONSTRAINT [DF_v5_AccountTransactionDocuments_UserId] DEFAULT (0);
ALTER TABLE [dbo].[AccountTransactionDocuments] ADD [UserName] nvarchar(max) NULL;
ALTER TABLE [dbo].[AccountTransactionValues] ADD [DepartmentId] int NOT NULL CONSTRAINT [DF_v5_AccountTransactionValues_DepartmentId] DEFAULT (0);
ALTER TABLE [dbo].[WorkPeriods] ADD [WorkPeriodNumber] int NOT NULL CONSTRAINT [DF_v5_WorkPeriods_WorkPeriodNumber] DEFAULT (0);
ALTER TABLE [dbo].[WorkPeriods] ADD [StartById] int NOT NULL CONSTRAINT [DF_v5_WorkPeriods_StartById] DEFAULT (0);
ALTER TABLE [dbo].[WorkPeriods] ADD [StartByName] nvarchar(max) NULL;
ALTER TABLE [dbo].[WorkPeriods] ADD [EndById] int NOT NULL CONSTRAINT [DF_v5_WorkPeriods_EndById] DEFAULT (0);
ALTER TABLE [dbo].[WorkPeriods] ADD [EndByName] nvarchar(max) NULL;
ALTER TABLE [dbo].[InventoryTransactionDocuments] ADD [InventoryDocumentTransactionTypeId] int NOT NULL CONSTRAINT [DF_v5_InventoryTransactionDocuments_InventoryDocumentTransactionTypeId] DEFAULT (0);
ALTER TABLE [dbo].[InventoryTransactionDocuments] ADD [TransactionAccountTransactionTypeId] int NOT NULL CONSTRAINT [DF_v5_InventoryTransactionDocuments_TransactionAccountTransactionTypeId] DEFAULT (0);
ALTER TABLE [dbo].[InventoryTransactionDocuments] ADD [AccountTypeId] int NOT NULL CONSTRAINT [DF_v5_InventoryTransactionDocuments_AccountTypeId] DEFAULT (0);
ALTER TABLE [dbo].[InventoryTransactionDocuments] ADD [AccountId] int NOT NULL CONSTRAINT [DF_v5_InventoryTransactionDocuments_AccountId] DEFAULT (0);
ALTER TABLE [dbo].[InventoryTransactionDocuments] ADD [Description] nvarchar(max) NULL;
ALTER TABLE [dbo].[InventoryTransactionDocuments] ADD [ForeignCurrencyId] int NOT NULL CONSTRAINT [DF_v5_InventoryTransactionDocuments_ForeignCurrencyId] DEFAULT (0);
ALTER TABLE [dbo].[InventoryTransactionDocuments] ADD [AccountTransactionDocument_Id] int NULL;
ALTER TABLE [dbo].[CostItems] ADD [AvgPrice] decimal(16,2) NOT NULL CONSTRAINT [DF_v5_CostItems_AvgPrice] DEFAULT (0);
ALTER TABLE [dbo].[EntityTypes] ADD [DefaultStates] nvarchar(max) NULL;
ALTER TABLE [dbo].[AccountScreens] ADD [SettingData] nvarchar(max) NULL;
ALTER TABLE [dbo].[ForeignCurrencies] ADD [InverseExchangeRate] bit NOT NULL CONSTRAINT [DF_v5_ForeignCurrencies_InverseExchangeRate] DEFAULT (0);
ALTER TABLE [dbo].[OrderTags] ADD [Description] nvarchar(max) NULL;
ALTER TABLE [dbo].[OrderTags] ADD [Rate] decimal(16,2) NOT NULL CONSTRAINT [DF_v5_OrderTags_Rate] DEFAULT (0);
ALTER TABLE [dbo].[OrderTags] ADD [Header] nvarchar(max) NULL;
ALTER TABLE [dbo].[OrderTags] ADD [Amount] decimal(16,2) NOT NULL CONSTRAINT [DF_v5_OrderTags_Amount] DEFAULT (0);
ALTER TABLE [dbo].[ScreenMenuItems] ADD [Header] nvarchar(max) NULL;
ALTER TABLE [dbo].[ScreenMenuItems] ADD [Appearance] nvarchar(max) NULL;
ALTER TABLE [dbo].[ScreenMenuItems] ADD [DisablePortionSelection] bit NOT NULL CONSTRAINT [DF_v5_ScreenMenuItems_DisablePortionSelection] DEFAULT (0);
ALTER TABLE [dbo].[ScreenMenuItems] ADD [GroupTag] nvarchar(max) NULL;
ALTER TABLE [dbo].[PaymentTypes] ADD [ButtonHeader] nvarchar(max) NULL;
ALTER TABLE [dbo].[InventoryTransactionDocumentTypes] ADD [EntityTypeId] int NOT NULL CONSTRAINT [DF_v5_InventoryTransactionDocumentTypes_EntityTypeId] DEFAULT (0);
ALTER TABLE [dbo].[InventoryTransactionDocumentTypes] ADD [DefaultEntityId] int NOT NULL CONSTRAINT [DF_v5_InventoryTransactionDocumentTypes_DefaultEntityId] DEFAULT (0);
ALTER TABLE [dbo].[InventoryTransactionDocumentTypes] ADD [ButtonHeader] nvarchar(max) NULL;
ALTER TABLE [dbo].[InventoryTransactionDocumentTypes] ADD [ButtonColor] nvarchar(max) NULL;
-- the next four are not in the v5 listing
ALTER TABLE [dbo].[InventoryTransactionDocumentTypes] DROP COLUMN [SourceEntityTypeId];
ALTER TABLE [dbo].[InventoryTransactionDocumentTypes] DROP COLUMN [TargetEntityTypeId];
ALTER TABLE [dbo].[InventoryTransactionDocumentTypes] DROP COLUMN [DefaultSourceEntityId];
ALTER TABLE [dbo].[InventoryTransactionDocumentTypes] DROP COLUMN [DefaultTargetEntityId];
ALTER TABLE [dbo].[Users] ADD [Password] nvarchar(max) NULL;
ALTER TABLE [dbo].[Users] ADD [Terminal_Id] int NULL;
ALTER TABLE [dbo].[Users] ADD [SevenShiftsEmployeeId] int NOT NULL CONSTRAINT [DF_v5_Users_SevenShiftsEmployeeId] DEFAULT (0);
ALTER TABLE [dbo].[UserRoles] ADD [ManagementCommands] nvarchar(max) NULL;
ALTER TABLE [dbo].[TaskTypes] ADD [SubOf] nvarchar(max) NULL;
ALTER TABLE [dbo].[EntityScreens] ADD [UseStateDisplayFormat] bit NOT NULL CONSTRAINT [DF_v5_EntityScreens_UseStateDisplayFormat] DEFAULT (0);
ALTER TABLE [dbo].[EntityScreens] ADD [DetailTemplate] nvarchar(max) NULL;
ALTER TABLE [dbo].[EntityScreens] ADD [Layout] nvarchar(max) NULL;
ALTER TABLE [dbo].[EntityScreens] ADD [ButtonHeader] nvarchar(max) NULL;
ALTER TABLE [dbo].[EntityScreens] ADD [DeferAutoUpdatesDuration] int NOT NULL CONSTRAINT [DF_v5_EntityScreens_DeferAutoUpdatesDuration] DEFAULT (0);
ALTER TABLE [dbo].[Widgets] ADD [UniqueId] nvarchar(max) NULL;
ALTER TABLE [dbo].[Widgets] ADD [Margin] nvarchar(max) NULL;
ALTER TABLE [dbo].[Widgets] ADD [SettingData] nvarchar(max) NULL;
ALTER TABLE [dbo].[ActionContainers] ADD [Async] bit NOT NULL CONSTRAINT [DF_v5_ActionContainers_Async] DEFAULT (0);
GO

-- New in v5 (columns as listed; unverified beyond names and base types)
CREATE TABLE [dbo].[GraphqlClients] (
    [Id]                              int IDENTITY(1,1) NOT NULL,
    [Identifier]                      nvarchar(max) NULL,
    [Secret]                          nvarchar(max) NULL,   -- credential: never replicate
    [ApplicationType]                 int NOT NULL,
    [Active]                          bit NOT NULL,
    [RefreshTokenLifeTime]            int NOT NULL,
    [AllowedOrigin]                   nvarchar(max) NULL,
    [AllowedFunctions]                nvarchar(max) NULL,
    [AuthorizationType]               int NOT NULL,
    [Name]                            nvarchar(max) NULL,
    CONSTRAINT [PK_dbo.GraphqlClients] PRIMARY KEY CLUSTERED ([Id])
);
CREATE TABLE [dbo].[AutoConfigurationTasks] (
    [Id]                              int IDENTITY(1,1) NOT NULL,
    [Description]                     nvarchar(max) NULL,
    [Language]                        nvarchar(max) NULL,
    [CreateBackup]                    bit NOT NULL,
    [TaskData]                        nvarchar(max) NULL,
    [SortOrder]                       int NOT NULL,
    [Name]                            nvarchar(max) NULL,
    CONSTRAINT [PK_dbo.AutoConfigurationTasks] PRIMARY KEY CLUSTERED ([Id])
);
GO
-- Also present in v5 by name, columns not established: RefreshTokens (credentials), DataExports.
-- v5 listings show __MigrationHistory with a ContextKey column (Entity Framework 6).
