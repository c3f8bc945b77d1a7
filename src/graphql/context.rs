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

/// What the client calls itself, as it came; a datum of its own, since few requests need it.
#[derive(Debug, Clone)]
pub struct ClientName(pub Arc<str>);

/// What the client calls itself, if it said.
pub fn client_name<'a>(ctx: &Context<'a>) -> Option<&'a str> {
    ctx.data_opt::<ClientName>().map(|name| name.0.as_ref())
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
