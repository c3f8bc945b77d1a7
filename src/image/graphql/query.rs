//! Queries about images.

use async_graphql::{Context, ID, InputObject, Object, Result};

use super::types::{Image, ImageConnection, ImageKind, Visibility};
use crate::{
    auth::Auth,
    error::Error,
    graphql::{
        context::{service, viewer},
        guard::{QueryPolicy, visible},
        node::{self, NodeKind},
        page::ConnectionArgs,
    },
    image::{self, Gallery},
};

/// The most characters of a text in a filter.
const FILTER_CHARS_MAX: usize = 100;

/// Which images. What is omitted or null does not count.
#[derive(Debug, Default, InputObject)]
pub struct ImageFilter {
    /// Only of this kind.
    kind: Option<ImageKind>,
    /// Only these.
    visibility: Option<Visibility>,
    /// Only in this style, at most 100 characters, in any case.
    style: Option<String>,
    /// Only for this kind of event, such as BIRTHDAY_PARTY, at most 100 characters.
    event_type: Option<String>,
}

impl From<ImageFilter> for image::ImageFilter {
    fn from(filter: ImageFilter) -> Self {
        Self {
            kind: filter.kind.map(Into::into),
            visibility: filter.visibility.map(Into::into),
            style: filter.style,
            event_type: filter.event_type,
        }
    }
}

/// Queries about images.
#[derive(Default)]
pub struct ImageQuery;

#[Object]
impl ImageQuery {
    /// An account's images, newest first.
    #[graphql(guard = "QueryPolicy", visible = "visible::signed_in")]
    #[expect(clippy::too_many_arguments, reason = "each is an argument of the field")]
    async fn images(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Whose.")] account_id: ID,
        #[graphql(desc = "Which ones.")] filter: Option<ImageFilter>,
        #[graphql(desc = "How many from the start, 1–100; 20 when neither first nor last is given.")] first: Option<
            i32,
        >,
        #[graphql(desc = "Only after this cursor.")] after: Option<String>,
        #[graphql(desc = "How many from the end, 1–100.")] last: Option<i32>,
        #[graphql(desc = "Only before this cursor.")] before: Option<String>,
    ) -> Result<Option<ImageConnection>> {
        let args = ConnectionArgs { first, after, last, before }.check(ctx)?;
        let account = node::decode(NodeKind::Account, &account_id, &["accountId"])?;
        let account = service::<Auth>(ctx)?.require_sight(viewer(ctx)?, account).await?.account_id();
        let filter = filter.unwrap_or_default();
        for (name, text) in [("style", &filter.style), ("eventType", &filter.event_type)] {
            if text.as_ref().is_some_and(|text| text.chars().count() > FILTER_CHARS_MAX) {
                let message = format!("`{name}` has at most {FILTER_CHARS_MAX} characters; shorten it.");
                return Err(Error::bad_input(message, &["filter", name]).into());
            }
        }
        let filter = filter.into();
        Ok(Some(service::<Gallery>(ctx)?.list(account, &filter, &args).await?.map(Image::whole).into()))
    }
}
