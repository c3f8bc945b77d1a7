//! The live balance.

use std::sync::Arc;

use async_graphql::{Context, ID, Result, Subscription};
use futures_util::{Stream, StreamExt};

use super::types::CreditBalanceEvent;
use crate::{
    graphql::{
        context::{service, viewer},
        guard::{SubscriptionPolicy, visible},
        node::{self, NodeKind},
    },
    ledger::{Cursor, Ledger, Tenants},
};

/// Credit subscriptions.
#[derive(Default)]
pub struct LedgerSubscription;

#[Subscription]
impl LedgerSubscription {
    /// An account's balance, live: a `SNAPSHOT`, then every credit transaction in order, numbered without a gap. With
    /// `after` it continues from that event, without a snapshot; a cursor that is too old answers `RESYNC`.
    #[graphql(guard = "SubscriptionPolicy", visible = "visible::signed_in")]
    async fn credit_balance(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Whose balance.")] account_id: ID,
        #[graphql(desc = "The cursor of the last event received.")] after: Option<String>,
    ) -> Result<impl Stream<Item = Result<CreditBalanceEvent>> + use<>> {
        let account = node::decode(NodeKind::Account, &account_id, &["accountId"])?;
        let seen = service::<Arc<dyn Tenants>>(ctx)?.see(*viewer(ctx)?, account).await?;
        let after = after.as_deref().map(Cursor::parse).transpose()?;
        // What is left of this future stays with the subscriber.
        let events = Box::pin(service::<Ledger>(ctx)?.hub().subscribe(seen.id(), after)).await?;
        Ok(events.map(|event| Ok(CreditBalanceEvent::from(event?))))
    }
}
