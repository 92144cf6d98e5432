import { count, inArray } from "drizzle-orm";
import { drizzle } from "drizzle-orm/node-postgres";
import { Pool } from "pg";
import { ticketsInSambaposReplica as tickets, tableStatusInSambapos as tables } from "./drizzle/schema";

async function main() {
  const pool = new Pool();
  const db = drizzle(pool);
  const [counted] = await db.select({ rows: count() }).from(tickets).where(inArray(tickets.rowState, ["live", "cleared"]));
  const [one] = await db.select({ id: tickets.id, amount: tickets.totalAmount }).from(tickets).limit(1);
  const amount: string | null = one.amount;
  const states = await db.select({ name: tables.tableName, status: tables.status }).from(tables);
  if (!counted.rows || !amount || !states.length) throw new Error("no rows");
  console.log(`Drizzle: ${counted.rows} tickets, ${states.length} tables`);
  await pool.end();
}
main();
