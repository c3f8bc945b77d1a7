//! Flags as they stand in this process, for those who read them: no database, no lock.

use std::sync::{
    Arc,
    atomic::{AtomicI64, Ordering},
};

use super::{Environment, Flag, Override};
use crate::{
    clock::{Clock, Micros},
    error::Error,
};

/// No override.
const UNSET: i64 = 0;
/// An override without an end.
const FOR_EVER: i64 = i64::MAX;

struct Panel {
    clock: Arc<dyn Clock>,
    /// What counts without an override.
    base: [bool; Flag::ALL.len()],
    /// For each flag until when it is overridden: positive is on, negative is off. One number, so that value and end are never
    /// of two overrides.
    until: [AtomicI64; Flag::ALL.len()],
}

/// Flags as they stand. Cloning is cheap, and so is reading: an atomic load, and the clock while an override has an end.
#[derive(Clone)]
pub struct Switches(Arc<Panel>);

impl std::fmt::Debug for Switches {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Switches").finish()
    }
}

impl Switches {
    /// What `environment` says, else the defaults; nothing is overridden.
    pub fn new(clock: Arc<dyn Clock>, environment: &Environment) -> Self {
        let mut base = [false; Flag::ALL.len()];
        for (place, flag) in base.iter_mut().zip(Flag::ALL) {
            *place = environment.value(*flag).unwrap_or(flag.default_value());
        }
        Self(Arc::new(Panel { clock, base, until: Default::default() }))
    }

    /// Whether `flag` is on now.
    pub fn is_on(&self, flag: Flag) -> bool {
        let place = flag.place();
        let base = self.0.base.get(place).copied().unwrap_or(flag.default_value());
        let until = self.0.until.get(place).map_or(UNSET, |until| until.load(Ordering::Relaxed));
        let end = until.saturating_abs();
        if until == UNSET || (end != FOR_EVER && self.0.clock.now() >= end) {
            return base;
        }
        until > 0
    }

    /// Refuses `FeatureDisabled` while `flag` is off.
    pub fn require(&self, flag: Flag) -> Result<(), Error> {
        if self.is_on(flag) { Ok(()) } else { Err(Error::FeatureDisabled { which: flag.as_str() }) }
    }

    /// Puts what was read in force.
    pub(super) fn put(&self, flag: Flag, overridden: Option<&Override>) {
        let code = overridden.map_or(UNSET, |set| {
            let end: Micros = set.expires_at.unwrap_or(FOR_EVER).max(1);
            if set.is_on { end } else { -end }
        });
        if let Some(until) = self.0.until.get(flag.place()) {
            until.store(code, Ordering::Relaxed);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{clock::FixedClock, flag::Given};

    #[test]
    fn an_override_counts_until_its_end_by_the_clock() {
        let clock = Arc::new(FixedClock::new(10));
        let switches = Switches::new(clock.clone(), &Environment::default());
        let set = |is_on, expires_at| Override { is_on, reason: String::new(), set_by: None, set_at: 1, expires_at };
        assert!(switches.is_on(Flag::Charts) && !switches.is_on(Flag::PerformanceMonitoring));
        switches.put(Flag::Charts, Some(&set(false, None)));
        switches.put(Flag::PerformanceMonitoring, Some(&set(true, Some(20))));
        assert!(!switches.is_on(Flag::Charts) && switches.is_on(Flag::PerformanceMonitoring));
        assert!(switches.require(Flag::Charts).is_err() && switches.require(Flag::Animations).is_ok());
        clock.set(20);
        assert!(!switches.is_on(Flag::Charts) && !switches.is_on(Flag::PerformanceMonitoring));
        switches.put(Flag::Charts, None);
        assert!(switches.is_on(Flag::Charts));
    }

    #[test]
    fn without_an_override_the_environment_counts() {
        let environment = Environment::of(|flag| Given { own: Some(flag.as_str().len().to_string()), alias: None });
        let switches = Switches::new(Arc::new(FixedClock::new(0)), &environment);
        // None of these numbers is a switch.
        assert!(switches.is_on(Flag::Animations));
        let environment = Environment::of(|_| Given { own: Some("OFF".to_owned()), alias: None });
        let switches = Switches::new(Arc::new(FixedClock::new(0)), &environment);
        assert!(Flag::ALL.iter().all(|flag| !switches.is_on(*flag)));
    }
}
