//! `__typename`, which no rule of the library's validation visits: arguments, selections and any directive on it pass,
//! and a variable used only there counts as unused. Directives are moved to a fragment around it, where every rule
//! sees them; the rest is refused.

use async_graphql::parser::types::{
    Directive, DocumentOperations, ExecutableDocument, InlineFragment, Selection, SelectionSet,
};
use async_graphql::{Pos, Positioned};

use super::refusal::Refused;

/// Makes every `__typename` of `document` plain, without changing what it means.
pub(super) fn plain(document: &mut ExecutableDocument) -> Result<(), Refused> {
    for fragment in document.fragments.values_mut() {
        plain_set(&mut fragment.node.selection_set.node)?;
    }
    match &mut document.operations {
        DocumentOperations::Single(operation) => plain_set(&mut operation.node.selection_set.node)?,
        DocumentOperations::Multiple(operations) => {
            for operation in operations.values_mut() {
                plain_set(&mut operation.node.selection_set.node)?;
            }
        }
    }
    Ok(())
}

fn plain_set(set: &mut SelectionSet) -> Result<(), Refused> {
    for item in &mut set.items {
        match &mut item.node {
            Selection::Field(field) if field.node.name.node == "__typename" => {
                if !field.node.arguments.is_empty() || !field.node.selection_set.node.items.is_empty() {
                    let message = "`__typename` takes no arguments and no selections.";
                    return Err(Refused::invalid(message, Some(field.pos)));
                }
                if !field.node.directives.is_empty() {
                    let pos = field.pos;
                    let directives = std::mem::take(&mut field.node.directives);
                    let plain = Positioned::new(Selection::Field(field.clone()), pos);
                    item.node = around(plain, directives, pos);
                }
            }
            Selection::Field(field) => plain_set(&mut field.node.selection_set.node)?,
            Selection::InlineFragment(inline) => plain_set(&mut inline.node.selection_set.node)?,
            Selection::FragmentSpread(_) => {}
        }
    }
    Ok(())
}

fn around(plain: Positioned<Selection>, directives: Vec<Positioned<Directive>>, pos: Pos) -> Selection {
    let selection_set = Positioned::new(SelectionSet { items: vec![plain] }, pos);
    Selection::InlineFragment(Positioned::new(InlineFragment { type_condition: None, directives, selection_set }, pos))
}
