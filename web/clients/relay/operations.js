/** The operations as relay-compiler reads them: in its tag, with names that begin with the name of this file. */
import { graphql } from "relay-runtime";

graphql`
  mutation operationsSignInMutation($identity: String!, $password: String!) {
    signIn(input: { identity: $identity, password: $password }) {
      session {
        accessToken
      }
      userErrors {
        code
      }
    }
  }
`;

graphql`
  query operationsMeQuery {
    viewer {
      id
      username
      personalAccount {
        id
        balance {
          available
        }
      }
    }
  }
`;

graphql`
  mutation operationsAddCreditsMutation($account: ID!, $amount: CreditsEntry!, $key: ID!) {
    addCredits(input: { target: { accountId: $account }, amount: $amount, idempotencyKey: $key }) {
      added
      balanceAfter
      transaction {
        id
        sequence
      }
      userErrors {
        code
        message
        path
      }
    }
  }
`;

graphql`
  subscription operationsWatchSubscription($account: ID!, $after: String) {
    creditBalance(accountId: $account, after: $after) {
      kind
      sequence
      cursor
      balance {
        available
      }
    }
  }
`;

// What Relay asks of a schema beyond the scenario: `Node`, so that a fragment can be fetched again by its id, and
// connections that it may page through.
graphql`
  fragment operationsAccount on Account
  @refetchable(queryName: "operationsAccountRefetchQuery")
  @argumentDefinitions(count: { type: "Int", defaultValue: 2 }, cursor: { type: "String" }) {
    name
    creditTransactions(first: $count, after: $cursor) @connection(key: "operationsAccount_creditTransactions") {
      edges {
        node {
          sequence
        }
      }
    }
  }
`;
