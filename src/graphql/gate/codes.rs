//! Every code of a top-level error, and when it comes (G48). The set is closed; the documentation shows this table.

/// The codes, each with when it comes and which extras it has. An error with another code is not ours and is masked as
/// `INTERNAL`.
pub const CODES: &[(&str, &str)] = &[
    (
        "BAD_REQUEST",
        "The body or a parameter cannot be read, `operationName` names no operation, or a hash is not the document's.",
    ),
    ("GRAPHQL_PARSE_FAILED", "The document is not GraphQL; `locations` says where."),
    ("GRAPHQL_VALIDATION_FAILED", "The document does not fit the schema."),
    ("BAD_USER_INPUT", "A variable, id, cursor or page argument is not acceptable (`path`)."),
    ("DOCUMENT_LIMIT_EXCEEDED", "The document or the answer exceeds a limit (`limit`, `maximum`, `actual`)."),
    ("COST_LIMIT_EXCEEDED", "One operation is too dear (`cost`, `maximum`)."),
    ("RATE_LIMITED", "Too many requests: 429 with `Retry-After` over HTTP (`retryAfterMs`)."),
    ("METHOD_NOT_ALLOWED", "405: the method, or the operation's kind by that method."),
    ("NOT_ACCEPTABLE", "406: no media type that was asked for can be answered."),
    ("PAYLOAD_TOO_LARGE", "413: the body (`maximum`)."),
    ("URI_TOO_LONG", "414: the address is longer than 8 KiB."),
    ("UNSUPPORTED_MEDIA_TYPE", "415: the body is not declared as JSON in UTF-8."),
    ("PERSISTED_QUERY_NOT_FOUND", "No document is known by this hash: send its text with it. Status 200."),
    ("DOCUMENT_NOT_TRUSTED", "Only documents that the operator trusts may run."),
    ("INTROSPECTION_DISABLED", "The schema may not be read by this caller."),
    ("UNAUTHENTICATED", "A session is needed (`reason`: MISSING, TOKEN_EXPIRED, TOKEN_INVALID, SESSION_ENDED)."),
    ("FORBIDDEN", "The role does not allow it (`feature`, `level`)."),
    ("NOT_FOUND", "There is no such object, or it is another account's."),
    ("IDEMPOTENCY_KEY_REUSED", "The key was used for another mutation or input."),
    ("FEATURE_DISABLED", "The feature is switched off."),
    ("DEPENDENCY_UNAVAILABLE", "An outside service does not answer (`which`)."),
    ("TIMEOUT", "It took too long. Writes already begun continue; the idempotency key finds their answer."),
    ("SHUTTING_DOWN", "The process ends; another one, or this one later, will answer."),
    ("INTERNAL", "Something is wrong on our side. Tell the operator the `requestId`."),
];
