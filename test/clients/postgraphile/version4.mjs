// PostGraphile 4: a GraphQL schema of each schema named, alone, and of those that stand together.
import { createRequire } from "module";
const require = createRequire(import.meta.url);
const { createPostGraphileSchema, withPostGraphileContext } = require("postgraphile");
const { graphql } = require("graphql");
const { Pool } = require("pg");
import { everything } from "./everything.mjs";

const pool = new Pool();
const ask = (schema, source) =>
  withPostGraphileContext({ pgPool: pool }, (contextValue) => graphql({ schema, source, contextValue }));

// What belongs to an extension is left out unless one asks for it.
for (const schemas of [...process.argv.slice(2).map((name) => [name]), ["sambapos", "public"], ["sambapos_replica", "public"]]) {
  const schema = await createPostGraphileSchema(pool, schemas, { includeExtensionResources: true });
  const { query, count } = everything(schema);
  const answer = query && (await ask(schema, query));
  if (answer?.errors) throw new Error(`${schemas}: ${answer.errors[0].path}: ${answer.errors[0].message}`);
  console.log(`PostGraphile 4: ${schemas}: ${count} relations`);
}
await pool.end();
