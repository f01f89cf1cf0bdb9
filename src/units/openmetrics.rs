//! Turns names, labels and values into OpenMetrics text.

use std::collections::BTreeMap;
use std::fmt::Write as _;

/// Families by name, each with its lines: OpenMetrics wants those of a family together.
#[derive(Debug, Default)]
pub(crate) struct Families(BTreeMap<String, Family>);

#[derive(Debug)]
struct Family {
    kind: &'static str,
    lines: String,
}

impl Families {
    /// Adds a value that may go up and down.
    pub(crate) fn gauge(&mut self, name: &str, labels: &str, value: &str) {
        self.add(name, "gauge", &format!("{name}{labels} {value}"));
    }

    /// Adds a number that only grows; `name` is without `_total`.
    pub(crate) fn counter(&mut self, name: &str, labels: &str, value: u64) {
        self.add(name, "counter", &format!("{name}_total{labels} {value}"));
    }

    fn add(&mut self, name: &str, kind: &'static str, line: &str) {
        let new = Family { kind, lines: String::new() };
        let family = self.0.entry(name.to_owned()).or_insert(new);
        family.lines.push_str(line);
        family.lines.push('\n');
    }

    /// All of them, with the mark of the end.
    pub(crate) fn text(&self) -> String {
        let mut text = String::new();
        for (name, Family { kind, lines }) in &self.0 {
            let _ = write!(text, "# TYPE {name} {kind}\n{lines}");
        }
        text + "# EOF\n"
    }
}

/// A metric of planrun as OpenMetrics names one.
pub(crate) fn family(metric: &str) -> String {
    format!("planrun_{}", metric.replace(['.', '-'], "_"))
}

/// Labels with their values, in braces.
pub(crate) fn labels(pairs: &[(&str, &str)]) -> String {
    let escaped =
        |value: &str| value.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n");
    let pairs: Vec<String> =
        pairs.iter().map(|(name, value)| format!("{name}=\"{}\"", escaped(value))).collect();
    format!("{{{}}}", pairs.join(","))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_are_escaped() {
        assert_eq!(labels(&[("a", "x\"\\\n")]), r#"{a="x\"\\\n"}"#);
    }

    #[test]
    fn lines_of_a_family_stand_together() {
        let mut families = Families::default();
        families.gauge("b", "", "1.5");
        families.counter("a", &labels(&[("of", "x")]), 1);
        families.gauge("b", "", "2");
        families.counter("a", &labels(&[("of", "y")]), 2);
        let expected = "# TYPE a counter\na_total{of=\"x\"} 1\na_total{of=\"y\"} 2\n\
            # TYPE b gauge\nb 1.5\nb 2\n# EOF\n";
        assert_eq!(families.text(), expected);
    }
}
