//! What every request carries into resolvers.

use std::{net::IpAddr, sync::Arc};

use async_graphql::Context;

use crate::{
    error::{Error, Internal},
    viewer::Viewer,
};

/// The request that a field is resolved for.
#[derive(Debug, Clone)]
pub struct RequestContext {
    /// Who asks.
    pub viewer: Viewer,
    /// The request's id, for logs and audit rows.
    pub request_id: Arc<str>,
    /// The caller's network address, for limits on tries.
    pub address: IpAddr,
}

/// Who asks. It is `Internal` only when a transport forgot to attach it.
pub fn viewer<'a>(ctx: &Context<'a>) -> Result<&'a Viewer, Error> {
    Ok(&request(ctx)?.viewer)
}

/// The request.
pub fn request<'a>(ctx: &Context<'a>) -> Result<&'a RequestContext, Error> {
    service(ctx)
}

/// A service or value attached to the schema or the request.
pub fn service<'a, T: Send + Sync + 'static>(ctx: &Context<'a>) -> Result<&'a T, Error> {
    ctx.data_opt::<T>()
        .ok_or_else(|| Error::Internal(Internal::new("looking up a resolver's service", std::any::type_name::<T>())))
}
