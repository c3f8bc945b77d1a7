/** graphql-ws 6: queries, mutations and subscriptions over one WebSocket. It reconnects by itself. */
import { createClient } from "graphql-ws";
import WebSocket from "ws";
import { assert } from "../checks/report.mjs";
import { OPERATIONS } from "./operations.mjs";
import { Bystander, same, signIn, until } from "./scenario.mjs";

export function socketUrl(url) {
  return `${url.replace(/^http/, "ws")}/graphql`;
}

export const graphqlWs = {
  name: "graphql-ws 6, WebSocket",
  subscribesBy: "websocket",
  open({ url, token, tokens, onBreak }) {
    const client = createClient({
      url: socketUrl(url),
      webSocketImpl: WebSocket,
      // A function: it is asked again at each connection, so that a fresh token goes into the next one.
      connectionParams: async () => {
        const fresh = tokens ? await tokens() : token;
        return fresh ? { authorization: `Bearer ${fresh}` } : {};
      },
      retryAttempts: 100,
      retryWait: () => new Promise((done) => setTimeout(done, 100)),
      // 1000 is this client itself: it closes the socket when nothing is asked any more.
      on: { closed: ({ code, reason }) => code === 1000 || onBreak(`${code} ${reason}`.trim()) },
    });
    return {
      ask: (name, variables) =>
        new Promise((resolve, reject) => {
          let answer;
          client.subscribe(
            { query: OPERATIONS[name], variables },
            { next: (result) => (answer = result), error: reject, complete: () => settle(answer, resolve, reject) },
          );
        }),
      watch(account, onEvent) {
        // On a retry the client sends this very object again: who keeps `after` in it resumes behind the last event.
        const variables = { account, after: null };
        return client.subscribe(
          { query: OPERATIONS.Watch, variables },
          {
            next({ data, errors }) {
              if (errors) return onBreak(JSON.stringify(errors));
              variables.after = data.creditBalance.cursor;
              onEvent(data.creditBalance);
            },
            error: (cause) => onBreak(cause.reason ?? JSON.stringify(cause)),
            complete() {},
          },
        );
      },
      close: () => client.dispose(),
    };
  },
};

function settle({ data, errors }, resolve, reject) {
  if (errors) reject(new Error(JSON.stringify(errors)));
  else resolve(data);
}

/**
 * The session ends under an open subscription: the server closes with 4403, graphql-ws tries again with what
 * `connectionParams` answers then, and goes on behind its cursor.
 */
export async function survivesTheEndOfItsSession(world) {
  const tokens = [await signIn(graphqlWs, world), await signIn(graphqlWs, world)];
  const [events, breaks] = [[], []];
  const open = graphqlWs.open({
    url: world.wire.url,
    tokens: () => tokens[breaks.length === 0 ? 0 : 1],
    onBreak: (cause) => breaks.push(cause),
  });
  try {
    const { viewer } = await open.ask("Me", {});
    const account = viewer.personalAccount.id;
    const stop = open.watch(account, (event) => events.push(event));
    await until(() => "a snapshot", () => events.length === 1);
    await new Bystander(world.bystander.url, tokens[0]).ask("SignOut", {});
    await until(() => "the end of the socket", () => breaks.length > 0);
    same(breaks, ["4403 SESSION_ENDED"], "how the socket was closed");
    await world.bystander.credit(account, 1);
    await until(() => "the next event", () => events.length > 1);
    const [{ sequence }] = events;
    same(events.map((event) => event.sequence), [sequence, sequence + 1], "sequences");
    assert(events[1].kind === "TRANSACTION", "the next event is no transaction");
    stop();
  } finally {
    await open.close();
  }
}
