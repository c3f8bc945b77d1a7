/** Where the files under check lie, and the schema they are checked against. */
import { readdir, readFile } from "node:fs/promises";
import { join, relative } from "node:path";
import { fileURLToPath } from "node:url";
import { buildSchema } from "graphql";

export const ROOT = fileURLToPath(new URL("../..", import.meta.url));
export const SCHEMA_PATH = join(ROOT, "schema.graphql");

/** The text of a file, or null if there is none. */
export async function readIfThere(path) {
  try {
    return await readFile(path, "utf8");
  } catch (cause) {
    if (cause.code === "ENOENT") return null;
    throw cause;
  }
}

export async function readSchemaText() {
  const text = await readIfThere(SCHEMA_PATH);
  if (text === null) throw new Error("schema.graphql is missing; script/gen writes it");
  return text;
}

export async function readSchema() {
  return buildSchema(await readSchemaText());
}

/** Paths of all files below `folder` (relative to the root) that end in `ending`, sorted; none if it is absent. */
export async function filesBelow(folder, ending) {
  let entries;
  try {
    entries = await readdir(join(ROOT, folder), { recursive: true, withFileTypes: true });
  } catch (cause) {
    if (cause.code === "ENOENT") return [];
    throw cause;
  }
  return entries
    .filter((entry) => entry.isFile() && entry.name.endsWith(ending))
    .map((entry) => join(entry.parentPath, entry.name))
    .sort();
}

export function shown(path) {
  return relative(ROOT, path);
}
