/** The operations of `operations.graphql` by name, as text. */
import { readFileSync } from "node:fs";
import { parse, print } from "graphql";

const document = parse(readFileSync(new URL("operations.graphql", import.meta.url), "utf8"));

export const OPERATIONS = Object.fromEntries(
  document.definitions.map((operation) => [operation.name.value, print(operation)]),
);
