/**
 * G71: what every client must bring about, whatever its transport: sign in, query, `addCredits` twice with one key, a
 * typed refusal, and a subscription that goes on behind its cursor after the wire was cut, without gap or repeat.
 *
 * A client is `{ name, open({ url, token, onBreak }) }`; what `open` answers has
 *   ask(name, variables)         the `data` of an operation of operations.graphql; throws on a top-level error
 *   watch(account, onEvent)      subscribes, resumes by itself after a break, answers how to stop; or null
 *   close()
 */
import { randomUUID } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import { assert } from "../checks/report.mjs";
import { OPERATIONS } from "./operations.mjs";

const WAIT_MS = 20_000;

/** Waits until `condition` answers something. */
export async function until(what, condition) {
  const end = Date.now() + WAIT_MS;
  for (;;) {
    const found = await condition();
    if (found) return found;
    if (Date.now() > end) throw new Error(`waited ${WAIT_MS} ms for ${what()}`);
    await sleep(10);
  }
}

export function same(found, expected, what) {
  const [left, right] = [JSON.stringify(found), JSON.stringify(expected)];
  assert(left === right, `${what}: ${left} instead of ${right}`);
}

/** Somebody else at the same server, with nothing but `fetch`: what they do, no client under test sees itself do. */
export class Bystander {
  constructor(url, token) {
    this.url = url;
    this.token = token;
  }

  async ask(name, variables) {
    const answer = await fetch(`${this.url}/graphql`, {
      method: "POST",
      headers: { "content-type": "application/json", authorization: `Bearer ${this.token}` },
      body: JSON.stringify({ query: OPERATIONS[name], variables }),
    });
    const { data, errors } = await answer.json();
    if (errors) throw new Error(JSON.stringify(errors));
    return data;
  }

  async credit(account, amount) {
    const { addCredits } = await this.ask("AddCredits", { account, amount, key: randomUUID() });
    same(addCredits.userErrors, [], "userErrors of a bystander");
    return addCredits.transaction.sequence;
  }
}

export async function signIn(client, world) {
  const stranger = client.open({ url: world.wire.url, onBreak: () => {} });
  try {
    const { signIn } = await stranger.ask("SignIn", { identity: "hero", password: world.password });
    same(signIn.userErrors, [], "userErrors of signIn");
    return signIn.session.accessToken;
  } finally {
    await stranger.close();
  }
}

/** Runs a client through everything. `world` has the wire, the bystander and the password. */
export async function scenario(client, world) {
  const token = await signIn(client, world);
  const breaks = [];
  const open = client.open({ url: world.wire.url, token, onBreak: (cause) => breaks.push(cause) });
  try {
    const { viewer } = await open.ask("Me", {});
    same(viewer.username, "hero", "who is signed in");
    const account = viewer.personalAccount.id;
    await creditsOnce(open, account, viewer.personalAccount.balance.available);
    await refuses(open, account);
    await (open.watch ? watches(open, account, world, breaks) : catchesUp(open, account, world));
  } finally {
    await open.close();
  }
}

async function creditsOnce(open, account, before) {
  const variables = { account, amount: 5, key: randomUUID() };
  const first = (await open.ask("AddCredits", variables)).addCredits;
  const second = (await open.ask("AddCredits", variables)).addCredits;
  same(first.userErrors, [], "userErrors of addCredits");
  same([first.added, first.balanceAfter], [5, before + 5], "what addCredits added");
  same(second, first, "the answer to the same key");
  const { viewer } = await open.ask("Me", {});
  same(viewer.personalAccount.balance.available, before + 5, "the balance after one key was sent twice");
}

async function refuses(open, account) {
  const { addCredits } = await open.ask("AddCredits", { account, amount: 0, key: randomUUID() });
  const refusals = addCredits.userErrors.map(({ code, path }) => ({ code, path }));
  same(refusals, [{ code: "AMOUNT_ZERO", path: ["input", "amount"] }], "refusal");
  same([addCredits.added, addCredits.transaction], [null, null], "what a refusal added");
}

async function watches(open, account, { wire, bystander }, breaks) {
  const events = [];
  const stop = open.watch(account, (event) => events.push(event));
  const told = () => `${events.map(({ kind, sequence }) => `${kind} ${sequence}`)}; breaks: ${breaks.map(String)}`;
  const sequence = (wanted) => until(() => `${wanted}; got ${told()}`, () => events.at(-1)?.sequence >= wanted);
  try {
    const [snapshot] = await until(() => `a snapshot; breaks: ${breaks.map(String)}`, () => events.length > 0 && events);
    const own = (await open.ask("AddCredits", { account, amount: 1, key: randomUUID() })).addCredits.transaction.sequence;
    await sequence(own);

    assert(wire.cut() > 0, "no connection was open to be cut");
    await bystander.credit(account, 2);
    await bystander.credit(account, 3);
    wire.mend();
    const last = await bystander.credit(account, 4);
    await sequence(last);

    const expected = [{ kind: "SNAPSHOT", sequence: snapshot.sequence, available: snapshot.balance.available }];
    [1, 2, 3, 4].reduce((available, amount, at) => {
      expected.push({ kind: "TRANSACTION", sequence: snapshot.sequence + at + 1, available: available + amount });
      return available + amount;
    }, snapshot.balance.available);
    const got = events.map(({ kind, sequence, balance }) => ({ kind, sequence, available: balance.available }));
    same(got, expected, "events around a break");
    assert(breaks.length > 0, "the client saw no break, so nothing was resumed");
  } finally {
    wire.mend();
    stop();
  }
}

/** A client without subscriptions misses nothing either: what a stream tells can be asked for too (G44). */
async function catchesUp(open, account, { wire, bystander }) {
  const missed = async (known) => (await open.ask("Missed", { account, known })).account.creditTransactions.edges;
  const known = (await missed(null)).at(0)?.cursor;
  wire.cut();
  const sequences = [await bystander.credit(account, 2), await bystander.credit(account, 3)];
  wire.mend();
  const found = (await missed(known)).map(({ node }) => node.sequence);
  same(found.toReversed(), sequences, "transactions since the break");
}
