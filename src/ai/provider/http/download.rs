//! Fetching an image that the provider answered with a URL, without becoming anyone's tool against our own network.
//!
//! The URL comes from outside, so it is treated as hostile. It must be http or https, without user name or password,
//! and lie in one of three places: the origin of the configured base URL; a host the operator listed; or, over https
//! only, any host whose addresses are all public. Addresses are judged by the resolver that the connection then uses,
//! so a name cannot change its answer in between. Redirects are never followed, and no key or cookie is sent.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;

use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use reqwest::{Client, Url};

use super::{Http, body, fault};
use crate::ai::provider::{Call, FailureCode, ProviderFailure};

/// The most bytes an image may have.
pub(crate) const IMAGE_BYTES_MAX: usize = 20 * 1024 * 1024;

/// The resolver of the client that fetches from hosts nobody listed.
pub(super) fn public_resolver() -> Arc<dyn Resolve> {
    Arc::new(PublicResolver)
}

impl Http {
    /// The bytes behind `url`, at most 20 MiB, where `base` is the base URL of the provider that named it.
    ///
    /// # Errors
    /// `GENERATION_FAILED` for a URL we refuse to follow or an error status, `CORRUPT_IMAGE` for too many bytes, and
    /// the time-outs and network failures of any call.
    pub(super) async fn fetch_image(
        &self,
        url: &str,
        base: &Url,
        call: &Call,
    ) -> Result<bytes::Bytes, ProviderFailure> {
        let url = Url::parse(url).map_err(|_| refused("the image's URL is not a URL"))?;
        let client = self.client_for(&url, base)?;
        let mut first = body::first_byte(call.timeouts.first_byte);
        let response = body::until(&mut first, client.get(url).send()).await?.map_err(|error| not_fetched(&error))?;
        if response.status() != reqwest::StatusCode::OK {
            let detail = format!("the image's URL answered with status {}", response.status().as_u16());
            return Err(refused(&detail));
        }
        let cap = body::Body::new(response, first, call.timeouts.chunk, IMAGE_BYTES_MAX, FailureCode::CorruptImage);
        cap.collect().await
    }

    fn client_for(&self, url: &Url, base: &Url) -> Result<&Client, ProviderFailure> {
        if !matches!(url.scheme(), "http" | "https") {
            return Err(refused("the image's URL is neither http nor https"));
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err(refused("the image's URL holds credentials"));
        }
        let host = url.host_str().unwrap_or_default();
        if url.origin() == base.origin() || self.0.image_hosts.iter().any(|allowed| allowed == host) {
            return Ok(&self.0.plain);
        }
        if url.scheme() != "https" {
            return Err(refused("the image's URL is plain http on a host that is not configured"));
        }
        // An address in the URL itself never passes through the resolver.
        let literal = host.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>();
        match literal {
            Ok(address) if !is_public(address) => Err(refused("the image's URL names an address that is not public")),
            _ => Ok(&self.0.public),
        }
    }
}

fn refused(detail: &str) -> ProviderFailure {
    ProviderFailure::new(FailureCode::GenerationFailed, detail)
}

fn not_fetched(error: &reqwest::Error) -> ProviderFailure {
    let mut cause: Option<&(dyn std::error::Error + 'static)> = Some(error);
    while let Some(inner) = cause {
        if inner.is::<NotPublic>() {
            return refused("the image's URL leads to an address that is not public");
        }
        cause = inner.source();
    }
    // The image was generated, and probably billed, before this connection was tried.
    ProviderFailure { sent: true, ..fault::from_transport(error) }
}

#[derive(Debug, thiserror::Error)]
#[error("the name leads to an address that is not public")]
struct NotPublic;

/// Resolves names to public addresses; one other address among them refuses the name.
struct PublicResolver;

impl Resolve for PublicResolver {
    fn resolve(&self, name: Name) -> Resolving {
        Box::pin(async move {
            let found: Vec<SocketAddr> = tokio::net::lookup_host((name.as_str(), 0)).await?.collect();
            if found.iter().any(|address| !is_public(address.ip())) {
                return Err(NotPublic.into());
            }
            Ok(Box::new(found.into_iter()) as Addrs)
        })
    }
}

/// Whether an address is reachable from anywhere, rather than ours, the link's, the provider's or reserved.
fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(v4) => is_public_v4(v4),
        IpAddr::V6(v6) => is_public_v6(v6),
    }
}

fn is_public_v4(address: Ipv4Addr) -> bool {
    let [a, b, c, _] = address.octets();
    !(address.is_private()
        || address.is_loopback()
        || address.is_link_local()
        || address.is_broadcast()
        || address.is_multicast()
        || address.is_documentation()
        || a == 0
        || a >= 240
        || (a == 100 && (64..128).contains(&b))
        || (a == 198 && (b == 18 || b == 19))
        || (a == 192 && b == 0 && c == 0))
}

fn is_public_v6(address: Ipv6Addr) -> bool {
    // Only 2000::/3 is global unicast; inside it, addresses that carry a v4 one are judged by that.
    let [first, second, third, ..] = address.segments();
    let global = first & 0xe000 == 0x2000;
    let documentation = first == 0x2001 && second == 0x0db8;
    let teredo = first == 0x2001 && second == 0;
    let six_to_four = first == 0x2002;
    if six_to_four {
        let [a, b] = second.to_be_bytes();
        let [c, d] = third.to_be_bytes();
        return is_public_v4(Ipv4Addr::new(a, b, c, d));
    }
    global && !documentation && !teredo
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tells_public_addresses_from_all_others() {
        for public in ["1.1.1.1", "20.60.1.2", "2606:4700::1111", "2002:0101:0101::1"] {
            assert!(is_public(public.parse().unwrap()), "{public}");
        }
        for inside in [
            "127.0.0.1",
            "10.1.2.3",
            "172.16.0.1",
            "192.168.1.1",
            "169.254.169.254",
            "100.64.0.1",
            "0.0.0.0",
            "198.18.0.1",
            "192.0.0.8",
            "192.0.2.1",
            "224.0.0.1",
            "240.0.0.1",
            "255.255.255.255",
            "::",
            "::1",
            "::ffff:127.0.0.1",
            "::ffff:8.8.8.8",
            "fe80::1",
            "fc00::1",
            "ff02::1",
            "64:ff9b::7f00:1",
            "2001:db8::1",
            "2001::1",
            "2002:7f00:1::1",
        ] {
            assert!(!is_public(inside.parse().unwrap()), "{inside}");
        }
    }
}
