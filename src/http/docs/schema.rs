//! A page for each type of the schema, and the first page, which leads to them.

use std::collections::BTreeMap;

use async_graphql::{
    Positioned, Value,
    parser::{
        Error, parse_schema,
        types::{
            BaseType, ConstDirective, EnumValueDefinition, FieldDefinition, InputValueDefinition, Type, TypeDefinition,
            TypeKind, TypeSystemDefinition,
        },
    },
};

use super::page::{inline, page, prose};
use crate::http::pages::escape;

/// The pages by name, from the schema's text.
pub(super) fn pages(sdl: &str) -> Result<Vec<(String, String)>, Error> {
    let types: BTreeMap<String, TypeDefinition> = parse_schema(sdl)?
        .definitions
        .into_iter()
        .filter_map(|definition| match definition {
            TypeSystemDefinition::Type(definition) => Some((definition.node.name.node.to_string(), definition.node)),
            _ => None,
        })
        .collect();
    let mut pages: Vec<_> = types.iter().map(|(name, ty)| (format!("types/{name}"), type_page(name, ty))).collect();
    pages.push((String::new(), first_page(&types)));
    Ok(pages)
}

/// The roots, with what each says of itself.
const ROOTS: [(&str, &str); 3] = [("Query", "Queries"), ("Mutation", "Mutations"), ("Subscription", "Subscriptions")];

fn first_page(types: &BTreeMap<String, TypeDefinition>) -> String {
    let mut body = String::from(
        "<p>One endpoint, <code>/graphql</code>: POST, GET for queries, WebSocket (<code>graphql-transport-ws</code>), server-sent \
         events and multipart subscriptions. Send the access token of <code>signIn</code> as <code>Authorization: Bearer …</code>. \
         Start with the <a href=\"/docs/examples\">examples</a>.</p>\n",
    );
    for (root, title) in ROOTS {
        let Some(definition) = types.get(root) else { continue };
        body.push_str(&format!("<h2>{title}</h2>\n<div class=\"scroll\"><table>\n"));
        for field in sorted(fields_of(definition), |field| field.name.node.as_str()) {
            let name = escape(&field.name.node);
            let first = first_sentence(description(field.description.as_ref()));
            body.push_str(&format!(
                "<tr><td><a href=\"/docs/types/{root}#{name}\"><code>{name}</code></a></td><td>{}</td></tr>\n",
                inline(&first)
            ));
        }
        body.push_str("</table></div>\n");
    }
    body.push_str("<h2>Types</h2>\n<ul class=\"types\">\n");
    for name in types.keys() {
        let name = escape(name);
        body.push_str(&format!("<li><a href=\"/docs/types/{name}\">{name}</a></li>\n"));
    }
    body.push_str("</ul>\n");
    page("Schema", &body)
}

fn type_page(name: &str, definition: &TypeDefinition) -> String {
    let mut body = format!("<p class=\"soft\">{}</p>\n", kind(definition));
    body.push_str(&prose(description(definition.description.as_ref())));
    match &definition.kind {
        TypeKind::Object(_) | TypeKind::Interface(_) => {
            for field in sorted(fields_of(definition), |field| field.name.node.as_str()) {
                body.push_str(&field_html(field));
            }
        }
        TypeKind::InputObject(input) => {
            for field in sorted(&input.fields, |field| field.name.node.as_str()) {
                body.push_str(&input_html(field));
            }
        }
        TypeKind::Enum(values) => {
            for value in sorted(&values.values, |value| value.value.node.as_str()) {
                body.push_str(&value_html(value));
            }
        }
        TypeKind::Union(union) => {
            let members = union.members.iter().map(|member| format!("<li>{}</li>\n", link(&member.node)));
            body.push_str(&format!("<ul>\n{}</ul>\n", members.collect::<String>()));
        }
        TypeKind::Scalar => {
            let address = directive(&definition.directives, "specifiedBy", "url");
            if let Some(address) = address {
                body.push_str(&format!("<p>Specified by <code>{}</code>.</p>\n", escape(&address)));
            }
        }
    }
    page(name, &body)
}

fn kind(definition: &TypeDefinition) -> String {
    match &definition.kind {
        TypeKind::Object(object) if !object.implements.is_empty() => {
            let names: Vec<String> = object.implements.iter().map(|name| link(&name.node)).collect();
            format!("Object, a {}", names.join(", "))
        }
        TypeKind::Object(_) => "Object".to_owned(),
        TypeKind::Interface(_) => "Interface".to_owned(),
        TypeKind::Union(_) => "Union".to_owned(),
        TypeKind::Enum(_) => "Enum".to_owned(),
        TypeKind::Scalar => "Scalar".to_owned(),
        TypeKind::InputObject(_)
            if definition.directives.iter().any(|directive| directive.node.name.node == "oneOf") =>
        {
            "Input, of which exactly one field is given".to_owned()
        }
        TypeKind::InputObject(_) => "Input".to_owned(),
    }
}

fn fields_of(definition: &TypeDefinition) -> &[Positioned<FieldDefinition>] {
    match &definition.kind {
        TypeKind::Object(object) => &object.fields,
        TypeKind::Interface(interface) => &interface.fields,
        _ => &[],
    }
}

fn sorted<T>(items: &[Positioned<T>], name: impl Fn(&T) -> &str) -> Vec<&T> {
    let mut items: Vec<&T> = items.iter().map(|item| &item.node).collect();
    items.sort_by(|one, other| name(one).cmp(name(other)));
    items
}

fn field_html(field: &FieldDefinition) -> String {
    let name = escape(&field.name.node);
    let mut html =
        format!("<h3 id=\"{name}\">{name}<span class=\"soft\">: {}</span></h3>\n", type_html(&field.ty.node));
    html.push_str(&prose(description(field.description.as_ref())));
    html.push_str(&deprecation(&field.directives));
    if !field.arguments.is_empty() {
        let arguments = field.arguments.iter().map(|argument| format!("<li>{}</li>\n", input_line(&argument.node)));
        html.push_str(&format!("<ul>\n{}</ul>\n", arguments.collect::<String>()));
    }
    html
}

fn input_html(field: &InputValueDefinition) -> String {
    let name = escape(&field.name.node);
    let default = default_html(field);
    let mut html =
        format!("<h3 id=\"{name}\">{name}<span class=\"soft\">: {}{default}</span></h3>\n", type_html(&field.ty.node));
    html.push_str(&prose(description(field.description.as_ref())));
    html.push_str(&deprecation(&field.directives));
    html
}

fn input_line(argument: &InputValueDefinition) -> String {
    let (name, ty) = (escape(&argument.name.node), type_html(&argument.ty.node));
    let says = inline(description(argument.description.as_ref()));
    let deprecated = deprecation(&argument.directives);
    format!("<code>{name}</code>: {ty}{} {says}{deprecated}", default_html(argument))
}

fn value_html(value: &EnumValueDefinition) -> String {
    let name = escape(&value.value.node);
    let says = prose(description(value.description.as_ref()));
    format!("<h3 id=\"{name}\">{name}</h3>\n{says}{}", deprecation(&value.directives))
}

fn default_html(input: &InputValueDefinition) -> String {
    let default = input.default_value.as_ref();
    default.map_or_else(String::new, |value| format!(" = <code>{}</code>", escape(&value.node.to_string())))
}

fn deprecation(directives: &[Positioned<ConstDirective>]) -> String {
    match directive(directives, "deprecated", "reason") {
        Some(reason) => format!("<p><strong>Deprecated.</strong> {}</p>\n", inline(&reason)),
        None => String::new(),
    }
}

/// The text of a directive's argument; empty when only the argument is absent.
fn directive(directives: &[Positioned<ConstDirective>], name: &str, argument: &str) -> Option<String> {
    let found = directives.iter().find(|directive| directive.node.name.node == name)?;
    match found.node.get_argument(argument).map(|value| &value.node) {
        Some(Value::String(text)) => Some(text.clone()),
        _ => Some(String::new()),
    }
}

fn description(text: Option<&Positioned<String>>) -> &str {
    text.map_or("", |text| text.node.as_str())
}

/// Up to the first full stop before a blank.
fn first_sentence(text: &str) -> String {
    let flat = text.split_whitespace().collect::<Vec<_>>().join(" ");
    match flat.split_once(". ") {
        Some((first, _)) => format!("{first}."),
        None => flat,
    }
}

/// Types of the language itself, which have no page.
const BUILT_IN: [&str; 5] = ["Int", "Float", "String", "Boolean", "ID"];

fn link(name: &str) -> String {
    let name = escape(name);
    if BUILT_IN.contains(&name.as_str()) { name } else { format!("<a href=\"/docs/types/{name}\">{name}</a>") }
}

fn type_html(ty: &Type) -> String {
    let base = match &ty.base {
        BaseType::Named(name) => link(name),
        BaseType::List(item) => format!("[{}]", type_html(item)),
    };
    if ty.nullable { base } else { format!("{base}!") }
}
