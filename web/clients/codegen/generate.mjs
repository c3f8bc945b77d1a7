/** Runs the client preset of @graphql-codegen over operations.graphql, as its command line would. */
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { dirname } from "node:path";
import { fileURLToPath } from "node:url";
import { preset } from "@graphql-codegen/client-preset";
import { codegen } from "@graphql-codegen/core";
import { parse } from "graphql";

const SCHEMA = fileURLToPath(new URL("../../../schema.graphql", import.meta.url));
const SOURCE = fileURLToPath(new URL("../operations.graphql", import.meta.url));
const TARGET = fileURLToPath(new URL("../generated/codegen/", import.meta.url));

/** The eight scalars: what comes, and what may be sent. */
const SCALARS = {
  Credits: { input: "number | string", output: "number" },
  CreditsEntry: { input: "number | string", output: "never" },
  Date: "string",
  DateTime: "string",
  Decimal: "string",
  JSON: "unknown",
  SafeInt: "number",
  URL: "string",
};

const rawSDL = await readFile(SOURCE, "utf8");
const outputs = await preset.buildGeneratesSection({
  baseOutputDir: TARGET,
  schema: parse(await readFile(SCHEMA, "utf8")),
  documents: [{ location: SOURCE, document: parse(rawSDL), rawSDL }],
  config: {
    scalars: SCALARS,
    strictScalars: true,
    useTypeImports: true,
    futureProofEnums: true,
    emitLegacyCommonJSImports: false,
    importExtension: ".js",
  },
  presetConfig: { fragmentMasking: false, persistedDocuments: true },
  plugins: [],
  pluginMap: {},
});
for (const output of outputs) {
  await mkdir(dirname(output.filename), { recursive: true });
  await writeFile(output.filename, await codegen(output));
}
