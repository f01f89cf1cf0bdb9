//! Authentication, as a header of every request.

use crate::plan::elements::http::header_secret::{BASIC, TOKEN, check_secret};
use crate::plan::elements::http::template::{Known, template};
use crate::plan::error::Errors;
use crate::plan::raw::{Field, Fillable, table};
use crate::plan::text::Text;
use crate::plan::{Encoding, HeaderName, Placeholder, Request, Template, Templated};
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;

table! {
    /// Authentication: one of the two.
    #[schemars(rename = "Auth")]
    RawAuth, "`auth`", write "a table: `{ bearer = \"${env.TOKEN}\" }`",
    must {}
    may {
        /// A name and a password: `name:password`.
        basic: Text,
        /// A token.
        bearer: Fillable,
    }
}

const HEADER: &str = "authorization";

/// Adds the header to the requests that have none.
pub(in crate::plan) fn authorize(
    field: &Field<RawAuth>,
    requests: &mut [Request],
    (rows, steps): (bool, bool),
    errors: &mut Errors,
) {
    let Some(given) = field.given() else { return };
    let raw = &given.value;
    let value = match (raw.basic.given(), raw.bearer.given()) {
        (Some(basic), None) => {
            if !basic.value.value.is_empty() && !basic.value.value.contains(':') {
                errors
                    .add(basic.at, "expected `:` between the name and the password")
                    .help("write `basic = \"name:password\"`, or `\"${env.CREDENTIALS}\"`");
            }
            check_secret(&basic.value, BASIC, basic.at, errors);
            Template::from(format!("Basic {}", BASE64_STANDARD.encode(&basic.value.value)).as_str())
        }
        (None, Some(bearer)) => {
            let Fillable(text) = &bearer.value;
            check_secret(text, TOKEN, bearer.at, errors);
            // A variable that no step extracts does not exist; a request before that
            // step goes without.
            let variables: Vec<String> = requests
                .iter()
                .flat_map(|one| one.extract.iter().map(|extract| extract.name.clone()))
                .collect();
            let known = Known { rows, steps, variables };
            let mut value = Template::from("Bearer ");
            value.append(template(text, Encoding::Plain, &known, errors));
            value
        }
        (Some(_), Some(bearer)) => {
            errors
                .add(bearer.at, "`auth` is either `basic` or `bearer`")
                .help("remove one of them");
            return;
        }
        (None, None) => {
            if raw.basic.is_absent() && raw.bearer.is_absent() {
                errors.add(given.at, "`auth` needs `basic` or `bearer`").help(
                    "write `auth = { basic = \"name:password\" }` or `{ bearer = \"token\" }`",
                );
            }
            return;
        }
    };
    // Characters that no header permits were already reported.
    let (Ok(name), Ok(value)) = (HEADER.parse::<HeaderName>(), Templated::try_from(value)) else {
        return;
    };
    let mut extracted: Vec<String> = Vec::new();
    for request in requests {
        let there = value.givens().all(|(given, _)| match given {
            Placeholder::Row(_) | Placeholder::Generated(_) => true,
            Placeholder::Var(name) => extracted.contains(name),
        });
        extracted.extend(request.extract.iter().map(|one| one.name.clone()));
        if there && request.headers.iter().all(|(name, _)| **name != *HEADER) {
            request.headers.push((name.clone(), value.clone()));
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::plan::tests::{WEB, http, plan};

    #[test]
    fn who_asks_is_a_header() {
        let requests = |keys: &str| {
            let parsed = plan(&format!("{WEB}{keys}"));
            http(&parsed).requests.clone()
        };

        let header = |keys: &str, request: usize| {
            let requests = requests(keys);
            let mut headers = requests[request].headers.iter();
            headers
                .find(|(name, _)| &**name == "authorization")
                .map(|(_, value)| value.fixed().unwrap().to_owned())
        };
        let basic = "auth = { basic = \"Aladdin:open sesame\" }\n";
        assert_eq!(header(basic, 0), Some("Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==".into()));
        let own = "auth = { bearer = \"t0ken\" }\n\
             requests = [{ path = \"/a\", headers = { Authorization = \"none\" } }, { path = \"/b\" }]\n";
        assert_eq!(header(own, 0), Some("none".into()));
        assert_eq!(header(own, 1), Some("Bearer t0ken".into()));
    }
}
