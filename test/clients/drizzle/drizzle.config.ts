import { defineConfig } from "drizzle-kit";

const { PGHOST, PGUSER, PGDATABASE, SCHEMAS } = process.env;
export default defineConfig({
  dialect: "postgresql",
  out: "./drizzle",
  schemaFilter: SCHEMAS!.split(" "),
  dbCredentials: { url: `postgresql://${PGUSER}@localhost/${PGDATABASE}?host=${PGHOST}` },
});
