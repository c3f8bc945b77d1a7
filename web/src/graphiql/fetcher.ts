/**
 * Sends what GraphiQL runs: queries and mutations by POST, subscriptions over one WebSocket per identity.
 * The identity is the token box's, unless the headers editor names another. It is never stored.
 */
import type { Fetcher, FetcherParams, FetcherReturnType, Observable } from "@graphiql/toolkit";
import { Kind, OperationTypeNode, parse, type DocumentNode, type ExecutionResult } from "graphql";
import { createClient, type Client } from "graphql-ws";

/** The server closes with this code when the token ends or rights change; the same token would fail again. */
const CLOSED_FORBIDDEN = 4403;

export interface Door {
  /** Where requests go: a path of this origin. */
  path: string;
  /** The token box's access token; empty when anonymous. */
  token: string;
}

export interface DoorFetcher {
  fetch: Fetcher;
  /** Closes the WebSocket, if one is open. */
  close(): void;
}

/** The value of an `Authorization` header, whatever its spelling, or nothing. */
export function authorizationIn(headers: Record<string, unknown> | undefined): string | undefined {
  for (const [name, value] of Object.entries(headers ?? {})) {
    if (name.toLowerCase() === "authorization" && typeof value === "string" && value.trim() !== "") return value.trim();
  }
  return undefined;
}

/** Takes a token as people paste it: with quotes, blanks or `Bearer` around it. */
export function cleanToken(pasted: string): string {
  return pasted
    .trim()
    .replace(/^["']|["']$/g, "")
    .replace(/^bearer\s+/i, "")
    .trim();
}

function failure(message: string, extensions: Record<string, unknown> = {}): ExecutionResult {
  // Shaped like an answer of the server, so that the response pane shows every failure alike.
  return { errors: [{ message, extensions }] } as unknown as ExecutionResult;
}

interface Operation {
  params: FetcherParams;
  isSubscription: boolean;
}

/**
 * Which operation is meant. GraphiQL learns of an edit a moment late, so right after one it still names the
 * operation that stood there before; the text itself is believed then, if it holds only one operation.
 */
function chooseOperation(params: FetcherParams): Operation {
  let document: DocumentNode;
  try {
    document = parse(params.query, { noLocation: true });
  } catch {
    return { params, isSubscription: false };
  }
  const operations = document.definitions.filter((definition) => definition.kind === Kind.OPERATION_DEFINITION);
  const named = operations.find(({ name }) => name?.value === params.operationName);
  const chosen = named ?? (operations.length === 1 ? operations[0] : undefined);
  if (chosen === undefined) return { params, isSubscription: false };
  return {
    params: { ...params, operationName: chosen.name?.value ?? null },
    isSubscription: chosen.operation === OperationTypeNode.SUBSCRIPTION,
  };
}

async function post(path: string, params: FetcherParams, headers: Headers): Promise<ExecutionResult> {
  let response: Response;
  try {
    response = await fetch(path, {
      method: "POST",
      credentials: "omit",
      cache: "no-store",
      headers,
      body: JSON.stringify(params),
    });
  } catch {
    return failure("The server could not be reached.");
  }
  try {
    const answer = (await response.json()) as ExecutionResult;
    // GraphiQL asks a second time when an introspection answer has no `data`; a refusal is final here.
    return "data" in answer || params.operationName !== "IntrospectionQuery" ? answer : { ...answer, data: null };
  } catch {
    return failure(`The server answered ${response.status} without JSON.`);
  }
}

function explainEnd(cause: unknown): ExecutionResult {
  if (Array.isArray(cause)) return { errors: cause } as ExecutionResult;
  if (cause instanceof CloseEvent) {
    const reason = cause.reason === "" ? "no reason given" : cause.reason;
    const advice = cause.code === CLOSED_FORBIDDEN ? " Use a fresh access token and run it again." : "";
    return failure(`The server closed the WebSocket: ${reason}.${advice}`, { closeCode: cause.code });
  }
  return failure(cause instanceof Error ? cause.message : "The WebSocket ended.");
}

function socketAddress(path: string): string {
  const address = new URL(path, location.href);
  address.protocol = address.protocol === "https:" ? "wss:" : "ws:";
  return address.href;
}

function openClient(path: string, authorization: string | undefined): Client {
  return createClient({
    url: socketAddress(path),
    connectionParams: authorization === undefined ? {} : { authorization },
    retryAttempts: 5,
    shouldRetry: (cause) => !(cause instanceof CloseEvent && cause.code === CLOSED_FORBIDDEN),
  });
}

function subscribe(client: Client, params: FetcherParams): Observable<ExecutionResult> {
  const request = {
    query: params.query,
    operationName: params.operationName ?? null,
    variables: (params.variables as Record<string, unknown> | undefined) ?? null,
  };
  const observable = {
    subscribe(sink: { next(value: ExecutionResult): void; complete(): void }) {
      let live = true;
      const stop = client.subscribe<Record<string, unknown>, Record<string, unknown>>(request, {
        next: (value) => sink.next(value as ExecutionResult),
        error: (cause) => {
          if (!live) return;
          sink.next(explainEnd(cause));
          sink.complete();
        },
        complete: () => sink.complete(),
      });
      return {
        unsubscribe() {
          live = false;
          stop();
        },
      };
    },
  };
  return observable as unknown as Observable<ExecutionResult>;
}

export function createDoorFetcher({ path, token }: Door): DoorFetcher {
  const own = token === "" ? undefined : `Bearer ${token}`;
  let socket: { authorization: string | undefined; client: Client } | undefined;

  const clientFor = (authorization: string | undefined): Client => {
    if (socket === undefined || socket.authorization !== authorization) {
      void socket?.client.dispose();
      socket = { authorization, client: openClient(path, authorization) };
    }
    return socket.client;
  };

  const send: Fetcher = (asked, options): FetcherReturnType => {
    const { params, isSubscription } = chooseOperation(asked);
    const written = options?.headers as Record<string, unknown> | undefined;
    const authorization = authorizationIn(written) ?? own;
    if (isSubscription) return subscribe(clientFor(authorization), params);

    const headers = new Headers({ "x-client-name": "graphiql" });
    for (const [name, value] of Object.entries(written ?? {})) headers.set(name, String(value));
    headers.set("content-type", "application/json");
    // With this type a refused document is answered with status 200 and its errors, which is what a person reads.
    headers.set("accept", "application/json");
    if (authorization !== undefined) headers.set("authorization", authorization);
    return post(path, params, headers);
  };

  return {
    fetch: send,
    close: () => {
      void socket?.client.dispose();
      socket = undefined;
    },
  };
}
