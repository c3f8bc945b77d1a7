/**
 * G72: SDL and introspection JSON are release files. Writes the JSON of schema.graphql, for tools that read no SDL:
 * `node introspection.mjs FILE`.
 */
import { readFile, writeFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import {
  buildClientSchema,
  buildSchema,
  getIntrospectionQuery,
  introspectionFromSchema,
  lexicographicSortSchema,
  printSchema,
} from "graphql";

/** Everything but the description of the schema as a whole, which has none. */
const EVERYTHING = { specifiedByUrl: true, directiveIsRepeatable: true, inputValueDeprecation: true, oneOf: true };

export const INTROSPECTION = getIntrospectionQuery(EVERYTHING);

export async function introspection() {
  const text = await readFile(fileURLToPath(new URL("../../schema.graphql", import.meta.url)), "utf8");
  return introspectionFromSchema(buildSchema(text), EVERYTHING);
}

/** A schema as sorted text: what two forms of one schema have in common. */
export function told(answer) {
  return printSchema(lexicographicSortSchema(buildClientSchema(answer)));
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  await writeFile(process.argv[2], `${JSON.stringify(await introspection())}\n`);
}
