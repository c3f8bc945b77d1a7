//! The shipped catalogue: installed into a database that lacks it, never over an edit.

use std::collections::HashSet;

use super::{Prompts, edit::is_key_taken, write::NewPrompt};
use crate::{
    error::{Error, Failure, Never},
    prompt::{
        model::{
            Category, PromptKey,
            catalogue::{Shipped, catalogue, find_shipped},
            metadata::Metadata,
            prompt::{ActivationCause, Body},
        },
        store,
    },
    viewer::{Feature, Level, Viewer},
};

fn body(shipped: &Shipped) -> Body {
    Body {
        name: shipped.name.to_owned(),
        description: None,
        content: shipped.content.to_owned(),
        metadata: Metadata::default(),
    }
}

/// What ships under a category and key.
pub(super) fn shipped_body(category: Category, key: &PromptKey) -> Option<Body> {
    find_shipped(category, key).map(body)
}

fn shipped() -> Vec<NewPrompt> {
    let new = |shipped: &Shipped| NewPrompt {
        category: shipped.category,
        key: PromptKey::lenient(shipped.key),
        is_enabled: true,
        number: 1,
        body: body(shipped),
        note: None,
    };
    catalogue().map(new).collect()
}

impl Prompts {
    /// Adds every shipped prompt whose key is not there, and touches no other. Answers how many were added. Repeating is
    /// safe, in several processes at once too.
    pub async fn install_catalogue(&self) -> Result<usize, Error> {
        // Nearly every start finds all of them, and then writes nothing.
        let right = Viewer::System.may(Feature::SystemPromptsManage, Level::Admin)?;
        for _ in 0..5 {
            let known = self.known_keys().await?;
            let missing: Vec<NewPrompt> = shipped()
                .into_iter()
                .filter(|new| !known.contains(&(new.category, new.key.folded().to_owned())))
                .collect();
            if missing.is_empty() {
                return Ok(0);
            }
            let count = missing.len();
            let written: Result<(), Failure<Never>> = self
                .parts()
                .db
                .write((self.act(right, None), missing), |tx, (act, missing)| {
                    Box::pin(async move {
                        store::prompt::lock_keys(tx).await?;
                        for new in missing {
                            act.create_in(tx, new.clone(), ActivationCause::Install).await?;
                        }
                        Ok(())
                    })
                })
                .await;
            match written.map_err(Error::from) {
                Ok(()) => return Ok(count),
                // Another process installed at the same moment: all of ours was rolled back.
                Err(error) if is_key_taken(&error) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(0)
    }

    async fn known_keys(&self) -> Result<HashSet<(Category, String)>, Error> {
        Ok(store::prompt::all_keys(self.parts().db.reader()).await?)
    }
}
