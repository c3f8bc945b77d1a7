/** G1: all 61 audits of npm graphql-http pass, anonymously. A warning or a notice counts as a failure. */
import { serverAudits } from "graphql-http";
import { assert, baseUrl, Report } from "./report.mjs";

const EXPECTED = 61;

const report = new Report();
const audits = serverAudits({ url: `${baseUrl()}/graphql` });

for (const audit of audits) {
  await report.check(`${audit.id} ${audit.name}`, async () => {
    const result = await audit.fn();
    assert(result.status === "ok", await explain(result));
  });
}
// Only a wrong number speaks, so that the closing line counts audits and nothing else.
if (audits.length !== EXPECTED) report.fail("number of audits", `expected ${EXPECTED}, got ${audits.length}`);
report.finish();

async function explain(result) {
  const { response } = result;
  const lines = [`${result.status}: ${result.reason}`];
  if (response) {
    const body = response.bodyUsed ? "(already read)" : (await response.text()).slice(0, 500);
    lines.push(`status ${response.status}, content type ${response.headers.get("content-type")}`, `body ${body}`);
  }
  return lines.join("\n");
}
