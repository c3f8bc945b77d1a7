/**
 * G67–G69 and the 404 page, in headless Chromium against a running server.
 *
 * Needs: the server's address; ACCESS_TOKEN of a USER; ACCOUNT_ID of an account that this user may watch;
 * ADMIN_TOKEN of an ADMIN or HERO. CHROMIUM names the browser if it is not /usr/bin/chromium.
 */
import { existsSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { chromium } from "playwright-core";
import { Editors } from "./editors.mjs";
import { assert, baseUrl, Report } from "./report.mjs";

const BASE = baseUrl();
const HOST = new URL(BASE).host;
const WAIT_MS = 15_000;

const POLICY =
  "default-src 'none'; script-src 'self'; worker-src 'self'; style-src 'self' 'unsafe-inline'; " +
  "img-src 'self' data:; font-src 'self' data:; connect-src 'self'; base-uri 'none'; form-action 'none'; " +
  "frame-ancestors 'none'";

const report = new Report();

function required() {
  const values = {};
  for (const name of ["ACCESS_TOKEN", "ACCOUNT_ID", "ADMIN_TOKEN"]) {
    values[name] = process.env[name];
    if (!values[name]) report.fail(`environment variable ${name}`, "it is not set; this check needs it");
  }
  values.CHROMIUM = process.env.CHROMIUM || "/usr/bin/chromium";
  if (!existsSync(values.CHROMIUM)) {
    report.fail("a browser", `there is no ${values.CHROMIUM}; install Chromium or set CHROMIUM`);
  }
  return values;
}

/** All that a page must not do, noted while it happens. */
class Watch {
  foreign = [];
  console = [];
  violations = [];
  sockets = [];
  requests = 0;

  async attach(context, page) {
    const note = (address) => {
      const { protocol, host } = new URL(address);
      if (!["data:", "about:"].includes(protocol) && host !== HOST) this.foreign.push(address);
    };
    context.on("request", (request) => {
      this.requests += 1;
      note(request.url());
    });
    page.on("websocket", (socket) => {
      note(socket.url());
      this.sockets.push(socket);
    });
    context.on("console", (message) => {
      if (["error", "warning"].includes(message.type())) this.console.push(`${message.type()}: ${message.text()}`);
    });
    context.on("weberror", (failure) => this.console.push(`uncaught: ${failure.error().message}`));
    await page.exposeFunction("__noteViolation", (text) => this.violations.push(text));
    await page.addInitScript(() => {
      document.addEventListener("securitypolicyviolation", (event) => {
        globalThis.__noteViolation(`${event.violatedDirective} ${event.blockedURI} ${event.sourceFile ?? ""}`);
      });
    });
  }

  async report(name) {
    await report.check(`${name}: not one request to another host`, () => {
      assert(this.requests > 0, "no request was seen at all");
      assert(this.foreign.length === 0, this.foreign.join("\n"));
    });
    await report.check(`${name}: the console holds no error and no warning`, () => {
      assert(this.console.length === 0, this.console.join("\n"));
    });
    await report.check(`${name}: no violation of the content security policy`, () => {
      assert(this.violations.length === 0, this.violations.join("\n"));
    });
  }

  forget() {
    this.foreign = [];
    this.console = [];
    this.violations = [];
    this.sockets = [];
  }
}

async function checkHeaders() {
  await report.check("/graphiql answers with the policy of G68", async () => {
    const { status, headers } = await fetch(`${BASE}/graphiql`);
    assert(status === 200, `status ${status}`);
    const policy = (headers.get("content-security-policy") ?? "").trim().replace(/;$/, "");
    assert(policy === POLICY, `Content-Security-Policy is: ${policy}`);
    const others = { "referrer-policy": "no-referrer", "cross-origin-opener-policy": "same-origin" };
    for (const [name, value] of Object.entries(others)) {
      assert(headers.get(name) === value, `${name} is: ${headers.get(name)}`);
    }
    assert(!/immutable/.test(headers.get("cache-control") ?? ""), "the page itself must not be immutable");
  });
  await report.check("assets are immutable and pre-compressed", async () => {
    const html = await (await fetch(`${BASE}/graphiql`)).text();
    const script = /src="(\/assets\/[^"]+\.js)"/.exec(html)?.[1];
    assert(script, "the page names no script below /assets/");
    const { status, headers } = await fetch(`${BASE}${script}`, { headers: { "accept-encoding": "gzip" } });
    assert(status === 200, `status ${status}`);
    assert(headers.get("content-encoding") === "gzip", `content-encoding is: ${headers.get("content-encoding")}`);
    const cache = headers.get("cache-control") ?? "";
    assert(/immutable/.test(cache) && /max-age=31536000/.test(cache), `cache-control is: ${cache}`);
    assert(/accept-encoding/i.test(headers.get("vary") ?? ""), `vary is: ${headers.get("vary")}`);
    const plain = await fetch(`${BASE}${script}`, { headers: { "accept-encoding": "identity" } });
    assert(!plain.headers.get("content-encoding"), "a client that takes no compression got it");
  });
}

async function checkGraphiql(page, watch, env) {
  const editors = new Editors(page, WAIT_MS);
  const opened = await report.check("GraphiQL opens", async () => {
    await page.goto(`${BASE}/graphiql`);
    await editors.ready();
  });
  if (!opened) return;

  await report.check("the first tab runs by its button, anonymously", async () => {
    await editors.execute();
    await editors.answer(/"viewer": null/);
  });
  await report.check("a typed query is answered", async () => {
    await editors.write("query", "query Typed { __typename }");
    await editors.execute();
    await editors.answer(/"__typename": "Query"/);
  });
  await report.check("the headers editor signs a query in", async () => {
    await editors.headers({ authorization: `Bearer ${env.ACCESS_TOKEN}` });
    await editors.write("query", "query Who { viewer { username } }");
    await editors.execute();
    await editors.answer(/"username": "[^"]+"/);
  });
  await report.check("a subscription starts with its SNAPSHOT, signed in by connection_init", async () => {
    await editors.write(
      "query",
      `subscription Live { creditBalance(accountId: ${JSON.stringify(env.ACCOUNT_ID)}) { kind sequence balance { available } } }`,
    );
    const init = new Promise((resolve) => {
      page.once("websocket", (socket) => socket.once("framesent", ({ payload }) => resolve(String(payload))));
    });
    await editors.execute();
    await editors.answer(/"kind": "SNAPSHOT"/);
    const first = JSON.parse(await init);
    assert(first.type === "connection_init", `the first message is ${first.type}`);
    assert(first.payload?.authorization === `Bearer ${env.ACCESS_TOKEN}`, "connection_init carries no such token");
    assert(watch.sockets.every((socket) => socket.url().endsWith("/graphql")), "a WebSocket went elsewhere");
    await editors.execute();
  });
  await report.check("the documentation is not shown to a USER", async () => {
    await editors.openDocumentation();
    await page.getByText("The schema is shown to administrators.").waitFor({ timeout: WAIT_MS });
    assert((await page.getByText("Root Types").count()) === 0, "root types are shown");
  });
  await report.check("the documentation is shown to an ADMIN", async () => {
    await editors.headers({ authorization: `Bearer ${env.ADMIN_TOKEN}` });
    await page.getByText("Root Types").waitFor({ timeout: WAIT_MS });
    await page.locator(".graphiql-doc-explorer-content").getByText("Subscription", { exact: true }).first().waitFor();
  });
  await report.check("the token box signs in as well, and forgets", async () => {
    await editors.headers({});
    await page.getByText("The schema is shown to administrators.").waitFor({ timeout: WAIT_MS });
    await page.getByLabel("Access token").fill(env.ADMIN_TOKEN);
    await page.getByRole("button", { name: "Use token" }).click();
    await page.getByText("Root Types").waitFor({ timeout: WAIT_MS });
    await page.locator('.identity[data-state="known"]').waitFor({ timeout: WAIT_MS });
    await page.getByRole("button", { name: "Forget token" }).click();
    await page.locator('.identity[data-state="anonymous"]').waitFor({ timeout: WAIT_MS });
  });
  await report.check("no token is left in the browser's storage", async () => {
    const stored = await page.evaluate(() => JSON.stringify([{ ...localStorage }, { ...sessionStorage }]));
    assert(stored.includes("graphiql:"), "GraphiQL stored nothing, so this check proves nothing");
    assert(!stored.includes(env.ACCESS_TOKEN) && !stored.includes(env.ADMIN_TOKEN), "a token was stored");
    assert((await page.context().cookies()).length === 0, "a cookie was set");
  });
  await watch.report("GraphiQL");
}

async function checkClaim(page, watch) {
  watch.forget();
  let posted = 0;
  page.on("request", (request) => (posted += request.method() === "POST" ? 1 : 0));
  await report.check("the claim page opens with a form and sends nothing", async () => {
    await page.goto(`${BASE}/claim#not-a-token`);
    await page.getByLabel("Username").waitFor({ timeout: WAIT_MS });
    assert((await page.getByLabel("Username").inputValue()) !== "", "the username has no default");
    assert(posted === 0, `${posted} requests were posted`);
  });
  await report.check("a false link is refused in words", async () => {
    await page.getByLabel("Password", { exact: true }).fill("Correct-Horse-1");
    await page.getByRole("button", { name: "Claim this server" }).click();
    await page.locator("#fault:not([hidden]), .fault:not([hidden])").first().waitFor({ timeout: WAIT_MS });
    assert(posted === 1, `${posted} requests were posted`);
  });
  await watch.report("the claim page");
}

async function checkNotFound(page, watch) {
  const missing = `${BASE}/no/such/<page>`;
  await report.check("an unknown address answers people with a page: Home and Back work", async () => {
    const response = await page.goto(missing, { referer: `${BASE}/graphiql` });
    assert(response.status() === 404, `status ${response.status()}`);
    assert(/text\/html/.test(response.headers()["content-type"] ?? ""), "it is not HTML");
    assert(/Inkledger/.test(await page.title()), "the page is not branded");
    assert(!/\{\{/.test(await page.content()), "a placeholder was left unfilled");
    await page.getByRole("link", { name: "Back" }).click();
    await page.waitForURL(`${BASE}/graphiql`);
    await page.goto(missing);
    await page.getByRole("link", { name: "Home" }).click();
    await page.waitForURL(`${BASE}/`);
    await page.getByRole("link", { name: /GraphiQL/ }).waitFor();
  });
  await report.check("Back never leads to another site", async () => {
    for (const referer of ["https://evil.example/x", "javascript:alert(1)", `${BASE}.evil.example/x`]) {
      const html = await (await fetch(missing, { headers: { accept: "text/html", referer } })).text();
      assert(/id="back" href="\/"/.test(html), `with Referer ${referer} Back is not "/"`);
    }
  });
  await report.check("an unknown address answers programs with JSON", async () => {
    for (const accept of ["*/*", "application/json"]) {
      const response = await fetch(missing, { headers: { accept } });
      assert(response.status === 404, `status ${response.status}`);
      assert(/application\/json/.test(response.headers.get("content-type") ?? ""), `Accept ${accept} got no JSON`);
      const body = await response.json();
      assert(body.errors?.[0]?.extensions?.code === "NOT_FOUND", JSON.stringify(body));
    }
  });
  await report.check("home and 404: no request to another host", () => {
    assert(watch.foreign.length === 0, watch.foreign.join("\n"));
  });
}

async function main(env) {
  const profile = await mkdtemp(join(tmpdir(), "inkledger-chromium-"));
  const context = await chromium.launchPersistentContext(profile, {
    executablePath: env.CHROMIUM,
    headless: true,
    viewport: { width: 1280, height: 900 },
    args: [
      "--headless",
      "--no-sandbox",
      "--disable-gpu",
      "--disable-quic",
      "--no-first-run",
      "--disable-background-networking",
      "--disable-component-update",
      "--disable-sync",
    ],
  });
  try {
    const watch = new Watch();
    const page = context.pages()[0] ?? (await context.newPage());
    await watch.attach(context, page);
    await checkHeaders();
    await checkGraphiql(page, watch, env);
    await checkClaim(page, watch);
    await checkNotFound(page, watch);
  } finally {
    await context.close();
    await rm(profile, { recursive: true, force: true });
  }
}

const env = required();
if (env.ACCESS_TOKEN && env.ACCOUNT_ID && env.ADMIN_TOKEN && existsSync(env.CHROMIUM)) {
  await report.check("the browser and the server answer throughout", () => main(env));
}
report.finish();
