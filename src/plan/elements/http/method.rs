//! The method of a request.

use crate::plan::error::Errors;
use crate::plan::names;
use crate::plan::raw::Field;
use crate::plan::text::Text;
use ::http::Method;
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serializer};

/// The usual methods.
const KNOWN: [Method; 8] = [
    Method::GET,
    Method::HEAD,
    Method::POST,
    Method::PUT,
    Method::DELETE,
    Method::OPTIONS,
    Method::PATCH,
    Method::TRACE,
];

/// The method that a plan names; GET where it names none, or none that is right.
pub(super) fn method(field: &Field<Text>, errors: &mut Errors) -> Method {
    let Some(given) = field.given() else { return Method::GET };
    let written = &given.value.value;
    let upper = written.to_uppercase();
    if given.value.is_secret() {
        names::public(given, errors);
    } else if *written == Method::CONNECT.as_str() {
        errors.add(given.at, "CONNECT is not supported");
    } else if KNOWN.iter().any(|known| known.as_str() == upper) && upper != *written {
        errors
            .add(given.at, format!("`{written}` is not an HTTP method: methods are in capitals"))
            .help(format!("write `\"{upper}\"`"));
    } else {
        match Method::from_bytes(written.as_bytes()) {
            Ok(method) => return method,
            Err(_) => {
                errors
                    .add(given.at, "invalid HTTP method")
                    .help("write for example `\"GET\"` or `\"POST\"`");
            }
        }
    }
    Method::GET
}

/// Serialises a method as its name.
pub(super) fn serialize<S: Serializer>(method: &Method, to: S) -> Result<S::Ok, S::Error> {
    to.serialize_str(method.as_str())
}

/// Reads a method from its name, and checks it again.
pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Method, D::Error> {
    let name = String::deserialize(from)?;
    Method::from_bytes(name.as_bytes()).map_err(D::Error::custom)
}

#[cfg(test)]
mod tests {
    use crate::plan::Request;
    use ::http::Method;

    #[test]
    fn a_method_is_checked_again_where_it_is_read() {
        let request = Request { method: Method::PATCH, ..Request::default() };
        let mut json = serde_json::to_value(&request).unwrap();
        assert_eq!(json["method"], "PATCH");
        assert_eq!(serde_json::from_value::<Request>(json.clone()).unwrap(), request);
        json["method"] = "no method".into();
        assert!(serde_json::from_value::<Request>(json).is_err());
    }
}
