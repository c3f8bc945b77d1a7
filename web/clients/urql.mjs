/** @urql/core 6: queries and mutations over HTTP, subscriptions as server-sent events by its own fetch exchange. */
import { Client, fetchExchange } from "@urql/core";
import { OPERATIONS } from "./operations.mjs";
import { resuming } from "./resume.mjs";

export const urql = {
  name: "@urql/core 6, HTTP and server-sent events",
  subscribesBy: "text/event-stream",
  open({ url, token, onBreak }) {
    const client = new Client({
      url: `${url}/graphql`,
      exchanges: [fetchExchange],
      fetchSubscriptions: true,
      requestPolicy: "network-only",
      fetchOptions: () => ({ headers: token ? { authorization: `Bearer ${token}` } : {} }),
    });
    return {
      async ask(name, variables) {
        const kind = OPERATIONS[name].startsWith("mutation") ? "mutation" : "query";
        const { data, error } = await client[kind](OPERATIONS[name], variables).toPromise();
        if (error) throw error;
        return data;
      },
      watch: (account, onEvent) =>
        resuming(
          (after, next, end) => {
            const { unsubscribe } = client
              .subscription(OPERATIONS.Watch, { account, after })
              .subscribe(({ data, error, hasNext }) => {
                if (error) return end(error);
                if (data) next(data.creditBalance);
                if (hasNext === false) end("the stream ended");
              });
            return unsubscribe;
          },
          onEvent,
          onBreak,
        ),
      close() {},
    };
  },
};
