//! Turns what a target gave to a user into names wherever a text is shown: values that were
//! extracted, cookies, and what redirects carry along; and the passwords in the user's row.

use super::session::UserSession;
use super::test_data::TestData;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

/// Shorter values are no credentials: an id, a language, a flag.
const SHORTEST: usize = 8;

/// Queries keep the characters that RFC 3986 calls unreserved.
const RESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// Shorter passwords hide nothing.
const SHORTEST_PASSWORD: usize = 4;

/// A column of rows holds credentials if its name has one of these in it.
const PASSWORDS: [&str; 8] =
    ["pass", "pwd", "secret", "token", "credential", "apikey", "api_key", "api-key"];

/// Whether values of a column are hidden.
fn is_credential(column: &str) -> bool {
    let column = column.to_ascii_lowercase();
    PASSWORDS.iter().any(|word| column.contains(word))
}

impl UserSession {
    /// The text with `${var.NAME}` and `${cookie.NAME}` for what this user was given,
    /// `${row.NAME}` for passwords of its row, and without the query of a redirect that it follows.
    /// `variables`: the names of extracted values.
    pub(super) fn hide(&self, text: String, variables: &[String], data: &TestData) -> String {
        let mut known: Vec<(String, String)> = Vec::new();
        for (name, value) in self.extracted(variables) {
            known.push((value.to_owned(), format!("${{var.{name}}}")));
        }
        for (name, value) in self.cookies() {
            known.push((value.to_owned(), format!("${{cookie.{name}}}")));
        }
        let query = self.redirect().and_then(|redirect| redirect.path.split_once('?'));
        known.extend(query.map(|(_, query)| (query.to_owned(), "…".to_owned())));
        known.retain(|(value, _)| value.len() >= SHORTEST);
        known.extend(self.passwords(data));
        for (value, shown) in known.clone() {
            for set in [NON_ALPHANUMERIC, RESERVED] {
                let percent = utf8_percent_encode(&value, set).to_string();
                known.push((percent.replace("%20", "+"), shown.clone()));
                known.push((percent, shown.clone()));
            }
            let json = serde_json::to_string(&value).unwrap_or_default();
            known.push((json.trim_matches('"').to_owned(), shown));
        }
        // One that contains another goes first.
        known.sort_by_key(|(value, _)| std::cmp::Reverse(value.len()));
        known.iter().fold(text, |text, (value, shown)| text.replace(value, shown))
    }

    /// The credentials in this user's row, and what is shown for each.
    fn passwords(&self, data: &TestData) -> Vec<(String, String)> {
        let (Some(rows), Some(row)) = (&data.rows, self.row()) else { return Vec::new() };
        let columns = (0..).zip(rows.columns()).filter(|(_, name)| is_credential(name));
        let values = columns.filter_map(|(at, name)| {
            let value = rows.value(row, at)?;
            Some((value.to_owned(), format!("${{row.{name}}}")))
        });
        values.filter(|(value, _)| value.len() >= SHORTEST_PASSWORD).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::{AnswerLimits, HostPort, HttpUrl, RequestPath, Site};
    use crate::workload::http::base_url::BaseUrl;
    use crate::workload::http::generated_values::PassIdentity;
    use crate::workload::http::inspector::Extracted;
    use crate::workload::http::rows::{Format, Rows};

    #[test]
    fn what_a_user_was_given_is_hidden_in_words() {
        let site = Site::Host(HostPort { host: "shop.test".into(), port: 80 });
        let host_header = "shop.test".parse().unwrap();
        let url = HttpUrl { is_secure: false, site, host_header, path: RequestPath::root() };
        let base_url = BaseUrl::new(&url, &[], 2, AnswerLimits::default());
        let mut session = UserSession::new(true);
        session.asked_for("/login".into(), "shop.test".into());
        let given = Extracted {
            location: Some("/next?code=abc123def".into()),
            status: 302,
            values: vec![(0, "tok/en-123456".into()), (1, "7".into())],
            cookies: vec!["sid=0123456789abcdef; path=/".into()],
        };
        session.take(given, &base_url, 0, 0);
        let names = ["token", "id"].map(str::to_owned);
        let text =
            "GET /next?code=abc123def: tok/en-123456 tok%2Fen%2D123456 sid=0123456789abcdef 7";
        let hidden = "GET /next?…: ${var.token} ${var.token} sid=${cookie.sid} 7";
        assert_eq!(session.hide(text.to_owned(), &names, &TestData::default()), hidden);
    }

    #[test]
    fn passwords_of_a_row_are_hidden_and_its_other_values_are_not() {
        let rows =
            Rows::parse(b"user,Password,api_key\nann,s3cr,k/ey-1\n", Format::Csv(b',')).unwrap();
        let mut data = TestData::default();
        data.rows = Some(rows);
        let mut session = UserSession::new(false);
        session.begin_pass(PassIdentity::default(), Some(0), true);
        let text = "POST /login: ann s3cr {\"key\":\"k/ey-1\"} k%2Fey%2D1 k%2Fey-1".to_owned();
        let hidden = "POST /login: ann ${row.Password} {\"key\":\"${row.api_key}\"} ${row.api_key} ${row.api_key}";
        assert_eq!(session.hide(text, &[], &data), hidden);
    }
}
