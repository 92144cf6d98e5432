import { Kysely, PostgresDialect } from "kysely";
import { Pool } from "pg";
import type { DB } from "./database";

async function main() {
  const db = new Kysely<DB>({ dialect: new PostgresDialect({ pool: new Pool() }) });
  const tickets = await db
    .selectFrom("sambapos_replica.tickets")
    .select(["id", "total_amount"])
    .where("row_state", "in", ["live", "cleared", "superseded"])
    .execute();
  const amount: string | null = tickets[0].total_amount;
  const states = await db.selectFrom("sambapos.table_status").select(["table_name", "status"]).execute();
  if (!amount || !states.length) throw new Error("no rows");
  console.log(`Kysely: ${tickets.length} tickets, ${states.length} tables`);
  await db.destroy();
}
main();
