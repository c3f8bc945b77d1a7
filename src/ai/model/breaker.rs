//! The circuit breaker before a model: pure. Shared by all processes through its row, and judged by one clock.

use uuid::Uuid;

use crate::clock::Micros;

/// Whether requests may leave.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum GateState {
    /// They may.
    Closed,
    /// They may not, until its time is over.
    Open,
    /// One has left, to see whether the model works again.
    Probing,
}

impl GateState {
    /// The word in tables.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Closed => "closed",
            Self::Open => "open",
            Self::Probing => "probing",
        }
    }

    /// Reads the word. `None` when there is no such state.
    pub fn parse(text: &str) -> Option<Self> {
        [Self::Closed, Self::Open, Self::Probing].into_iter().find(|state| state.as_str() == text)
    }
}

/// When a gate opens, and for how long.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct GateRules {
    /// Failures in a row that open it, at least 1.
    pub failures: i32,
    /// How long it stays open at first.
    pub open_first: Micros,
    /// How long at most: each probe that fails doubles the time.
    pub open_max: Micros,
}

/// What a request says about its model.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sign {
    /// It answered, whatever it said.
    Works,
    /// It did not.
    Fails,
    /// Nothing: the request was withdrawn, or its outcome is not known.
    Nothing,
}

/// Whether a request may pass now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Passage {
    /// It may.
    Free,
    /// It may, alone: it is the probe.
    Probe,
    /// Not before this time.
    Shut(Micros),
}

/// The gate of one model with one credential.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Gate {
    /// Whether requests may leave.
    pub state: GateState,
    /// Failures since the last success.
    pub failures_in_row: i32,
    /// How long the present or latest opening lasts.
    pub open_for: Micros,
    /// While open, and while a probe is out: nobody else sends before this.
    pub open_until: Micros,
    /// The attempt that may pass.
    pub probe: Option<Uuid>,
}

impl Gate {
    /// A gate that nothing was seen of.
    pub const NEW: Self =
        Self { state: GateState::Closed, failures_in_row: 0, open_for: 0, open_until: 0, probe: None };

    /// Whether a request may pass. A probe whose process died is followed by another one when its time is over.
    pub fn passage(&self, now: Micros) -> Passage {
        match self.state {
            GateState::Closed => Passage::Free,
            GateState::Open | GateState::Probing if now >= self.open_until => Passage::Probe,
            GateState::Open | GateState::Probing => Passage::Shut(self.open_until),
        }
    }

    /// The gate while `attempt` probes; nobody else passes before `until`.
    #[must_use]
    pub fn probing(self, attempt: Uuid, until: Micros) -> Self {
        Self { state: GateState::Probing, open_until: until, probe: Some(attempt), ..self }
    }

    /// The gate after `attempt` has ended. While it is open or a probe is out, only the probe counts: what left before
    /// says nothing new.
    #[must_use]
    pub fn after(self, attempt: Uuid, sign: Sign, now: Micros, rules: &GateRules) -> Self {
        let opened = |gate: Self, length: Micros| Self {
            state: GateState::Open,
            open_for: length,
            open_until: now.saturating_add(length),
            probe: None,
            ..gate
        };
        match (self.state, sign) {
            (GateState::Closed, Sign::Works) => Self::NEW,
            (GateState::Closed, Sign::Fails) => {
                let counted = Self { failures_in_row: self.failures_in_row.saturating_add(1), ..self };
                if counted.failures_in_row >= rules.failures { opened(counted, rules.open_first) } else { counted }
            }
            (GateState::Probing, _) if self.probe == Some(attempt) => match sign {
                Sign::Works => Self::NEW,
                Sign::Fails => opened(
                    Self { failures_in_row: self.failures_in_row.saturating_add(1), ..self },
                    self.open_for.saturating_mul(2).clamp(rules.open_first, rules.open_max.max(rules.open_first)),
                ),
                // The next one may probe at once.
                Sign::Nothing => Self { open_until: now, ..opened(self, self.open_for) },
            },
            _ => self,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RULES: GateRules = GateRules { failures: 5, open_first: 60, open_max: 300 };

    fn id(number: u128) -> Uuid {
        Uuid::from_u128(number)
    }

    fn failing(times: usize) -> Gate {
        (0..times).fold(Gate::NEW, |gate, _| gate.after(id(0), Sign::Fails, 1000, &RULES))
    }

    // REQ-A-33
    #[test]
    fn five_failures_in_a_row_open_it_for_its_time_and_a_success_between_does_not() {
        assert_eq!(failing(4).passage(1000), Passage::Free);
        assert_eq!(failing(5).passage(1000), Passage::Shut(1060));
        assert_eq!(failing(5).passage(1059), Passage::Shut(1060));
        assert_eq!(failing(5).passage(1060), Passage::Probe);
        assert_eq!(failing(4).after(id(0), Sign::Works, 1000, &RULES), Gate::NEW);
        assert_eq!(failing(4).after(id(0), Sign::Nothing, 1000, &RULES), failing(4));
    }

    #[test]
    fn one_probe_decides_and_nobody_else_passes_or_counts_meanwhile() {
        let open = failing(5);
        let probing = open.probing(id(7), 1200);
        assert_eq!(probing.passage(1199), Passage::Shut(1200));
        assert_eq!(probing.passage(1200), Passage::Probe, "the probe's process died");
        for sign in [Sign::Works, Sign::Fails, Sign::Nothing] {
            assert_eq!(probing.after(id(8), sign, 1100, &RULES), probing);
            assert_eq!(open.after(id(8), sign, 1010, &RULES), open);
        }
        assert_eq!(probing.after(id(7), Sign::Works, 1100, &RULES), Gate::NEW);
        assert_eq!(probing.after(id(7), Sign::Nothing, 1100, &RULES).passage(1100), Passage::Probe);
    }

    #[test]
    fn every_failed_probe_doubles_the_time_up_to_its_limit() {
        let mut gate = failing(5);
        let mut times = Vec::new();
        for _ in 0..4 {
            gate = gate.probing(id(7), 2000).after(id(7), Sign::Fails, 2000, &RULES);
            times.push(gate.open_for);
        }
        assert_eq!(times, [120, 240, 300, 300]);
    }

    #[test]
    fn reads_back_every_word() {
        for state in [GateState::Closed, GateState::Open, GateState::Probing] {
            assert_eq!(GateState::parse(state.as_str()), Some(state));
        }
        assert_eq!(GateState::parse("ajar"), None);
    }
}
