//! How many sockets and streams each caller holds open (G17, G21). A permit is given back when it is dropped.

use std::{
    collections::HashMap,
    net::IpAddr,
    sync::{Arc, Mutex, PoisonError},
};

use uuid::Uuid;

/// Who holds a socket.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Holder {
    /// Somebody at this address who has not said yet who they are.
    Arriving(IpAddr),
    /// Anonymous callers at this address.
    Address(IpAddr),
    /// A signed-in user.
    User(Uuid),
}

/// The open sockets of the process.
#[derive(Debug, Default)]
pub(super) struct Sockets {
    open: Mutex<HashMap<Holder, usize>>,
}

/// The right to one open socket.
#[derive(Debug)]
pub(super) struct Permit {
    sockets: Arc<Sockets>,
    holder: Holder,
}

impl Sockets {
    /// A permit, or none when `holder` has `maximum` already.
    pub(super) fn take(self: &Arc<Self>, holder: Holder, maximum: usize) -> Option<Permit> {
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        let count = open.entry(holder).or_default();
        if *count >= maximum {
            return None;
        }
        *count += 1;
        drop(open);
        metrics::gauge!("inkledger_graphql_sockets_open").increment(1);
        Some(Permit { sockets: Arc::clone(self), holder })
    }

    /// Sockets open now.
    pub(super) fn count(&self) -> usize {
        self.open.lock().unwrap_or_else(PoisonError::into_inner).values().sum()
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        let mut open = self.sockets.open.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = open.get_mut(&self.holder) {
            *count = count.saturating_sub(1);
            if *count == 0 {
                open.remove(&self.holder);
            }
        }
        metrics::gauge!("inkledger_graphql_sockets_open").decrement(1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // G17
    #[test]
    fn gives_as_many_permits_as_allowed_and_takes_them_back() {
        let sockets = Arc::new(Sockets::default());
        let holder = Holder::User(Uuid::nil());
        let first = sockets.take(holder, 2);
        let second = sockets.take(holder, 2);
        assert!(first.is_some() && second.is_some() && sockets.take(holder, 2).is_none());
        drop(first);
        assert!(sockets.take(holder, 2).is_some());
        drop(second);
        assert_eq!(sockets.count(), 0);
    }
}
