/** What a person finds at the first visit: one question, one act, one stream. */
import addCredits from "./operations/add-credits.graphql?raw";
import creditBalance from "./operations/credit-balance.graphql?raw";
import viewer from "./operations/viewer.graphql?raw";

/** A fresh key for one act. `crypto.randomUUID` would be missing on plain HTTP from another host. */
function idempotencyKey(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(12));
  return `graphiql-${Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("")}`;
}

function json(value: unknown): string {
  return JSON.stringify(value, null, 2);
}

export interface DefaultTab {
  query: string;
  variables?: string;
}

export function defaultTabs(): DefaultTab[] {
  return [
    { query: viewer },
    {
      query: addCredits,
      variables: json({
        input: { target: { userId: "" }, amount: 0, reason: "Welcome", idempotencyKey: idempotencyKey() },
      }),
    },
    { query: creditBalance, variables: json({ accountId: "", after: null }) },
  ];
}
