/**
 * G71, G72: runs every client against a running server. Arguments: its address and the token of its claim link, on a
 * fresh data folder. PYTHON names an interpreter that has python/requirements.txt.
 */
import { execFile } from "node:child_process";
import { once } from "node:events";
import { createServer } from "node:http";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { assert, Report } from "../checks/report.mjs";
import { apolloMultipart, apolloSocket, apolloSocketAlone } from "./apollo.mjs";
import { codegen } from "./generated/program/codegen/program.js";
import { graphqlRequest } from "./graphql-request.mjs";
import { graphqlSse } from "./graphql-sse.mjs";
import { graphqlWs, survivesTheEndOfItsSession } from "./graphql-ws.mjs";
import { introspection, INTROSPECTION, told } from "./introspection.mjs";
import { fetchesAgain, relayCompiler } from "./relay.mjs";
import { Bystander, scenario, signIn } from "./scenario.mjs";
import { urql } from "./urql.mjs";
import { Wire } from "./wire.mjs";

const [url, claim] = process.argv.slice(2);
const password = "Correct-horse-9";
const report = new Report();
const started = Date.now();

async function ask(query, variables, token) {
  const answer = await fetch(`${url}/graphql`, {
    method: "POST",
    headers: { "content-type": "application/json", ...(token && { authorization: `Bearer ${token}` }) },
    body: JSON.stringify({ query, variables }),
  });
  const { data, errors } = await answer.json();
  if (errors) throw new Error(JSON.stringify(errors));
  return data;
}

async function hero() {
  const { claimHero } = await ask(
    `mutation ($token: String!, $password: String!) {
       claimHero(input: { token: $token, username: "hero", email: "hero@example.com", password: $password }) {
         session { accessToken }
         userErrors { code message }
       }
     }`,
    { token: claim, password },
  );
  assert(claimHero.session, JSON.stringify(claimHero));
  return claimHero.session.accessToken;
}

/** Lets a program in another language cut the wire: `POST /cut`, `POST /mend`. */
async function control(wire) {
  const server = createServer((request, answer) => {
    answer.end(String(request.url === "/cut" ? wire.cut() : (wire.mend(), 0)));
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return server;
}

/** Runs the Python program; its last lines are the reason when it fails. */
async function python(transport) {
  const env = {
    ...process.env,
    INKLEDGER_URL: url,
    WIRE_URL: wire.url,
    CONTROL_URL: `http://127.0.0.1:${controller.address().port}`,
    PASSWORD: password,
  };
  const program = fileURLToPath(new URL("python/clients.py", import.meta.url));
  try {
    await promisify(execFile)(process.env.PYTHON ?? "python3", [program, transport], { env, timeout: 60_000 });
  } catch (cause) {
    throw new Error(cause.stderr?.trim().split("\n").slice(-3).join("\n") || cause.message);
  }
}

const token = await hero();
const wire = await Wire.to(url);
const world = { wire, password, bystander: new Bystander(url, token) };

const CLIENTS = [
  apolloMultipart, apolloSocket, apolloSocketAlone, urql, graphqlRequest, graphqlWs, graphqlSse, relayCompiler, codegen,
];
for (const client of CLIENTS) {
  await report.check(client.name, async () => {
    wire.heard.clear();
    await scenario(client, world);
    if (client.subscribesBy) assert(wire.heard.has(client.subscribesBy), `it spoke ${[...wire.heard].join(", ")}`);
  });
}
await report.check("graphql-ws: 4403 at the end of a session, a fresh token, no gap", () =>
  survivesTheEndOfItsSession(world),
);
await report.check("relay: a fragment is fetched again through node", async () =>
  fetchesAgain(await signIn(relayCompiler, world), world),
);

const controller = await control(wire);
for (const transport of ["aiohttp", "websockets"]) {
  await report.check(`gql 4 (Python), ${transport}`, async () => {
    wire.heard.clear();
    await python(transport);
    assert(wire.heard.has("websocket"), `it spoke ${[...wire.heard].join(", ")}`);
    assert(wire.heard.has("application/json") === (transport === "aiohttp"), `it spoke ${[...wire.heard].join(", ")}`);
  });
}

await report.check("the server's introspection and the release file tell the same schema", async () => {
  assert(told(await ask(INTROSPECTION, {}, token)) === told(await introspection()), "they differ: run script/gen");
});

controller.close();
wire.close();
console.log(`${Date.now() - started} ms`);
report.finish();
