/** G74: graphql-schema-linter with all its 19 rules on schema.graphql, none excepted: no finding. */
import { execFile } from "node:child_process";
import { readdir } from "node:fs/promises";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { assert, Report } from "./report.mjs";
import { readSchemaText, SCHEMA_PATH } from "./repository.mjs";

const EXPECTED_RULES = 19;

const require = createRequire(import.meta.url);
const linter = dirname(require.resolve("graphql-schema-linter/package.json"));
const report = new Report();

const rules = (await readdir(join(linter, "lib", "rules")))
  .filter((file) => file.endsWith(".js"))
  .map((file) => file.slice(0, -".js".length).replaceAll("_", "-"))
  .sort();

/** Runs the linter with the rules named one by one, so that no configuration file can switch one off. */
function lint() {
  const command = [join(linter, "lib", "cli.js"), "--format", "json", "--rules", rules.join(","), SCHEMA_PATH];
  return new Promise((resolve, reject) => {
    execFile(process.execPath, command, { maxBuffer: 64 * 1024 * 1024 }, (_failure, stdout, stderr) => {
      try {
        resolve(JSON.parse(stdout).errors);
      } catch {
        reject(new Error(`the linter gave no report:\n${stderr || stdout}`));
      }
    });
  });
}

await report.check(`the linter has ${EXPECTED_RULES} rules`, () => {
  assert(rules.length === EXPECTED_RULES, `it has ${rules.length}: ${rules.join(", ")}`);
});

await report.check("schema.graphql switches no rule off by a comment", async () => {
  const text = await readSchemaText();
  assert(!/^\s*#\s*lint-(disable|enable)/m.test(text), "it holds a lint-disable comment");
});

await report.check("the linter runs on schema.graphql", async () => {
  await readSchemaText();
  const findings = await lint();
  for (const rule of rules) {
    const own = findings.filter((finding) => finding.rule === rule);
    await report.check(rule, () => {
      const lines = own.map(({ location, message }) => `schema.graphql:${location.line} ${message}`);
      assert(own.length === 0, `${own.length} findings\n${lines.join("\n")}`);
    });
  }
  const other = findings.filter((finding) => !rules.includes(finding.rule));
  assert(other.length === 0, other.map((finding) => `${finding.rule}: ${finding.message}`).join("\n"));
});

report.finish();
