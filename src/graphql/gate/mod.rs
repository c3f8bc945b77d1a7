//! The Gate: alone owns the schema, so no transport can go round it. Steps in order, and a refusal executes nothing:
//! bytes → scan → parse → counts → operation → variables → introspection → cost → rate → validation → execution →
//! shape. Knows nothing of HTTP, of sockets, of tokens or of any feature.

mod bucket;
mod cache;
mod codes;
mod cost;
mod counts;
mod deprecated;
mod engine;
mod execute;
mod executor;
mod figures;
mod introspection;
mod limits;
mod persisted;
mod plan;
mod refusal;
mod room;
mod scan;
mod shape;
mod shared;
mod text;
mod trusted;
mod typename;
mod types;
mod variables;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use async_graphql::parser::types::{DocumentOperations, ExecutableDocument, OperationDefinition, OperationType};
use async_graphql::parser::{Error as ParseError, parse_query};
use async_graphql::{ObjectType, Pos, Positioned, SchemaBuilder, SubscriptionType, Variables};

use crate::clock::{Clock, to_rfc3339};
pub use bucket::Payer;
use bucket::{Buckets, Charge, Rate};
use cache::{DocumentCache, Parsed};
pub use codes::CODES;
use counts::Counts;
use engine::{Engine, Invalid};
pub use execute::Answer;
pub use figures::CostFigures;
pub use limits::{CallerKind, KindLimits, Limits, NESTING_CEILING};
pub use persisted::DocumentRef;
use persisted::{Meant, PersistedTexts, meant, not_trusted};
use plan::Plan;
pub use refusal::{Fault, REFUSAL_BYTES, RefusalKind, Refused};
pub use room::AnswerRoom;
use scan::doubled_field;
pub use scan::{Scan, ScanFault, scan};
use shared::SharedPlans;
use trusted::Trusted;
pub use trusted::{ID_CHARS_MAX, Trust, TrustFault, TrustedText, read_trusted};
pub use types::SchemaUnreadable;
use types::TypeTable;

/// A request as any transport received it.
#[derive(Debug, Default)]
pub struct Params {
    /// The document; empty when `document` stands for it.
    pub query: String,
    /// A hash that stands for the document, or under which its text is to be kept.
    pub document: Option<DocumentRef>,
    /// Which operation of the document; needed when there are several.
    pub operation_name: Option<String>,
    /// Values of variables, as yet unchecked.
    pub variables: Variables,
}

/// Who asks, as far as the Gate cares.
#[derive(Clone, Debug)]
pub struct Caller {
    /// The column of the limits table.
    pub kind: CallerKind,
    /// Whose bucket pays.
    pub payer: Payer,
    /// May read the schema.
    pub introspection: bool,
    /// Stands in every error, as `requestId`.
    pub request_id: Arc<str>,
}

/// The kind of an operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OperationKind {
    /// Reads.
    Query,
    /// Writes.
    Mutation,
    /// Answers a stream of events.
    Subscription,
}

/// An operation that passed every check and was charged. Running it is [`Gate::execute`] or [`Gate::subscribe`]; dropped
/// before, it gives back what it was charged.
pub struct Admitted {
    plan: Plan,
    cost: u64,
    charge: Charge,
    deprecated: Vec<String>,
}

impl Admitted {
    /// The kind of the chosen operation.
    pub fn kind(&self) -> OperationKind {
        match self.plan.operation {
            OperationType::Query => OperationKind::Query,
            OperationType::Mutation => OperationKind::Mutation,
            OperationType::Subscription => OperationKind::Subscription,
        }
    }

    /// What it costs.
    pub fn cost(&self) -> u64 {
        self.cost
    }

    /// What it uses that is deprecated, by schema coordinates.
    pub fn deprecated(&self) -> &[String] {
        &self.deprecated
    }

    /// Response keys at the root, in order; for the log line of the operation, use the names of its fields.
    pub fn root_fields(&self) -> impl Iterator<Item = &str> {
        self.plan.root.fields.iter().map(|field| field.name.as_str())
    }
}

/// The one way to the schema. Cheap to clone.
#[derive(Clone)]
pub struct Gate {
    inner: Arc<Inner>,
}

struct Inner {
    engine: Box<dyn Engine>,
    table: TypeTable,
    limits: Limits,
    cache: DocumentCache,
    plans: SharedPlans,
    buckets: Arc<Buckets>,
    texts: PersistedTexts,
    trusted: Trusted,
    clock: Arc<dyn Clock>,
    sdl: String,
}

impl Gate {
    /// Takes the schema from `builder`, hardened, and reads its SDL into the type table. Fails only when the SDL
    /// cannot be read back.
    pub fn new<Q, M, S>(
        builder: SchemaBuilder<Q, M, S>,
        limits: Limits,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, SchemaUnreadable>
    where
        Q: ObjectType + 'static,
        M: ObjectType + 'static,
        S: SubscriptionType + 'static,
    {
        let schema = engine::harden(builder);
        let sdl = schema.sdl();
        let table = TypeTable::read(&sdl)?;
        let inner = Inner {
            cache: DocumentCache::new(limits.cache_entries, limits.cache_bytes),
            buckets: Arc::new(Buckets::new(limits.buckets, Arc::clone(&clock))),
            texts: PersistedTexts::new(&limits),
            engine: Box::new(schema),
            plans: SharedPlans::default(),
            trusted: Trusted::default(),
            table,
            limits,
            clock,
            sdl,
        };
        Ok(Self { inner: Arc::new(inner) })
    }

    /// The same Gate with these documents trusted (G23). Refuses them when one does not fit the schema. To be called
    /// before the Gate is shared; what was kept until then is forgotten.
    pub fn trusting(self, texts: Vec<TrustedText>) -> Result<Self, TrustFault> {
        let trusted = Trusted::check(&*self.inner.engine, texts)?;
        match Arc::try_unwrap(self.inner) {
            Ok(inner) => Ok(Self { inner: Arc::new(Inner { trusted, ..inner }) }),
            Err(_) => Err(TrustFault::Shared),
        }
    }

    /// The limits in force.
    pub fn limits(&self) -> &Limits {
        &self.inner.limits
    }

    /// The schema as the library writes it, unsorted.
    pub fn sdl(&self) -> &str {
        &self.inner.sdl
    }

    /// Buckets that are not full, as far as is known: of users, and of addresses.
    pub fn buckets(&self) -> (usize, usize) {
        self.inner.buckets.kept()
    }

    /// Texts kept by their hash, and their bytes.
    pub fn persisted(&self) -> (usize, usize) {
        self.inner.texts.size()
    }

    /// Documents kept parsed and their estimated bytes.
    pub fn cached(&self) -> (usize, usize) {
        self.inner.cache.size()
    }

    /// Does everything that comes before execution and charges the cost. Never waits. The refusal's errors are
    /// stamped with `requestId` and `timestamp` and take at most 4 KiB.
    pub fn admit(&self, caller: &Caller, params: Params) -> Result<Admitted, Refused> {
        self.judge(caller, params).map_err(|refused| {
            let maximum = self.inner.limits.of(caller.kind).errors;
            refused.finish(&caller.request_id, &self.timestamp(), maximum)
        })
    }

    fn judge(&self, caller: &Caller, params: Params) -> Result<Admitted, Refused> {
        let Inner { engine, table, texts, .. } = &*self.inner;
        let limits = self.inner.limits.of(caller.kind);
        let Params { query, document, operation_name, variables } = params;
        let Meant { key, text, trusted, offered } = self.meant(caller, query, document.as_ref())?;
        let is_trusted = trusted.is_some();
        let (parsed, is_known) = self.parsed(limits, key, &text, trusted)?;
        let operation = choose(&parsed.document, operation_name.as_deref())?;
        let definitions = &operation.node.variable_definitions;
        let values = variables::coerce(table, definitions, &variables)?;
        let budget = usize::try_from(parsed.counts.selections()).unwrap_or(limits.selections);
        let budget = if is_trusted { budget } else { budget.min(limits.selections) };
        let plan = plan::plan(table, &parsed.document, operation, &values, budget.saturating_mul(PLAN_FACTOR))?;
        if !caller.introspection && plan.root.fields.iter().any(|field| field.name == "__schema") {
            let fault = Fault::new("INTROSPECTION_DISABLED", "You may not read the schema.");
            return Err(Refused::new(RefusalKind::Introspection, fault));
        }
        let cost = cost::cost(table, &plan, caller.kind);
        let charge = self.charge(caller, cost)?;
        if !is_known {
            validate(&**engine, parsed.document.clone(), RefusalKind::Validation)?;
            self.inner.cache.insert(key, Arc::clone(&parsed), parsed.weight());
        }
        if !definitions.is_empty() {
            // Once more with the values put in, for scalars that judge their own.
            validate(&**engine, plan.document.clone(), RefusalKind::Variables)?;
        }
        // Who is not signed in could fill the store with texts that nobody asks for.
        if offered && caller.kind != CallerKind::Anonymous {
            texts.keep(key, &text);
        }
        let deprecated = table.deprecations.used(table, &plan);
        Ok(Admitted { plan, cost, charge, deprecated })
    }

    /// The document that the request means, if this caller may run it.
    fn meant(&self, caller: &Caller, query: String, reference: Option<&DocumentRef>) -> Result<Meant, Refused> {
        let Inner { texts, trusted, .. } = &*self.inner;
        let limits = self.inner.limits.of(caller.kind);
        let oversized = |bytes: usize| Refused::limit("documentBytes", limits.document_bytes, bytes as u64);
        if trusted.is_empty() && query.len() > limits.document_bytes {
            return Err(oversized(query.len()));
        }
        let meant = meant(trusted, texts, query, reference, limits.trust == Trust::Enforce)?;
        if meant.trusted.is_some() {
            return Ok(meant);
        }
        match limits.trust {
            Trust::Off => {}
            Trust::Log => {
                metrics::counter!("graphql_untrusted_documents_total").increment(1);
                tracing::warn!(request.id = %caller.request_id, "a document is not trusted");
            }
            Trust::Enforce => return Err(not_trusted()),
        }
        if meant.text.len() > limits.document_bytes {
            return Err(oversized(meant.text.len()));
        }
        Ok(meant)
    }

    /// The document parsed and counted, and whether it was validated before.
    fn parsed(
        &self,
        limits: &KindLimits,
        key: cache::Key,
        text: &str,
        trusted: Option<Arc<Parsed>>,
    ) -> Result<(Arc<Parsed>, bool), Refused> {
        if let Some(parsed) = trusted {
            return Ok((parsed, true));
        }
        let (parsed, is_known) = match self.inner.cache.get(&key) {
            Some(parsed) => (parsed, true),
            None => (Arc::new(read(text, limits)?), false),
        };
        parsed.counts.check(limits)?;
        Ok((parsed, is_known))
    }

    /// Takes the cost from the caller's bucket.
    fn charge(&self, caller: &Caller, cost: u64) -> Result<Charge, Refused> {
        let limits = self.inner.limits.of(caller.kind);
        // What no bucket can hold would wait for ever.
        let maximum = limits.cost.min(Rate::of(limits).burst);
        if cost > maximum {
            let fault = Fault::new("COST_LIMIT_EXCEEDED", "The operation is too dear.")
                .with("cost", cost)
                .with("maximum", maximum);
            return Err(Refused::new(RefusalKind::Cost, fault));
        }
        self.inner.buckets.charge(caller.payer, Rate::of(limits), cost).map_err(|retry_after_ms| {
            let fault = Fault::new("RATE_LIMITED", "Too many requests; try again later.");
            Refused::new(RefusalKind::RateLimited { retry_after_ms }, fault.with("retryAfterMs", retry_after_ms))
        })
    }

    fn timestamp(&self) -> String {
        to_rfc3339(self.inner.clock.now())
    }
}

/// How many times the expanded selections a plan may hold: fragments on interfaces are written out for each object.
const PLAN_FACTOR: usize = 4;

/// Scan, parse and count a text that is not in the cache.
fn read(text: &str, limits: &KindLimits) -> Result<Parsed, Refused> {
    let counted = scan(text, limits.tokens, limits.nesting).map_err(|fault| match fault {
        ScanFault::Nesting(actual) => Refused::limit("nesting", limits.nesting.min(NESTING_CEILING), actual as u64),
        ScanFault::Tokens(actual) => Refused::limit("tokens", limits.tokens, actual as u64),
        ScanFault::OpenString(offset) => {
            let pos = position(text, offset);
            Refused::parse(format!("A string does not end: line {}, column {}.", pos.line, pos.column), Some(pos))
        }
    })?;
    // The parser is a dependency's: a panic in it must cost one request only.
    let mut document = catch_unwind(|| parse_query(text))
        .map_err(|_| Refused::internal())?
        .map_err(|error| unreadable(&error, limits))?;
    if let Some((name, offset)) = doubled_field(text) {
        let message = format!("The input field \"{name}\" stands twice in one object. Give it once.");
        return Err(Refused::invalid(message, Some(position(text, offset))));
    }
    let counts = Counts::of(&document, text.len(), counted)?;
    typename::plain(&mut document)?;
    text::check(text, &document)?;
    Ok(Parsed { document, counts })
}

/// The parser's error in our words: its own quote the line (G30).
fn unreadable(error: &ParseError, limits: &KindLimits) -> Refused {
    let pos = error.positions().next();
    let what = match error {
        ParseError::MultipleOperations { .. } => "An operation without a name must be the only one",
        ParseError::OperationDuplicated { .. } => "Two operations have the same name",
        ParseError::FragmentDuplicated { .. } => "Two fragments have the same name",
        ParseError::MissingOperation => "The document has no operation",
        ParseError::RecursionLimitExceeded => {
            return Refused::limit("nesting", PARSER_NESTING.min(limits.nesting), PARSER_NESTING as u64 + 1);
        }
        _ => "Syntax error",
    };
    match pos {
        Some(pos) => Refused::parse(format!("{what}: line {}, column {}.", pos.line, pos.column), Some(pos)),
        None => Refused::parse(format!("{what}."), None),
    }
}

/// Selection sets that the parser nests, whatever our limit.
const PARSER_NESTING: usize = 64;

fn position(text: &str, offset: usize) -> Pos {
    let before = text.get(..offset).unwrap_or_default();
    let line_start = before.rfind('\n').map_or(0, |at| at + 1);
    let column = before.get(line_start..).unwrap_or_default().chars().count() + 1;
    Pos { line: before.matches('\n').count() + 1, column }
}

fn choose<'a>(
    document: &'a ExecutableDocument,
    name: Option<&str>,
) -> Result<&'a Positioned<OperationDefinition>, Refused> {
    let refuse = |message: &str| Refused::new(RefusalKind::Operation, Fault::new("BAD_REQUEST", message));
    match (&document.operations, name) {
        (DocumentOperations::Single(operation), None) => Ok(operation),
        (DocumentOperations::Multiple(operations), Some(name)) => {
            operations.get(name).ok_or_else(|| refuse("The document has no operation of that name."))
        }
        (DocumentOperations::Multiple(operations), None) if operations.len() == 1 => {
            operations.values().next().ok_or_else(|| refuse("The document has no operation."))
        }
        (DocumentOperations::Single(_), Some(_)) => Err(refuse("The document has no operation of that name.")),
        (DocumentOperations::Multiple(_), None) => Err(refuse("`operationName` must name one of the operations.")),
    }
}

/// The library's validation. Its texts hold names of the document and the schema, cut to 200 characters.
fn validate(engine: &dyn Engine, document: ExecutableDocument, kind: RefusalKind) -> Result<(), Refused> {
    let code = match kind {
        RefusalKind::Variables => "BAD_USER_INPUT",
        _ => "GRAPHQL_VALIDATION_FAILED",
    };
    match catch_unwind(AssertUnwindSafe(|| engine::validate(engine, document))) {
        Ok(Ok(())) => Ok(()),
        Ok(Err(Invalid::Findings(findings))) => {
            let fault = |finding: async_graphql::ServerError| {
                let mut fault = Fault::new(code, &finding.message);
                fault.locations = finding.locations;
                fault.locations.truncate(2);
                fault
            };
            Err(Refused { kind, errors: findings.into_iter().take(64).map(fault).collect() })
        }
        Ok(Err(Invalid::Broken)) | Err(_) => Err(Refused::invalid("The document cannot be validated.", None)),
    }
}
