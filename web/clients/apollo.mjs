/** @apollo/client 4: HTTP for queries and mutations, subscriptions over a WebSocket or as a multipart answer. */
import { ApolloClient, ApolloLink, gql, HttpLink, InMemoryCache } from "@apollo/client";
import { GraphQLWsLink } from "@apollo/client/link/subscriptions";
import { createClient } from "graphql-ws";
import { OperationTypeNode } from "graphql";
import WebSocket from "ws";
import { socketUrl } from "./graphql-ws.mjs";
import { OPERATIONS } from "./operations.mjs";
import { resuming } from "./resume.mjs";

const DOCUMENTS = Object.fromEntries(Object.entries(OPERATIONS).map(([name, text]) => [name, gql(text)]));

function client(link, { onBreak, dispose = () => {} }) {
  const apollo = new ApolloClient({ link, cache: new InMemoryCache() });
  return {
    async ask(name, variables) {
      const document = DOCUMENTS[name];
      const isMutation = OPERATIONS[name].startsWith("mutation");
      const { data } = isMutation
        ? await apollo.mutate({ mutation: document, variables, fetchPolicy: "no-cache" })
        : await apollo.query({ query: document, variables, fetchPolicy: "network-only" });
      return data;
    },
    watch: (account, onEvent) =>
      resuming(
        (after, next, end) => {
          const watching = apollo
            .subscribe({ query: DOCUMENTS.Watch, variables: { account, after }, fetchPolicy: "no-cache" })
            .subscribe({
              next: ({ data, error }) => (error ? end(error) : next(data.creditBalance)),
              error: end,
              complete: () => end("the stream ended"),
            });
          return () => watching.unsubscribe();
        },
        onEvent,
        onBreak,
      ),
    close() {
      apollo.stop();
      return dispose();
    },
  };
}

function http({ url, token }) {
  return new HttpLink({ uri: `${url}/graphql`, headers: token ? { authorization: `Bearer ${token}` } : {} });
}

export const apolloMultipart = {
  name: "@apollo/client 4, HTTP and multipart subscriptions",
  subscribesBy: "multipart/mixed",
  open: (given) => client(http(given), given),
};

function socketOf({ url, token }) {
  return createClient({
    url: socketUrl(url),
    webSocketImpl: WebSocket,
    connectionParams: () => (token ? { authorization: `Bearer ${token}` } : {}),
    // Apollo hands its own copy of the variables on, so a retry in here would ask with the first `after` for ever.
    retryAttempts: 0,
  });
}

export const apolloSocket = {
  name: "@apollo/client 4, HTTP and WebSocket",
  subscribesBy: "websocket",
  open(given) {
    const socket = socketOf(given);
    const isSubscription = ({ operationType }) => operationType === OperationTypeNode.SUBSCRIPTION;
    const link = ApolloLink.split(isSubscription, new GraphQLWsLink(socket), http(given));
    return client(link, { ...given, dispose: () => socket.dispose() });
  },
};

/** Queries and mutations over the socket too. */
export const apolloSocketAlone = {
  name: "@apollo/client 4, WebSocket alone",
  subscribesBy: "websocket",
  open(given) {
    const socket = socketOf(given);
    return client(new GraphQLWsLink(socket), { ...given, dispose: () => socket.dispose() });
  },
};
