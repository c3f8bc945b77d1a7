//! The schema's own rules, read from `schema.graphql` (G34–G47, G73).

use std::collections::{BTreeMap, BTreeSet};

use async_graphql_parser::{
    Positioned, parse_schema,
    types::{
        BaseType, ConstDirective, FieldDefinition, InputValueDefinition, Type, TypeDefinition, TypeKind,
        TypeSystemDefinition,
    },
};

const COMMITTED: &str = include_str!("../../schema.graphql");

struct Schema(BTreeMap<String, TypeDefinition>);

impl Schema {
    fn read() -> Self {
        let document = parse_schema(COMMITTED).unwrap();
        let types = document.definitions.into_iter().filter_map(|definition| match definition {
            TypeSystemDefinition::Type(definition) => Some((definition.node.name.node.to_string(), definition.node)),
            _ => None,
        });
        Self(types.collect())
    }

    fn fields(&self, name: &str) -> Vec<&FieldDefinition> {
        match self.0.get(name).map(|definition| &definition.kind) {
            Some(TypeKind::Object(object)) => object.fields.iter().map(|field| &field.node).collect(),
            Some(TypeKind::Interface(interface)) => interface.fields.iter().map(|field| &field.node).collect(),
            _ => Vec::new(),
        }
    }

    fn inputs(&self, name: &str) -> Vec<&InputValueDefinition> {
        match self.0.get(name).map(|definition| &definition.kind) {
            Some(TypeKind::InputObject(input)) => input.fields.iter().map(|field| &field.node).collect(),
            _ => Vec::new(),
        }
    }

    /// Output types apart from the roots.
    fn outputs(&self) -> impl Iterator<Item = &String> {
        self.0
            .iter()
            .filter(|(_, definition)| matches!(definition.kind, TypeKind::Object(_) | TypeKind::Interface(_)))
            .map(|(name, _)| name)
            .filter(|name| !["Query", "Mutation", "Subscription"].contains(&name.as_str()))
    }
}

fn name_of(ty: &Type) -> &str {
    match &ty.base {
        BaseType::Named(name) => name,
        BaseType::List(inner) => name_of(inner),
    }
}

fn said(description: Option<&Positioned<String>>) -> bool {
    description.is_some_and(|text| text.node.trim().chars().next().is_some_and(|first| !first.is_lowercase()))
}

fn assert_none(found: &[String]) {
    assert!(found.is_empty(), "{}", found.join("\n"));
}

fn is_camel(name: &str) -> bool {
    name.starts_with(|first: char| first.is_ascii_lowercase())
        && name.chars().all(|letter| letter.is_ascii_alphanumeric())
}

// G73
#[test]
fn the_committed_schema_is_the_one_that_is_served() {
    assert!(inkledger::graphql::sdl() == COMMITTED, "schema.graphql is out of date: run script/gen");
}

// G34
#[test]
fn everything_is_described() {
    let schema = Schema::read();
    let mut found = Vec::new();
    let argument = |place: &str, argument: &InputValueDefinition, found: &mut Vec<String>| {
        if !said(argument.description.as_ref()) {
            found.push(format!("{place}({}) has no description", argument.name.node));
        }
        if !is_camel(&argument.name.node) {
            found.push(format!("{place}({}) is not camelCase", argument.name.node));
        }
    };
    for (name, definition) in &schema.0 {
        if !said(definition.description.as_ref()) {
            found.push(format!("{name} has no description"));
        }
        if !name.starts_with(|first: char| first.is_ascii_uppercase()) || name.contains('_') {
            found.push(format!("{name} is not PascalCase"));
        }
        for field in schema.fields(name) {
            let place = format!("{name}.{}", field.name.node);
            if !said(field.description.as_ref()) {
                found.push(format!("{place} has no description"));
            }
            if !is_camel(&field.name.node) {
                found.push(format!("{place} is not camelCase"));
            }
            for prefix in ["get", "list", "query"] {
                let rest = field.name.node.strip_prefix(prefix);
                if rest.is_some_and(|rest| rest.starts_with(|first: char| first.is_ascii_uppercase())) {
                    found.push(format!("{place} begins with {prefix}"));
                }
            }
            for value in &field.arguments {
                argument(&place, &value.node, &mut found);
            }
        }
        for field in schema.inputs(name) {
            argument(name, field, &mut found);
        }
        if let TypeKind::Enum(values) = &definition.kind {
            for value in &values.values {
                let value = &value.node;
                if !said(value.description.as_ref()) {
                    found.push(format!("{name}.{} has no description", value.value.node));
                }
                if value.value.node.chars().any(|letter| letter.is_lowercase()) {
                    found.push(format!("{name}.{} is not UPPER_SNAKE", value.value.node));
                }
            }
        }
    }
    assert_none(&found);
}

// G35, G36
#[test]
fn mutations_take_one_input_and_answer_a_payload() {
    let schema = Schema::read();
    let mut found = Vec::new();
    for field in schema.fields("Mutation") {
        let name = field.name.node.as_str();
        let title = format!("{}{}", name[..1].to_uppercase(), &name[1..]);
        let arguments: Vec<String> =
            field.arguments.iter().map(|arg| format!("{}: {}", arg.node.name.node, arg.node.ty.node)).collect();
        if arguments != [format!("input: {title}Input!")] {
            found.push(format!("{name} takes {arguments:?}"));
        }
        if field.ty.node.to_string() != format!("{title}Payload") {
            found.push(format!("{name} answers {}", field.ty.node));
        }
        for payload in schema.fields(&format!("{title}Payload")) {
            let ty = &payload.ty.node;
            if payload.name.node == "userErrors" {
                if ty.to_string() != "[UserError!]!" {
                    found.push(format!("{title}Payload.userErrors is {ty}"));
                }
            } else if !ty.nullable {
                found.push(format!("{title}Payload.{} is not nullable", payload.name.node));
            }
        }
        if !schema.fields(&format!("{title}Payload")).iter().any(|payload| payload.name.node == "userErrors") {
            found.push(format!("{title}Payload has no userErrors"));
        }
    }
    assert!(matches!(schema.0["UserError"].kind, TypeKind::Object(_)));
    assert_none(&found);
}

// G37
#[test]
fn commands_that_move_credits_or_call_providers_take_a_key() {
    let schema = Schema::read();
    let runs = ["Start", "Fork", "Pause", "Resume", "Cancel"].map(|verb| format!("{verb}AutomationRunInput"));
    let commands = ["AddCreditsInput", "GenerateImagesInput", "GenerateTextInput", "RaiseAutomationRunCapInput"];
    for input in commands.into_iter().chain(runs.iter().map(String::as_str)) {
        let fields = schema.inputs(input);
        let key = fields.iter().find(|field| field.name.node == "idempotencyKey").unwrap();
        assert_eq!(key.ty.node.to_string(), "ID!", "{input}");
    }
}

// G38
#[test]
fn there_are_eight_scalars_at_most_and_each_says_where_it_is_specified() {
    const EIGHT: [&str; 8] = ["Credits", "CreditsEntry", "Date", "DateTime", "Decimal", "JSON", "SafeInt", "URL"];
    let schema = Schema::read();
    let specified = |directive: &Positioned<ConstDirective>| directive.node.name.node == "specifiedBy";
    for (name, definition) in &schema.0 {
        if matches!(definition.kind, TypeKind::Scalar) {
            assert!(EIGHT.contains(&name.as_str()), "{name} is not one of the eight");
            assert!(definition.directives.iter().any(specified), "{name} has no @specifiedBy");
        }
    }
    for name in schema.outputs() {
        for field in schema.fields(name) {
            // Averages of characters are neither credits nor money.
            let average = ["lengthAverage", "averagePerChanged", "averagePerExamined"];
            let is_float = name_of(&field.ty.node) == "Float";
            assert!(!is_float || average.contains(&field.name.node.as_str()), "{name}.{} is a Float", field.name.node);
        }
    }
}

// G39
#[test]
fn every_node_can_be_fetched_again() {
    let schema = Schema::read();
    let nodes: BTreeSet<&str> = schema
        .0
        .iter()
        .filter(|(_, definition)| match &definition.kind {
            TypeKind::Object(object) => object.implements.iter().any(|name| name.node == "Node"),
            _ => false,
        })
        .map(|(name, _)| name.as_str())
        .collect();
    let mut kinds: BTreeSet<String> =
        inkledger::graphql::node::NodeKind::ALL.iter().map(|kind| format!("{kind:?}")).collect();
    // A member is an account and a person together, so its id has two UUIDs and a form of its own.
    kinds.insert("AccountMember".to_owned());
    assert_eq!(nodes, kinds.iter().map(String::as_str).collect());
    for name in schema.outputs().filter(|name| *name != "Node") {
        let has_id = schema.fields(name).iter().any(|field| field.name.node == "id");
        assert_eq!(has_id, nodes.contains(name.as_str()), "{name} has an id exactly when it is a Node");
    }
}

// G40, G41
#[test]
fn connections_have_one_shape_and_lists_hold_no_null() {
    let schema = Schema::read();
    let mut found = Vec::new();
    for name in schema.outputs() {
        if let Some(node) = name.strip_suffix("Connection") {
            let shape: Vec<String> =
                schema.fields(name).iter().map(|field| format!("{}: {}", field.name.node, field.ty.node)).collect();
            let expected = [
                format!("edges: [{node}Edge!]!"),
                format!("nodes: [{node}!]!"),
                "pageInfo: PageInfo!".to_owned(),
                "totalCount: SafeInt!".to_owned(),
            ];
            if shape != expected {
                found.push(format!("{name}: {shape:?}"));
            }
        }
    }
    let roots = ["Query", "Subscription"].map(str::to_owned);
    for name in schema.outputs().chain(&roots) {
        for field in schema.fields(name) {
            let place = format!("{name}.{}", field.name.node);
            if let BaseType::List(inner) = &field.ty.node.base
                && inner.nullable
                && !(name == "Query" && field.name.node == "nodes")
            {
                found.push(format!("{place} holds nulls"));
            }
            if name_of(&field.ty.node).ends_with("Connection") {
                for page in ["first", "last", "after", "before"] {
                    if !field.arguments.iter().any(|arg| arg.node.name.node == page) {
                        found.push(format!("{place} lacks {page}"));
                    }
                }
            }
            if name == "Query" && !field.ty.node.nullable {
                found.push(format!("{place} is not nullable"));
            }
        }
    }
    assert_none(&found);
}

// G42, G43
#[test]
fn outputs_name_objects_and_hold_no_secrets() {
    let schema = Schema::read();
    let mut found = Vec::new();
    for name in schema.outputs() {
        for field in schema.fields(name) {
            let field_name = field.name.node.as_str();
            if field_name.ends_with("Id") || field_name.ends_with("Ids") {
                found.push(format!("{name}.{field_name} is an id, not an object"));
            }
            let lower = field_name.to_lowercase();
            let token =
                name == "Session" && ["accessToken", "refreshToken", "accessTokenExpiresAt"].contains(&field_name);
            // These guard an apply: they are told so that they can be given back.
            let guards = ["planHash", "reportHash"].contains(&field_name);
            // What a receipt proves, it proves by them.
            let proves = ["CreditAnchor", "CreditReceipt"].contains(&name.as_str())
                && ["hash", "prevHash"].contains(&field_name);
            // What is told of a key is its name, never the key.
            let named = ["apiKey", "apiKeys"].contains(&field_name);
            let counted =
                lower.starts_with("tokens") || lower.ends_with("tokenlimit") || lower.contains("tokenspercredit");
            if ["password", "secret", "hash", "apikey", "token"].iter().any(|word| lower.contains(word))
                && !token
                && !guards
                && !proves
                && !named
                && !counted
            {
                found.push(format!("{name}.{field_name} looks like a secret"));
            }
        }
    }
    for field in schema.fields("Mutation") {
        let name = field.name.node.as_str();
        for word in ["deleteCredit", "updateCredit", "setBalance", "deleteTransaction"] {
            assert!(!name.starts_with(word), "the ledger has no {name}");
        }
    }
    assert_none(&found);
}

// G44
#[test]
fn subscriptions_take_a_cursor_and_number_their_events() {
    let schema = Schema::read();
    for field in schema.fields("Subscription") {
        let name = &field.name.node;
        assert!(field.arguments.iter().any(|arg| arg.node.name.node == "after"), "{name} takes no after");
        let event = name_of(&field.ty.node);
        assert!(!field.ty.node.nullable, "{name} may be null");
        let fields: Vec<&str> = schema.fields(event).iter().map(|field| field.name.node.as_str()).collect();
        for needed in ["kind", "sequence", "cursor"] {
            assert!(fields.contains(&needed), "{event} has no {needed}");
        }
    }
}

// G45, G46
#[test]
fn names_suit_every_client() {
    const KEYWORDS: [&str; 6] = ["Type", "Self", "init", "object", "in", "protocol"];
    let schema = Schema::read();
    let mut folded = BTreeSet::new();
    for (name, definition) in &schema.0 {
        assert!(folded.insert(name.to_lowercase()), "{name} differs from another type by case alone");
        assert!(!KEYWORDS.contains(&name.as_str()), "{name} is a keyword");
        let mut fields = BTreeSet::new();
        for field in schema.fields(name) {
            assert!(fields.insert(field.name.node.to_lowercase()), "{name}.{}", field.name.node);
            assert!(!KEYWORDS.contains(&field.name.node.as_str()), "{name}.{}", field.name.node);
            for directive in field.directives.iter().filter(|directive| directive.node.name.node == "deprecated") {
                let reason = directive.node.get_argument("reason").map(|reason| reason.node.to_string());
                let reason = reason.unwrap_or_default();
                assert!(reason.contains("Use ") && reason.contains("Removed after 20"), "{name}.{}", field.name.node);
            }
        }
        assert!(!matches!(definition.kind, TypeKind::Union(_)), "{name} is a union");
    }
}

// G47
#[test]
fn no_root_field_is_invented() {
    let listed: BTreeSet<&str> = include_str!("root_fields.txt").split_whitespace().collect();
    let schema = Schema::read();
    for root in ["Query", "Mutation", "Subscription"] {
        for field in schema.fields(root) {
            assert!(listed.contains(field.name.node.as_str()), "{root}.{} is not in the list", field.name.node);
        }
    }
}

// G51
#[test]
fn every_root_field_has_one_line_in_the_policy_and_no_line_is_left_over() {
    use inkledger::graphql::guard::{MUTATION, QUERY, SUBSCRIPTION};
    let schema = Schema::read();
    for (root, policy) in [("Query", QUERY), ("Mutation", MUTATION), ("Subscription", SUBSCRIPTION)] {
        let fields: BTreeSet<&str> = schema.fields(root).iter().map(|field| field.name.node.as_str()).collect();
        let rows: Vec<&str> = policy.iter().map(|(name, _)| *name).collect();
        assert_eq!(rows.len(), rows.iter().collect::<BTreeSet<_>>().len(), "{root} has a row twice");
        assert_eq!(fields, rows.into_iter().collect(), "{root}");
    }
}
