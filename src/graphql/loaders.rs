//! How features load rows for many fields at once, and find one of them for a viewer.

use std::sync::Arc;

use async_graphql::Context;
use uuid::Uuid;

use crate::{
    error::Error,
    graphql::context::{service, viewer},
    ledger::Tenants,
};

/// Sees that the viewer may see an account. Refuses: `Unauthenticated`, `NotFound`.
pub async fn seen(ctx: &Context<'_>, account: Uuid) -> Result<(), Error> {
    service::<Arc<dyn Tenants>>(ctx)?.see(*viewer(ctx)?, account).await.map(|_| ())
}

/// The keys that a loader takes: an id each, what it stands for, and the method of the loader's service that reads many.
macro_rules! loads {
    ($loader:ident: $($(#[$doc:meta])* $visibility:vis $key:ident => $value:ty, $method:ident;)*) => {$(
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        $visibility struct $key($visibility ::uuid::Uuid);

        impl ::async_graphql::dataloader::Loader<$key> for $loader {
            type Value = $value;
            type Error = $crate::error::Error;

            async fn load(&self, keys: &[$key]) -> Result<::std::collections::HashMap<$key, $value>, Self::Error> {
                let ids: Vec<::uuid::Uuid> = keys.iter().map(|key| key.0).collect();
                Ok(self.0.$method(&ids).await?.into_iter().map(|(id, found)| ($key(id), found)).collect())
            }
        }
    )*};
}

/// The two ways to an object over a row with an `account_id`.
macro_rules! owned {
    ($object:ident: $loader:ty, $key:ident) => {
        impl $object {
            /// The object, for a caller that holds what names it or compares the account.
            pub async fn load(
                ctx: &::async_graphql::Context<'_>,
                id: ::uuid::Uuid,
            ) -> Result<Option<Self>, $crate::error::Error> {
                let loader =
                    $crate::graphql::context::service::<::async_graphql::dataloader::DataLoader<$loader>>(ctx)?;
                Ok(loader.load_one($key(id)).await?.map(Self))
            }

            /// The object, if the viewer may see its account. Refuses: `Unauthenticated`, `NotFound`.
            pub async fn find(
                ctx: &::async_graphql::Context<'_>,
                id: ::uuid::Uuid,
            ) -> Result<Option<Self>, $crate::error::Error> {
                $crate::graphql::context::viewer(ctx)?.signed_in()?;
                let Some(found) = Self::load(ctx, id).await? else { return Ok(None) };
                $crate::graphql::loaders::seen(ctx, found.0.account_id).await?;
                Ok(Some(found))
            }
        }
    };
}

pub(crate) use {loads, owned};
