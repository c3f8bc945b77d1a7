/** relay-compiler 21: its artifacts, run by relay-runtime over HTTP and graphql-ws. */
import { createClient } from "graphql-ws";
import relay from "relay-runtime";
import WebSocket from "ws";
import { assert } from "../checks/report.mjs";
import { socketUrl } from "./graphql-ws.mjs";
import { resuming } from "./resume.mjs";

const { commitMutation, Environment, fetchQuery, Network, Observable, RecordSource, requestSubscription, Store } = relay;

/** What the compiler made of `relay/operations.js`; `npm run generate` makes it. */
async function artifact(name) {
  return (await import(`./generated/relay/operations${name}.graphql.js`)).default;
}
const ARTIFACTS = {
  SignIn: await artifact("SignInMutation"),
  Me: await artifact("MeQuery"),
  AddCredits: await artifact("AddCreditsMutation"),
  Watch: await artifact("WatchSubscription"),
  Refetch: await artifact("AccountRefetchQuery"),
};

function environment({ url, token }, socket) {
  async function fetchText({ text }, variables) {
    const answer = await fetch(`${url}/graphql`, {
      method: "POST",
      headers: { "content-type": "application/json", ...(token && { authorization: `Bearer ${token}` }) },
      body: JSON.stringify({ query: text, variables }),
    });
    return answer.json();
  }
  const subscribe = ({ text }, variables) =>
    Observable.create((sink) => socket.subscribe({ query: text, variables }, sink));
  return new Environment({ network: Network.create(fetchText, subscribe), store: new Store(new RecordSource()) });
}

export const relayCompiler = {
  name: "relay-compiler 21 with relay-runtime, HTTP and WebSocket",
  subscribesBy: "websocket",
  open(given) {
    const socket = createClient({
      url: socketUrl(given.url),
      webSocketImpl: WebSocket,
      connectionParams: () => (given.token ? { authorization: `Bearer ${given.token}` } : {}),
      retryAttempts: 0,
    });
    const store = environment(given, socket);
    return {
      ask(name, variables) {
        const operation = ARTIFACTS[name];
        if (operation.params.operationKind === "query") {
          return fetchQuery(store, operation, variables, { fetchPolicy: "network-only" }).toPromise();
        }
        return new Promise((resolve, reject) => {
          const onCompleted = (data, errors) => (errors ? reject(new Error(JSON.stringify(errors))) : resolve(data));
          commitMutation(store, { mutation: operation, variables, onCompleted, onError: reject });
        });
      },
      watch: (account, onEvent) =>
        resuming(
          (after, next, end) => {
            const watching = requestSubscription(store, {
              subscription: ARTIFACTS.Watch,
              variables: { account, after },
              onNext: ({ creditBalance }) => next(creditBalance),
              onError: end,
              onCompleted: () => end("the stream ended"),
            });
            return () => watching.dispose();
          },
          onEvent,
          given.onBreak,
        ),
      close: () => socket.dispose(),
    };
  },
};

export async function fetchesAgain(token, { wire }) {
  const open = relayCompiler.open({ url: wire.url, token, onBreak: () => {} });
  try {
    const { viewer } = await open.ask("Me", {});
    const { id } = viewer.personalAccount;
    const { node } = await open.ask("Refetch", { id, count: 2, cursor: null });
    assert(node.__id === id, `the fragment was not fetched again: ${JSON.stringify(node)}`);
  } finally {
    await open.close();
  }
}
