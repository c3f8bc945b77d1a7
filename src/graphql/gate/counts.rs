//! What a document amounts to with its fragments written out (G26): each fragment is counted once and its spreads add
//! that memory, saturating, so 2^30 selections cost as many steps as the text has. Knows the document alone, not the
//! schema.

use std::collections::HashMap;

use async_graphql::parser::types::{ExecutableDocument, Field, FragmentDefinition, OperationType, Selection};
use async_graphql::{Name, Pos, Positioned};

use super::introspection;
use super::limits::KindLimits;
use super::refusal::Refused;
use super::scan::Scan;

/// Mutations that try a credential or hash one; a document may name one of them, once (G27).
const CREDENTIAL_MUTATIONS: &[&str] = &[
    "signUp",
    "signIn",
    "signInWithMagicLink",
    "requestMagicLink",
    "startOidcSignIn",
    "finishOidcSignIn",
    "requestPasswordReset",
    "resetPassword",
    "changePassword",
    "verifyEmail",
    "claimHero",
    "closeViewer",
    "acceptInvitation",
];

/// The counts of one document.
#[derive(Clone, Debug, Default)]
pub(super) struct Counts {
    pub bytes: usize,
    pub scan: Scan,
    operations: u64,
    fragments: u64,
    /// Of the operation that declares most.
    variables: u64,
    /// Of the operation that selects most at its root.
    root_fields: u64,
    credentials: u64,
    tally: Tally,
}

/// What a selection set amounts to with its fragments written out.
#[derive(Clone, Copy, Debug, Default)]
struct Tally {
    selections: u64,
    aliases: u64,
    directives: u64,
    /// Fields above each other, without what lies below introspection roots.
    depth: u64,
    /// Selection sets above each other, those of fragments included.
    nesting: u64,
    /// List fields of `__Type` above each other, wherever they stand.
    lists: u64,
    /// The same, below `__schema` and `__type` only.
    introspection: u64,
    /// Fields at the top of the set.
    top_fields: u64,
    top_credentials: u64,
    /// `@skip` and `@include` at the top of the set.
    top_conditions: u64,
}

impl Tally {
    /// Adds a selection: itself, `inner` and `directives`.
    fn add(&mut self, inner: &Tally, directives: usize) {
        self.selections = self.selections.saturating_add(1).saturating_add(inner.selections);
        self.aliases = self.aliases.saturating_add(inner.aliases);
        self.directives = self.directives.saturating_add(directives as u64).saturating_add(inner.directives);
        self.nesting = self.nesting.max(inner.nesting);
        self.introspection = self.introspection.max(inner.introspection);
    }

    /// Adds what a fragment has at its top to the top of this set.
    fn add_top(&mut self, inner: &Tally) {
        self.depth = self.depth.max(inner.depth);
        self.lists = self.lists.max(inner.lists);
        self.top_fields = self.top_fields.saturating_add(inner.top_fields);
        self.top_credentials = self.top_credentials.saturating_add(inner.top_credentials);
        self.top_conditions = self.top_conditions.saturating_add(inner.top_conditions);
    }
}

type Memory<'a> = HashMap<&'a str, Tally>;

impl Counts {
    /// Counts `document`. Refuses a fragment cycle and a subscription with other than one plain root field (G27).
    pub fn of(document: &ExecutableDocument, bytes: usize, scan: Scan) -> Result<Self, Refused> {
        let memory = count_fragments(&document.fragments)?;
        let mut counts = Self { bytes, scan, fragments: document.fragments.len() as u64, ..Self::default() };
        for (_, operation) in document.operations.iter() {
            let set = tally_set(&operation.node.selection_set.node.items, &memory);
            if operation.node.ty == OperationType::Subscription && (set.top_fields != 1 || set.top_conditions != 0) {
                let message = "A subscription selects exactly one root field, without `@skip` and `@include`.";
                return Err(Refused::invalid(message, Some(operation.pos)));
            }
            if operation.node.ty == OperationType::Mutation {
                counts.credentials = counts.credentials.saturating_add(set.top_credentials);
            }
            let on_variables: usize =
                operation.node.variable_definitions.iter().map(|variable| variable.node.directives.len()).sum();
            counts.operations += 1;
            counts.variables = counts.variables.max(operation.node.variable_definitions.len() as u64);
            counts.root_fields = counts.root_fields.max(set.top_fields);
            let total = &mut counts.tally;
            total.depth = total.depth.max(set.depth);
            // The operation itself is no selection; `add` counts one.
            total.add(&set, operation.node.directives.len() + on_variables);
            total.selections = total.selections.saturating_sub(1);
        }
        Ok(counts)
    }

    /// Compares with the limits of a caller. A document from the cache passes here again for each caller.
    pub fn check(&self, limits: &KindLimits) -> Result<(), Refused> {
        let nesting = limits.nesting.min(super::limits::NESTING_CEILING);
        let table: [(&'static str, usize, u64); 14] = [
            ("documentBytes", limits.document_bytes, self.bytes as u64),
            ("nesting", nesting, self.scan.nesting as u64),
            ("tokens", limits.tokens, self.scan.tokens as u64),
            ("operations", limits.operations, self.operations),
            ("fragments", limits.fragments, self.fragments),
            ("variables", limits.variables, self.variables),
            ("nesting", nesting, self.tally.nesting),
            ("selections", limits.selections, self.tally.selections),
            ("aliases", limits.aliases, self.tally.aliases),
            ("directives", limits.directives, self.tally.directives),
            ("rootFields", limits.root_fields, self.root_fields),
            ("depth", limits.depth, self.tally.depth),
            ("introspectionLists", introspection::LISTS_MAX as usize, self.tally.introspection),
            ("credentialMutations", 1, self.credentials),
        ];
        for (limit, maximum, actual) in table {
            if actual > maximum as u64 {
                return Err(Refused::limit(limit, maximum, actual));
            }
        }
        Ok(())
    }

    /// Expanded selections, from which the size of an execution plan follows.
    pub fn selections(&self) -> u64 {
        self.tally.selections
    }
}

type Fragments = HashMap<Name, Positioned<FragmentDefinition>>;

/// Counts fragments so that those a fragment spreads come before it. The walk keeps its own stack: a chain of
/// fragments, each nested deeply, would else add up on the thread's.
fn count_fragments(fragments: &Fragments) -> Result<Memory<'_>, Refused> {
    let mut memory = Memory::new();
    let mut spreads: HashMap<&str, Vec<(&str, Pos)>> = HashMap::new();
    for (name, fragment) in fragments {
        let mut found = Vec::new();
        collect_spreads(&fragment.node.selection_set.node.items, &mut found);
        spreads.insert(name.as_str(), found);
    }
    let mut open: HashMap<&str, bool> = HashMap::new();
    for name in fragments.keys() {
        let mut stack = vec![(name.as_str(), 0)];
        while let Some((name, next)) = stack.pop() {
            if memory.contains_key(name) {
                continue;
            }
            open.insert(name, true);
            let targets = spreads.get(name).map(Vec::as_slice).unwrap_or_default();
            if let Some((target, pos)) = targets.get(next) {
                stack.push((name, next + 1));
                if open.get(target).copied().unwrap_or(false) {
                    return Err(Refused::invalid("A fragment spreads itself, directly or through others.", Some(*pos)));
                }
                // A fragment that does not exist is for validation to refuse.
                if fragments.contains_key(*target) {
                    stack.push((target, 0));
                }
                continue;
            }
            if let Some(fragment) = fragments.get(name) {
                let mut tally = tally_set(&fragment.node.selection_set.node.items, &memory);
                tally.directives = tally.directives.saturating_add(fragment.node.directives.len() as u64);
                memory.insert(name, tally);
            }
            open.insert(name, false);
        }
    }
    Ok(memory)
}

fn collect_spreads<'a>(items: &'a [Positioned<Selection>], found: &mut Vec<(&'a str, Pos)>) {
    for item in items {
        match &item.node {
            Selection::Field(field) => collect_spreads(&field.node.selection_set.node.items, found),
            Selection::InlineFragment(inline) => collect_spreads(&inline.node.selection_set.node.items, found),
            Selection::FragmentSpread(spread) => {
                found.push((spread.node.fragment_name.node.as_str(), spread.pos));
            }
        }
    }
}

fn tally_set(items: &[Positioned<Selection>], memory: &Memory<'_>) -> Tally {
    let mut set = Tally { nesting: 1, ..Tally::default() };
    for item in items {
        match &item.node {
            Selection::Field(field) => tally_field(&mut set, &field.node, memory),
            Selection::InlineFragment(inline) => {
                let mut inner = tally_set(&inline.node.selection_set.node.items, memory);
                inner.nesting = inner.nesting.saturating_add(1);
                set.add(&inner, inline.node.directives.len());
                set.add_top(&inner);
            }
            Selection::FragmentSpread(spread) => {
                let mut inner = memory.get(spread.node.fragment_name.node.as_str()).copied().unwrap_or_default();
                inner.nesting = inner.nesting.saturating_add(1);
                set.add(&inner, spread.node.directives.len());
                set.add_top(&inner);
            }
        }
        let conditions = item.node.directives().iter().filter(|directive| is_condition(&directive.node.name.node));
        set.top_conditions = set.top_conditions.saturating_add(conditions.count() as u64);
    }
    set
}

fn tally_field(set: &mut Tally, field: &Field, memory: &Memory<'_>) {
    let name = field.name.node.as_str();
    let mut inner = match field.selection_set.node.items.as_slice() {
        [] => Tally::default(),
        items => tally_set(items, memory),
    };
    inner.nesting = inner.nesting.saturating_add(1);
    inner.aliases = inner.aliases.saturating_add(u64::from(field.alias.is_some()));
    let is_root = introspection::is_root(name);
    if is_root {
        inner.introspection = inner.introspection.max(inner.lists);
    }
    set.add(&inner, field.directives.len());
    set.depth = set.depth.max(if is_root { 1 } else { inner.depth.saturating_add(1) });
    set.lists = set.lists.max(inner.lists.saturating_add(u64::from(introspection::is_list(name))));
    set.top_fields = set.top_fields.saturating_add(1);
    set.top_credentials = set.top_credentials.saturating_add(u64::from(CREDENTIAL_MUTATIONS.contains(&name)));
}

/// Is this the name of a directive that decides whether a selection is executed?
pub(super) fn is_condition(name: &str) -> bool {
    matches!(name, "skip" | "include")
}
