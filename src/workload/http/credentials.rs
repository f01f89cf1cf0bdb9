//! Turns what a target gave to a user into names wherever a text is shown: values that were
//! extracted, cookies, and what redirects carry along.

use super::session::UserSession;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};

/// Shorter values are no credentials: an id, a language, a flag.
const SHORTEST: usize = 8;

impl UserSession {
    /// The text with `${var.NAME}` and `${cookie.NAME}` for what this user was given, and without
    /// the query of a redirect that it follows. `variables`: the names of extracted values.
    pub(super) fn hide(&self, text: String, variables: &[String]) -> String {
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
        for (value, shown) in known.clone() {
            let percent = utf8_percent_encode(&value, NON_ALPHANUMERIC).to_string();
            let json = serde_json::to_string(&value).unwrap_or_default();
            known.push((percent, shown.clone()));
            known.push((json.trim_matches('"').to_owned(), shown));
        }
        // One that contains another goes first.
        known.sort_by_key(|(value, _)| std::cmp::Reverse(value.len()));
        known.iter().fold(text, |text, (value, shown)| text.replace(value, shown))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::{AnswerLimits, HostPort, HttpUrl, RequestPath, Site};
    use crate::workload::http::base_url::BaseUrl;
    use crate::workload::http::inspector::Extracted;

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
        assert_eq!(session.hide(text.to_owned(), &names), hidden);
    }
}
