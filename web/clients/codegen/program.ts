/**
 * A program that lives by the types of @graphql-codegen's client preset 6: the compiler knows the variables and the
 * answer of every operation. Sent by graphql-request and, for subscriptions, by graphql-sse.
 */
import { print } from "graphql";
import { GraphQLClient } from "graphql-request";
import { createClient } from "graphql-sse";
import {
  AddCreditsDocument,
  MeDocument,
  SignInDocument,
  WatchDocument,
  type AddCreditsMutationVariables,
  type UserErrorCode,
  type WatchSubscription,
  type WatchSubscriptionVariables,
} from "../generated/codegen/graphql.js";

type Event = WatchSubscription["creditBalance"];
type Given = { url: string; token?: string; onBreak: (cause: string) => void };

/** What a person is told. An enum may gain values, so the rest has an answer too. */
export function told(code: UserErrorCode): string {
  switch (code) {
    case "AMOUNT_ZERO":
      return "Enter at least 1 credit.";
    case "AMOUNT_TOO_LARGE":
      return "Enter fewer credits.";
    default:
      return "That did not work.";
  }
}

export const codegen = {
  name: "@graphql-codegen client preset 6, typed, HTTP and server-sent events",
  subscribesBy: "text/event-stream",
  open({ url, token, onBreak }: Given) {
    const headers: Record<string, string> = token ? { authorization: `Bearer ${token}` } : {};
    const client = new GraphQLClient(`${url}/graphql`, { headers });
    const stream = createClient({
      url: `${url}/graphql`,
      headers,
      retryAttempts: 100,
      retry: () => new Promise((done) => setTimeout(done, 100)),
    });
    const operations = {
      SignIn: (variables: { identity: string; password: string }) => client.request(SignInDocument, variables),
      Me: () => client.request(MeDocument),
      AddCredits: (variables: AddCreditsMutationVariables) => client.request(AddCreditsDocument, variables),
    };
    return {
      ask: (name: keyof typeof operations, variables: never) => operations[name](variables),
      watch(account: string, onEvent: (event: Event) => void) {
        const variables: WatchSubscriptionVariables = { account, after: null };
        return stream.subscribe<WatchSubscription>(
          { query: print(WatchDocument), variables },
          {
            next({ data, errors }) {
              if (!data) return onBreak(JSON.stringify(errors));
              variables.after = data.creditBalance.cursor;
              onEvent(data.creditBalance);
            },
            error: (cause) => onBreak(String(cause)),
            complete() {},
          },
          { connecting: (isRetry) => isRetry && onBreak("connecting again") },
        );
      },
      close: () => stream.dispose(),
    };
  },
};

/** Never called: each line must be refused by the compiler, which reports a marker that refuses nothing. */
export async function refusedByTheCompiler(client: GraphQLClient) {
  // @ts-expect-error a variable is missing
  await client.request(AddCreditsDocument, { account: "a", amount: 1 });
  // @ts-expect-error a variable has the wrong type
  await client.request(AddCreditsDocument, { account: "a", amount: true, key: "k" });
  const { viewer, ...rest } = await client.request(MeDocument);
  // @ts-expect-error the viewer may be null: nobody may be signed in
  viewer.username;
  // @ts-expect-error the field was not selected
  rest.account;
}
