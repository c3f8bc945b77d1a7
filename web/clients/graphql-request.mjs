/** graphql-request 7: HTTP only. It has no subscriptions; what it missed it asks for. */
import { GraphQLClient } from "graphql-request";
import { OPERATIONS } from "./operations.mjs";

export const graphqlRequest = {
  name: "graphql-request 7, HTTP",
  open({ url, token }) {
    const client = new GraphQLClient(`${url}/graphql`, {
      headers: token ? { authorization: `Bearer ${token}` } : {},
    });
    return {
      ask: (name, variables) => client.request(OPERATIONS[name], variables),
      watch: null,
      close() {},
    };
  },
};
