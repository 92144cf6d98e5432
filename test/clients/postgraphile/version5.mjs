// PostGraphile 5: a GraphQL schema of each schema named, alone, and of all together.
import { makeSchema } from "postgraphile";
import { grafast } from "postgraphile/grafast";
import { PostGraphileAmberPreset } from "postgraphile/presets/amber";
import { makePgService } from "postgraphile/adaptors/pg";
import { everything } from "./everything.mjs";

const all = process.argv.slice(2);
for (const schemas of [...all.map((name) => [name]), all]) {
  const pgServices = [makePgService({ schemas })];
  // What belongs to an extension is left out.
  const preset = { extends: [PostGraphileAmberPreset], pgServices };
  const { schema, resolvedPreset } = await makeSchema(preset);
  const { query, count } = everything(schema);
  const answer = query && (await grafast({ schema, source: query, resolvedPreset, requestContext: {} }));
  if (answer?.errors) throw new Error(`${schemas}: ${answer.errors[0].message}`);
  console.log(`PostGraphile 5: ${schemas}: ${count} relations`);
  await pgServices[0].release?.();
}
process.exit(0);
