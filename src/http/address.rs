//! From which network address a request comes (G60). `X-Forwarded-For` is believed only as far as configured proxies
//! wrote it.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use axum::http::HeaderMap;

/// The caller's address: the peer, or behind `proxies` proxies the entry that the outermost of them added to
/// `X-Forwarded-For`. Entries further left are the client's own words. Fewer entries than proxies, or one that is no
/// address, mean that the request did not come the configured way: then the peer counts.
pub(super) fn caller(peer: IpAddr, headers: &HeaderMap, proxies: usize) -> IpAddr {
    let forwarded = || {
        let texts = headers.get_all("x-forwarded-for").iter().map(|value| value.to_str().unwrap_or_default());
        let hops: Vec<&str> = texts.flat_map(|text| text.split(',')).map(str::trim).collect();
        let hop = hops.get(hops.len().checked_sub(proxies)?)?;
        hop.trim_matches(['[', ']']).parse::<IpAddr>().ok()
    };
    let address = if proxies == 0 { None } else { forwarded() };
    address.unwrap_or(peer).to_canonical()
}

/// Whom limits by address count as one: an IPv6 subscriber owns at least a /64.
pub(super) fn subscriber(address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V4(_) => address,
        IpAddr::V6(v6) => IpAddr::V6(Ipv6Addr::from(u128::from(v6) >> 64 << 64)),
    }
}

/// Stands for callers without a socket, as in tests that call the router directly.
pub(super) const NOWHERE: IpAddr = IpAddr::V4(Ipv4Addr::UNSPECIFIED);

#[cfg(test)]
mod tests {
    use super::*;

    fn from(peer: &str, forwarded: &[&str], proxies: usize) -> String {
        let mut headers = HeaderMap::new();
        for text in forwarded {
            headers.append("x-forwarded-for", text.parse().unwrap());
        }
        caller(peer.parse().unwrap(), &headers, proxies).to_string()
    }

    // G60
    #[test]
    fn believes_a_header_only_as_far_as_configured_proxies_wrote_it() {
        assert_eq!(from("203.0.113.9", &["198.51.100.1"], 0), "203.0.113.9");
        assert_eq!(from("10.1.2.3", &["198.51.100.1"], 1), "198.51.100.1");
        // What the client wrote itself stands further left and is not reached.
        assert_eq!(from("10.1.2.3", &["1.1.1.1, 198.51.100.1"], 1), "198.51.100.1");
        assert_eq!(from("10.1.2.3", &["1.1.1.1, 198.51.100.1", "10.9.9.9"], 2), "198.51.100.1");
        assert_eq!(from("10.1.2.3", &["198.51.100.1, garbage"], 1), "10.1.2.3");
        assert_eq!(from("10.1.2.3", &["198.51.100.1"], 2), "10.1.2.3");
        assert_eq!(from("10.1.2.3", &[], 1), "10.1.2.3");
        assert_eq!(from("::ffff:10.1.2.3", &["[2001:db8::7]"], 1), "2001:db8::7");
        assert_eq!(from("::ffff:10.1.2.3", &[], 0), "10.1.2.3");
    }

    #[test]
    fn counts_an_ipv6_subscriber_once() {
        let of = |text: &str| subscriber(text.parse().unwrap()).to_string();
        assert_eq!(of("2001:db8:1:2:3:4:5:6"), "2001:db8:1:2::");
        assert_eq!(of("192.0.2.1"), "192.0.2.1");
    }
}
