/** G76: every operation of `web/src`, of the client tests, of the documents and of README.md is valid against schema.graphql. */
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { Kind, parse, validate } from "graphql";
import { assert, Report } from "./report.mjs";
import { filesBelow, readIfThere, readSchema, ROOT, shown } from "./repository.mjs";

const report = new Report();

/** The text of each fenced `graphql` block of a Markdown file, with the line it starts on. */
function graphqlBlocks(markdown) {
  const blocks = [];
  const fence = /^([ \t]*)(`{3,}|~{3,})[ \t]*graphql\b[^\n]*\n([\s\S]*?)^[ \t]*\2[ \t]*$/gim;
  for (const match of markdown.matchAll(fence)) {
    blocks.push({ line: markdown.slice(0, match.index).split("\n").length + 1, text: match[3] });
  }
  return blocks;
}

/** A block of type definitions is an excerpt of a schema, not an operation. */
function isSchemaExcerpt(document) {
  return document.definitions.every(
    ({ kind }) => kind !== Kind.OPERATION_DEFINITION && kind !== Kind.FRAGMENT_DEFINITION,
  );
}

async function sources() {
  const found = [];
  for (const path of [...(await filesBelow("web/src", ".graphql")), join(ROOT, "web/clients/operations.graphql")]) {
    found.push({ where: shown(path), text: await readFile(path, "utf8") });
  }
  const documents = [join(ROOT, "README.md"), ...(await filesBelow("docs", ".md"))];
  for (const path of documents) {
    for (const { line, text } of graphqlBlocks((await readIfThere(path)) ?? "")) {
      found.push({ where: `${shown(path)}:${line}`, text, excerptAllowed: true });
    }
  }
  return found;
}

let schema;
await report.check("schema.graphql builds", async () => {
  schema = await readSchema();
});

for (const { where, text, excerptAllowed } of schema ? await sources() : []) {
  let document;
  try {
    document = parse(text);
  } catch (cause) {
    report.fail(where, cause.message);
    continue;
  }
  if (excerptAllowed && isSchemaExcerpt(document)) continue;
  await report.check(where, () => {
    const errors = validate(schema, document);
    const lines = errors.map((error) => `line ${error.locations?.[0]?.line ?? "?"}: ${error.message}`);
    assert(errors.length === 0, lines.join("\n"));
  });
}

report.finish();
