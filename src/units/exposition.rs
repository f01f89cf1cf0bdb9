//! The Prometheus text format: `haproxy_backend_status{proxy="web"} 1`.
//!
//! The same for selectors, which are the part in front of the value. Source: the exposition formats
//! of Prometheus, text format 0.0.4; what `OpenMetrics` adds (exemplars, `# EOF`) is passed over.

use std::borrow::Cow;

/// The name of a metric and its labels.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SeriesName<'a> {
    /// The name of the metric.
    pub metric: &'a str,
    /// Label and value, in the order of the text.
    pub labels: Vec<(&'a str, Cow<'a, str>)>,
}

/// Reads a series at the beginning of a text; also gives what follows it. `None`: no series stands
/// there.
pub fn series(text: &str) -> Option<(SeriesName<'_>, &str)> {
    let end = text.find(|c: char| !is_of_name(c) && c != ':').unwrap_or(text.len());
    let (metric, rest) = text.split_at(end);
    if metric.is_empty() || metric.starts_with(|c: char| c.is_ascii_digit()) {
        return None;
    }
    let Some(mut rest) = rest.trim_start().strip_prefix('{') else {
        return Some((SeriesName { metric, labels: Vec::new() }, rest));
    };
    let mut labels = Vec::new();
    loop {
        rest = rest.trim_start();
        if let Some(rest) = rest.strip_prefix('}') {
            return Some((SeriesName { metric, labels }, rest));
        }
        let end = rest.find(|c: char| !is_of_name(c))?;
        let (label, behind) = rest.split_at(end);
        let quoted = behind.trim_start().strip_prefix('=')?.trim_start().strip_prefix('"')?;
        let (value, behind) = quoted_value(quoted)?;
        labels.push((label, value));
        let behind = behind.trim_start();
        rest = behind.strip_prefix(',').unwrap_or(behind);
        if label.is_empty() || !(behind.starts_with(',') || behind.starts_with('}')) {
            return None;
        }
    }
}

/// Reads one line: a series and its value. `None`: a comment, an empty line, or none of this
/// format.
pub fn sample(line: &str) -> Option<(SeriesName<'_>, f64)> {
    let (name, rest) = series(line.trim())?;
    let value = rest.split_ascii_whitespace().next()?;
    // Rust reads the spellings of Go: `+Inf`, `NaN`, `1e+06`.
    Some((name, value.parse().ok()?))
}

fn is_of_name(c: char) -> bool {
    c.is_ascii_alphanumeric() || c == '_'
}

/// Text up to the quote that ends it, and what follows that.
fn quoted_value(text: &str) -> Option<(Cow<'_, str>, &str)> {
    let mut value = String::new();
    let mut rest = text;
    loop {
        let at = rest.find(['"', '\\'])?;
        let (before, special) = rest.split_at(at);
        if let Some(behind) = special.strip_prefix('"') {
            let value =
                if value.is_empty() { Cow::Borrowed(before) } else { Cow::Owned(value + before) };
            return Some((value, behind));
        }
        value.push_str(before);
        let mut escape = special[1..].chars();
        match escape.next()? {
            'n' => value.push('\n'),
            other => value.push(other),
        }
        rest = escape.as_str();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The metric, the labels as `a=b;c=d;`, and the value.
    fn read(line: &str) -> Option<(String, String, f64)> {
        let (name, value) = sample(line)?;
        let labels = name.labels.iter().map(|(label, value)| format!("{label}={value};"));
        Some((name.metric.to_owned(), labels.collect(), value))
    }

    #[test]
    fn lines_are_read_as_prometheus_writes_them() {
        let table = [
            ("node_load1 0.52", "node_load1", "", 0.52),
            ("up 1 1395066363000", "up", "", 1.0),
            ("a:b_total{} 1.027e+03", "a:b_total", "", 1027.0),
            (r#"x{code="200",method="get"} 3"#, "x", "code=200;method=get;", 3.0),
            (r#"x{a="1", } 4"#, "x", "a=1;", 4.0),
            (r#"  x { a = "b" }  -5 "#, "x", "a=b;", -5.0),
            (r#"x{p="/a,b}=\"c\"\\"} 6"#, "x", r#"p=/a,b}="c"\;"#, 6.0),
            (r#"x{p="two\nlines"} +Inf"#, "x", "p=two\nlines;", f64::INFINITY),
            (r#"x_bucket{le="0.5"} 8 # {id="7"} 0.3"#, "x_bucket", "le=0.5;", 8.0),
        ];
        for (line, metric, labels, value) in table {
            assert_eq!(read(line), Some((metric.to_owned(), labels.to_owned(), value)), "{line}");
        }
        assert!(read("x NaN").is_some_and(|(_, _, value)| value.is_nan()));
    }

    #[test]
    fn what_is_no_sample_is_none() {
        for line in [
            "",
            "# HELP x y",
            "# TYPE x counter",
            "# EOF",
            "x",
            "1x 2",
            "x{a=\"b\" 3",
            "x{a=b} 3",
            "x{a=\"b} 3",
            "x{=\"b\"} 3",
            "x{a=\"b\"c=\"d\"} 3",
            "x three",
            "<html>",
        ] {
            assert_eq!(sample(line), None, "{line}");
        }
    }
}
