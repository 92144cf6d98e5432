// A query for the first row of every relation in a GraphQL schema, with all of its plain columns. Functions that take
// arguments are no relations: without them many raise an error, as they should.
const named = (type) => (type.ofType ? named(type.ofType) : type);
const ofConnection = /^(first|last|offset|before|after|orderBy|condition|filter)$/;
const isPlain = (type) => !named(type).getFields;

export function everything(schema) {
  const parts = Object.values(schema.getQueryType().getFields())
    .filter((field) => /Connection$/.test(named(field.type).name) && field.args.some((argument) => argument.name === "first"))
    .filter((field) => field.args.every((argument) => ofConnection.test(argument.name)))
    .map((field) => {
      const row = named(named(field.type).getFields().nodes.type);
      if (!row.getFields) return `${field.name}(first: 1) { nodes }`;
      const columns = Object.values(row.getFields()).filter((column) => isPlain(column.type) && !column.args.length);
      return `${field.name}(first: 1) { nodes { ${columns.map((column) => column.name).join(" ")} } }`;
    });
  return { query: parts.length && `{ ${parts.join("\n")} }`, count: parts.length };
}
