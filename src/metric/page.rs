//! The page that Prometheus reads, in its text format.

use std::{collections::BTreeMap, fmt::Write as _};

use super::{METRICS, Metric};

/// Figures that were looked at, on their way to the page.
#[derive(Debug, Default)]
pub struct Page(BTreeMap<&'static str, Vec<(Vec<String>, f64)>>);

impl Page {
    /// Puts a figure there; `labels` are the values of the metric's labels, in the order of the table.
    pub fn put(&mut self, name: &'static str, labels: &[&str], value: f64) {
        let labels = labels.iter().map(|value| (*value).to_owned()).collect();
        self.0.entry(name).or_default().push((labels, value));
    }

    /// Puts a whole number there.
    pub fn count(&mut self, name: &'static str, labels: &[&str], value: i64) {
        // Beyond 2^53 the page tells about so many.
        self.put(name, labels, value as f64);
    }

    /// The page: what was counted as it happened, then what was looked at. A metric of the table without any figure is there by its name,
    /// so that it can be seen that it is known.
    pub fn write(&self, recorded: &str) -> String {
        let mut page = recorded.to_owned();
        for metric in METRICS {
            let figures = self.0.get(metric.name).filter(|_| !metric.is_recorded);
            let is_there = recorded.lines().any(|line| is_type_of(line, metric.name));
            if figures.is_none() && is_there {
                continue;
            }
            let (name, kind) = (metric.name, metric.kind.as_str());
            // Writing to a text does not fail.
            let _ = write!(page, "# HELP {name} {}\n# TYPE {name} {kind}\n", metric.help);
            for (labels, value) in figures.into_iter().flatten() {
                let _ = writeln!(page, "{name}{} {value}", labels_of(metric, labels));
            }
            page.push('\n');
        }
        page
    }
}

fn is_type_of(line: &str, name: &str) -> bool {
    line.strip_prefix("# TYPE ").and_then(|rest| rest.strip_prefix(name)).is_some_and(|rest| rest.starts_with(' '))
}

fn labels_of(metric: &Metric, values: &[String]) -> String {
    let pairs = metric.labels.iter().zip(values);
    let pairs: Vec<String> = pairs.map(|(name, value)| format!("{name}=\"{}\"", escaped(value))).collect();
    if pairs.is_empty() { String::new() } else { format!("{{{}}}", pairs.join(",")) }
}

fn escaped(value: &str) -> String {
    value.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_has_every_metric_once_with_what_is_known_of_it() {
        let mut page = Page::default();
        page.count("inkledger_jobs_queued", &["bulk", "due"], 3);
        page.put("inkledger_uptime_seconds", &[], 1.5);
        page.count("inkledger_build_info", &["a\"b\\c", "all", "sqlite"], 1);
        let text = page
            .write("# HELP inkledger_ledger_violations_total x\n# TYPE inkledger_ledger_violations_total counter\n");
        for metric in METRICS {
            let types = text.lines().filter(|line| is_type_of(line, metric.name)).count();
            assert_eq!(types, 1, "{}", metric.name);
        }
        for line in [
            "inkledger_jobs_queued{lane=\"bulk\",state=\"due\"} 3",
            "inkledger_uptime_seconds 1.5",
            "inkledger_build_info{version=\"a\\\"b\\\\c\",role=\"all\",database=\"sqlite\"} 1",
        ] {
            assert!(text.lines().any(|found| found == line), "{line} in {text}");
        }
    }
}
