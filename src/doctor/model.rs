//! What a check finds, and what follows for the whole.

/// How a check ended, least serious first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Status {
    /// There was nothing to look at.
    Skipped,
    /// As it should be.
    Ok,
    /// It works, but not as it should.
    Warn,
    /// It does not work, or data is in danger.
    Fail,
}

impl Status {
    /// The word in tables and JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Skipped => "SKIPPED",
            Self::Ok => "OK",
            Self::Warn => "WARN",
            Self::Fail => "FAIL",
        }
    }
}

/// What one look found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// How it ended.
    pub status: Status,
    /// What was found, in a sentence without secrets.
    pub text: String,
    /// What to do, naming the variable or command; there is one for every `Warn` and `Fail`.
    pub remedy: Option<String>,
}

impl Finding {
    /// As it should be.
    pub fn ok(text: impl Into<String>) -> Self {
        Self { status: Status::Ok, text: text.into(), remedy: None }
    }

    /// Nothing to look at.
    pub fn skipped(text: impl Into<String>) -> Self {
        Self { status: Status::Skipped, text: text.into(), remedy: None }
    }

    /// Works, but not as it should.
    pub fn warn(text: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self { status: Status::Warn, text: text.into(), remedy: Some(remedy.into()) }
    }

    /// Does not work.
    pub fn fail(text: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self { status: Status::Fail, text: text.into(), remedy: Some(remedy.into()) }
    }

    /// The same finding in other words.
    pub fn rewritten(&self, rewrite: impl Fn(&str) -> String) -> Self {
        Self { status: self.status, text: rewrite(&self.text), remedy: self.remedy.as_deref().map(rewrite) }
    }
}

/// One check, carried out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Check {
    /// Its stable name.
    pub id: &'static str,
    /// What it found.
    pub finding: Finding,
    /// How long it took, milliseconds.
    pub took_ms: u64,
}

/// All checks, in their order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Report {
    /// The checks.
    pub checks: Vec<Check>,
    /// How long they took together, milliseconds.
    pub took_ms: u64,
}

impl Report {
    /// The most serious status of all. Skipped checks take nothing away.
    pub fn status(&self) -> Status {
        self.checks.iter().map(|check| check.finding.status).max().unwrap_or(Status::Ok).max(Status::Ok)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_worst_check_decides_and_a_skipped_one_does_not() {
        let check = |finding| Check { id: "x", finding, took_ms: 0 };
        let report = |checks| Report { checks, took_ms: 0 }.status();
        assert_eq!(report(vec![]), Status::Ok);
        assert_eq!(report(vec![check(Finding::skipped("a")), check(Finding::skipped("b"))]), Status::Ok);
        assert_eq!(report(vec![check(Finding::warn("a", "b")), check(Finding::ok("c"))]), Status::Warn);
        assert_eq!(report(vec![check(Finding::fail("a", "b")), check(Finding::warn("c", "d"))]), Status::Fail);
    }
}
