/** graphql-sse 2, distinct connections: every operation is one request answered as server-sent events. */
import { createClient } from "graphql-sse";
import { OPERATIONS } from "./operations.mjs";

export function sse({ url, token }) {
  return createClient({
    url: `${url}/graphql`,
    // A function: it is asked again at each connection.
    headers: () => (token ? { authorization: `Bearer ${token}` } : {}),
    retryAttempts: 100,
    retry: () => new Promise((done) => setTimeout(done, 100)),
  });
}

/** Watches through a client of graphql-sse. It sends this very object again on a retry, so `after` is kept in it. */
export function watchSse(client, account, onEvent, onBreak) {
  const variables = { account, after: null };
  return client.subscribe(
    { query: OPERATIONS.Watch, variables },
    {
      next({ data, errors }) {
        if (errors) return onBreak(JSON.stringify(errors));
        variables.after = data.creditBalance.cursor;
        onEvent(data.creditBalance);
      },
      error: (cause) => onBreak(cause.message),
      complete() {},
    },
    { connecting: (isRetry) => isRetry && onBreak("connecting again") },
  );
}

export const graphqlSse = {
  name: "graphql-sse 2, server-sent events",
  subscribesBy: "text/event-stream",
  open({ url, token, onBreak }) {
    const client = sse({ url, token });
    return {
      async ask(name, variables) {
        for await (const { data, errors } of client.iterate({ query: OPERATIONS[name], variables })) {
          if (errors) throw new Error(JSON.stringify(errors));
          return data;
        }
        throw new Error(`${name} was not answered`);
      },
      watch: (account, onEvent) => watchSse(client, account, onEvent, onBreak),
      close: () => client.dispose(),
    };
  },
};
