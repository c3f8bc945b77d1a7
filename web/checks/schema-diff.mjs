/**
 * G75: no breaking change since the last release, unless what is gone was deprecated, its date has passed,
 * and CHANGELOG.md names it.
 */
import { CriticalityLevel, diff } from "@graphql-inspector/core";
import { buildSchema } from "graphql";
import { join } from "node:path";
import { assert, Report } from "./report.mjs";
import { filesBelow, readIfThere, readSchema, ROOT } from "./repository.mjs";

const FOLDER = "docs/schema-releases";

const report = new Report();

/** The deprecation reason that `path` ("Type.field", "Type.field.argument", "Enum.VALUE") had, if any. */
function deprecationOf(schema, path) {
  const [typeName, memberName, argumentName] = path.split(".");
  const type = schema.getType(typeName);
  if (!type || !memberName) return undefined;
  if (typeof type.getValues === "function") return type.getValue(memberName)?.deprecationReason;
  const field = typeof type.getFields === "function" ? type.getFields()[memberName] : undefined;
  const argument = field?.args?.find(({ name }) => name === argumentName);
  return argument?.deprecationReason ?? field?.deprecationReason;
}

/** Why a breaking change is not allowed, or null if it is. */
function refusal(change, before, changelog, today) {
  const path = change.path ?? "";
  const until = /Removed after (\d{4}-\d{2}-\d{2})/.exec(deprecationOf(before, path) ?? "")?.[1];
  if (!until) return "it was not deprecated with 'Removed after YYYY-MM-DD.'";
  if (until >= today) return `it is promised until ${until}`;
  if (!changelog.includes(path)) return `CHANGELOG.md does not name ${path}`;
  return null;
}

async function compare(releaseText) {
  const before = buildSchema(releaseText);
  const changes = await diff(before, await readSchema());
  const changelog = (await readIfThere(join(ROOT, "CHANGELOG.md"))) ?? "";
  const today = new Date().toISOString().slice(0, 10);
  const bad = [];
  for (const change of changes) {
    if (change.criticality.level !== CriticalityLevel.Breaking) continue;
    const why = refusal(change, before, changelog, today);
    if (why !== null) bad.push(`${change.message} (${why})`);
  }
  assert(bad.length === 0, `${bad.length} breaking changes\n${bad.join("\n")}`);
}

const release = await readIfThere(join(ROOT, FOLDER, "latest.graphql"));
const releases = await filesBelow(FOLDER, ".graphql");
if (release === null && releases.length === 0) {
  report.pass("no release yet: nothing to compare with");
} else {
  await report.check("schema.graphql breaks nothing of the last release", async () => {
    assert(release !== null, `${FOLDER} holds releases, but no latest.graphql`);
    await compare(release);
  });
}
report.finish();
