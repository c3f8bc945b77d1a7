//! U+0000 in a string: PostgreSQL stores none, so a text that has one would pass every check and fail where it is
//! written, possibly after a provider was paid for it. It is refused at the door, in literals and in variables alike.

use async_graphql::parser::types::{
    Directive, DocumentOperations, ExecutableDocument, OperationDefinition, Selection, SelectionSet,
};
use async_graphql::{Name, Pos, Positioned, Value};
use async_graphql_value::Value as Input;

use super::refusal::Refused;

/// What is wrong with such a text.
pub(super) const MESSAGE: &str = "A text must not hold the character U+0000.";

/// Whether a string in `value` has the character.
pub(super) fn has_nul(value: &Value) -> bool {
    match value {
        Value::String(text) => text.contains('\0'),
        Value::List(values) => values.iter().any(has_nul),
        Value::Object(values) => values.values().any(has_nul),
        _ => false,
    }
}

/// Refuses a document with such a string. `text` is what `document` was read from.
pub(super) fn check(text: &str, document: &ExecutableDocument) -> Result<(), Refused> {
    // What is written neither plainly nor as an escape is not there; few documents need the walk.
    if !text.contains('\0') && !text.contains("\\u0000") {
        return Ok(());
    }
    for fragment in document.fragments.values() {
        directives(&fragment.node.directives)?;
        selections(&fragment.node.selection_set.node)?;
    }
    match &document.operations {
        DocumentOperations::Single(one) => operation(&one.node),
        DocumentOperations::Multiple(many) => many.values().try_for_each(|one| operation(&one.node)),
    }
}

fn operation(definition: &OperationDefinition) -> Result<(), Refused> {
    for variable in &definition.variable_definitions {
        if let Some(default) = &variable.node.default_value
            && has_nul(&default.node)
        {
            return Err(refused(default.pos));
        }
        directives(&variable.node.directives)?;
    }
    directives(&definition.directives)?;
    selections(&definition.selection_set.node)
}

fn selections(set: &SelectionSet) -> Result<(), Refused> {
    for item in &set.items {
        match &item.node {
            Selection::Field(field) => {
                arguments(&field.node.arguments)?;
                directives(&field.node.directives)?;
                selections(&field.node.selection_set.node)?;
            }
            Selection::InlineFragment(inline) => {
                directives(&inline.node.directives)?;
                selections(&inline.node.selection_set.node)?;
            }
            Selection::FragmentSpread(spread) => directives(&spread.node.directives)?,
        }
    }
    Ok(())
}

fn directives(directives: &[Positioned<Directive>]) -> Result<(), Refused> {
    directives.iter().try_for_each(|directive| arguments(&directive.node.arguments))
}

fn arguments(arguments: &[(Positioned<Name>, Positioned<Input>)]) -> Result<(), Refused> {
    match arguments.iter().find(|(_, value)| literal_has_nul(&value.node)) {
        Some((_, value)) => Err(refused(value.pos)),
        None => Ok(()),
    }
}

fn literal_has_nul(value: &Input) -> bool {
    match value {
        Input::String(text) => text.contains('\0'),
        Input::List(values) => values.iter().any(literal_has_nul),
        Input::Object(values) => values.values().any(literal_has_nul),
        _ => false,
    }
}

fn refused(pos: Pos) -> Refused {
    Refused::invalid(MESSAGE, Some(pos))
}
