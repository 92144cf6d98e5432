// PostGraphile 4 as a client of a feed, in a database of its own: a GraphQL subscription on channel sambapos_changed, and
// full and delta payload over GraphQL. A client that uses both, and is cut off once, ends with what is in the table.
import { createRequire } from "module";
import { createServer } from "http";
const require = createRequire(import.meta.url);
const { postgraphile, makePluginHook, enhanceHttpServerWithSubscriptions } = require("postgraphile");
const { default: PgPubsub } = require("@graphile/pg-pubsub");
const { makeExtendSchemaPlugin, gql } = require("graphile-utils");
const { createClient } = require("graphql-ws");
const { WebSocket } = require("ws");
const { Pool } = require("pg");

const edits = 100;
const pool = new Pool();
const run = (sql, values) => pool.query(sql, values);

// The payload of a notification is the event; its words are those of doc/feed.md.
const Changed = makeExtendSchemaPlugin(() => ({
  typeDefs: gql`
    type FeedChanged { feed: String! incarnation: String! from: Int! to: Int! }
    extend type Subscription { sambaposChanged: FeedChanged @pgSubscription(topic: "sambapos_changed") }`,
  resolvers: {},
}));

await run("CREATE SCHEMA pos");
await run("CREATE TABLE pos.products (id integer PRIMARY KEY, name text, price numeric(10, 2))");
await run("SELECT sambapos_add_feed('pos')");
await run("SELECT sambapos_add_to_feed('pos', 'pos.products')");
await run("CALL sambapos_feed_tick('pos')");

const middleware = postgraphile(pool, ["public"], {
  subscriptions: true, simpleSubscriptions: false, websockets: ["v1"], includeExtensionResources: true, ignoreRBAC: false,
  appendPlugins: [Changed], pluginHook: makePluginHook([PgPubsub]), disableQueryLog: true,
  watchPg: false,
});
const server = createServer(middleware);
await enhanceHttpServerWithSubscriptions(server, middleware);
await new Promise((done) => server.listen(0, "127.0.0.1", done));
const url = `127.0.0.1:${server.address().port}/graphql`;

async function ask(query, variables) {
  const response = await fetch(`http://${url}`, {
    method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify({ query, variables }),
  });
  const { data, errors } = await response.json();
  if (errors) throw new Error(errors[0].message);
  return data;
}

const copy = { version: null, incarnation: null, rows: new Map(), asked: Promise.resolve() };

async function round() {
  const { delta } = await ask(
    "query ($since: BigInt, $life: UUID) { delta: sambaposDeltaPayload(feed: \"pos\", since: $since, incarnation: $life) }",
    { since: copy.version, life: copy.incarnation });
  let answer = JSON.parse(delta);
  if (answer.fullRequired) {
    answer = JSON.parse((await ask("{ full: sambaposFullPayload(feed: \"pos\") }")).full);
    copy.rows = new Map(answer.products.map((row) => [row.id, row]));
    [copy.version, copy.incarnation] = [String(answer.version), answer.incarnation];
    return;
  }
  for (const change of answer.changes) {
    if (change.operation === "DELETE") copy.rows.delete(change.entityId);
    else copy.rows.set(change.entityId, change.data);
  }
  copy.version = String(answer.toVersion);
}

let heard = 0;
let client;
function subscribe() {
  client = createClient({ url: `ws://${url}`, webSocketImpl: WebSocket, lazy: false });
  client.subscribe({ query: "subscription { sambaposChanged { feed to } }" }, {
    next: ({ data }) => {
      if (data?.sambaposChanged?.feed !== "pos") throw new Error(`told ${JSON.stringify(data)}`);
      heard += 1;
      copy.asked = copy.asked.then(round);
    },
    error: () => {}, complete: () => {},
  });
}

const listening = async (wanted) => {
  for (let i = 0; i < 600; i += 1) {
    const { rows } = await run("SELECT count(*)::integer AS n FROM pg_stat_activity WHERE query ~ '^LISTEN .?sambapos_changed'");
    if (rows[0].n >= wanted) return;
    await new Promise((done) => setTimeout(done, 50));
  }
  throw new Error("nobody listens");
};

const wanted = async () => (await run("SELECT * FROM pos.products ORDER BY id")).rows.map((row) => JSON.stringify([row.id, row.name, Number(row.price)])).join();
const held = () => [...copy.rows.values()].sort((a, b) => a.id - b.id).map((row) => JSON.stringify([row.id, row.name, row.price])).join();

subscribe();
await listening(1);
await round();
for (let i = 1; i <= edits; i += 1) {
  if (i % 3) await run("INSERT INTO pos.products VALUES ($1::integer, 'item ' || $1::integer, $1::integer / 4.0) ON CONFLICT (id) DO UPDATE SET name = excluded.name || '!'", [1 + (i * 7) % 20]);
  else await run("DELETE FROM pos.products WHERE id = $1", [1 + (i * 5) % 20]);
  if (i === edits / 2) { // cut off, and there again: what was missed is asked for
    await client.terminate?.();
    client.dispose();
    subscribe();
    copy.asked = copy.asked.then(round);
  }
  await run("CALL sambapos_feed_tick('pos')");
}
const whole = await wanted();
for (let i = 0; i < 600 && held() !== whole; i += 1) {
  await copy.asked;
  await new Promise((done) => setTimeout(done, 50));
}
if (held() !== whole) throw new Error(`the copy has\n${held()}\nnot\n${whole}`);
if (heard < edits / 4) throw new Error(`only ${heard} of ${edits} edits were told`);
console.log(`PostGraphile 4: ${edits} edits, ${heard} told by the subscription, the copy is equal`);
client.dispose();
process.exit(0);
