//! From which network address a request comes (G60). A header is believed only when a configured proxy wrote it.

use std::{
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
    str::FromStr,
};

use axum::http::HeaderMap;

/// A setting that is no network.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no network; write it like 10.0.0.0/8 or 192.0.2.7")]
pub struct NetworkUnreadable(String);

/// A range of addresses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Network {
    base: u128,
    /// Leading bits that count, of 128.
    prefix: u32,
}

impl Network {
    /// Does `address` lie in this range?
    pub fn holds(&self, address: IpAddr) -> bool {
        let differing = self.base ^ bits(address);
        self.prefix == 0 || differing >> (128 - self.prefix) == 0
    }
}

impl FromStr for Network {
    type Err = NetworkUnreadable;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let unreadable = || NetworkUnreadable(text.to_owned());
        let (address, prefix) = text.trim().split_once('/').map_or((text.trim(), None), |(a, p)| (a, Some(p)));
        let address: IpAddr = address.parse().map_err(|_| unreadable())?;
        let (skipped, width) = if address.is_ipv4() { (96, 32) } else { (0, 128) };
        let prefix = prefix.map_or(Ok(width), str::parse::<u32>).map_err(|_| unreadable())?;
        if prefix > width {
            return Err(unreadable());
        }
        Ok(Self { base: bits(address), prefix: skipped + prefix })
    }
}

/// One number line for both families: an IPv4 address stands where IPv6 maps it.
fn bits(address: IpAddr) -> u128 {
    match address {
        IpAddr::V4(v4) => u128::from(v4.to_ipv6_mapped()),
        IpAddr::V6(v6) => u128::from(v6),
    }
}

/// The caller's address: the peer, or behind trusted proxies the last address in `X-Forwarded-For` that is none of
/// them. An entry that cannot be read ends the search.
pub(super) fn caller(peer: IpAddr, headers: &HeaderMap, proxies: &[Network]) -> IpAddr {
    let is_proxy = |address: IpAddr| proxies.iter().any(|network| network.holds(address));
    let mut address = peer.to_canonical();
    if !is_proxy(address) {
        return address;
    }
    let texts: Vec<&str> =
        headers.get_all("x-forwarded-for").iter().map(|value| value.to_str().unwrap_or_default()).collect();
    let hops: Vec<&str> = texts.iter().flat_map(|text| text.split(',')).map(str::trim).collect();
    for hop in hops.into_iter().rev() {
        let Ok(next) = hop.trim_matches(['[', ']']).parse::<IpAddr>() else { break };
        address = next.to_canonical();
        if !is_proxy(address) {
            break;
        }
    }
    address
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

    fn from(peer: &str, forwarded: &[&str], proxies: &[&str]) -> String {
        let mut headers = HeaderMap::new();
        for text in forwarded {
            headers.append("x-forwarded-for", text.parse().unwrap());
        }
        let proxies: Vec<Network> = proxies.iter().map(|text| text.parse().unwrap()).collect();
        caller(peer.parse().unwrap(), &headers, &proxies).to_string()
    }

    // G60
    #[test]
    fn believes_a_header_only_from_a_configured_proxy() {
        assert_eq!(from("203.0.113.9", &["198.51.100.1"], &[]), "203.0.113.9");
        assert_eq!(from("203.0.113.9", &["198.51.100.1"], &["10.0.0.0/8"]), "203.0.113.9");
        assert_eq!(from("10.1.2.3", &["198.51.100.1"], &["10.0.0.0/8"]), "198.51.100.1");
        // What the client wrote itself stands further left and is not reached.
        assert_eq!(from("10.1.2.3", &["1.1.1.1, 198.51.100.1, 10.9.9.9"], &["10.0.0.0/8"]), "198.51.100.1");
        assert_eq!(from("10.1.2.3", &["1.1.1.1", "198.51.100.1"], &["10.0.0.0/8"]), "198.51.100.1");
        assert_eq!(from("10.1.2.3", &["198.51.100.1, garbage"], &["10.0.0.0/8"]), "10.1.2.3");
        assert_eq!(from("::ffff:10.1.2.3", &["2001:db8::7"], &["10.0.0.0/8"]), "2001:db8::7");
        assert_eq!(from("::1", &["198.51.100.1"], &["::1"]), "198.51.100.1");
        assert_eq!(from("192.0.2.1", &["198.51.100.1"], &["0.0.0.0/0"]), "198.51.100.1");
    }

    #[test]
    fn counts_an_ipv6_subscriber_once() {
        let of = |text: &str| subscriber(text.parse().unwrap()).to_string();
        assert_eq!(of("2001:db8:1:2:3:4:5:6"), "2001:db8:1:2::");
        assert_eq!(of("192.0.2.1"), "192.0.2.1");
    }

    #[test]
    fn refuses_settings_that_are_no_network() {
        for text in ["", "10.0.0.0/33", "::/129", "localhost", "10.0.0.0/-1"] {
            assert!(text.parse::<Network>().is_err(), "{text}");
        }
    }
}
