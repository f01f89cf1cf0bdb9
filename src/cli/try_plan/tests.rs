use super::transcript::Transcript;
use super::{exchange, held};
use crate::engine::{HoldTrial, HttpExchange, OpenedConnection, TrialEnd};
use crate::plan::{Overrides, Plan, Secrets, Source};
use crate::record::{Cause, Failure, FailureStage};
use crate::units::Time;
use crate::workload::http::{CapturedResponse, SentRequest};
use std::time::Duration;
use unicode_width::UnicodeWidthStr;

fn plan(text: &str) -> Plan {
    let text =
        format!("name = \"p\"\n[targets]\nt = {{ address = \"http://127.0.0.1:1/\" }}\n{text}");
    let source = Source { name: "p.toml".to_owned(), text };
    let environment = |name: &str| (name == "TOKEN").then(|| "s3cr3t".to_owned());
    Plan::parse(&source, &Overrides::default(), &environment).unwrap()
}

fn plain(text: &str) -> String {
    anstream::adapter::strip_str(text).to_string()
}

fn failed() -> HttpExchange {
    let headers = [("content-type", &b"application/json"[..]), ("x-evil", b"\x1b[2J\xff s3cr3t")];
    let headers = headers.map(|(name, value)| (name.to_owned(), value.to_vec()));
    let body =
        br#"{"message":"a long message that no narrow terminal has room for: s3cr3t","items":[]}"#;
    HttpExchange {
        connection: Some(OpenedConnection {
            to: "127.0.0.1:1".to_owned(),
            connect_ns: Some(200_000),
            proxy_ns: None,
            tls_ns: Some(3_000_000),
            is_resumed: false,
        }),
        sent: Some(SentRequest {
            line: "POST /a HTTP/1.1".to_owned(),
            headers: vec![("authorization".to_owned(), b"Bearer s3cr3t".to_vec())],
            body: b"\x00\x01s3cr3t binary \xff and more of it".to_vec(),
        }),
        sent_ns: 1_000_000,
        response: Some(CapturedResponse {
            status: 409,
            headers: headers.into(),
            body: body.to_vec(),
            body_bytes: body.len() as u64,
        }),
        first_byte_ns: Some(3_000_000),
        ended_ns: Some(3_500_000),
        extracted: vec![("id".to_owned(), "7\u{202e}".to_owned())],
        notes: vec!["the redirect is followed".to_owned()],
        end: Some(TrialEnd {
            error: Some("POST /a at 127.0.0.1:1: status 409".to_owned()),
            failed_checks: Some(0b01),
        }),
        ..HttpExchange::default()
    }
}

#[test]
fn an_exchange_fits_any_width_and_hides_what_is_secret() {
    let plan = plan(
        "[scenarios.s]\nprotocol = \"http\"\nstages = [{ users = 1, hold = \"1s\" }]\n\
         requests = [{ method = \"POST\", path = \"/a\", headers = { authorization = \"Bearer ${env.TOKEN}\" }, \
         expect = { status = 200, contains = \"message\" } }]\n",
    );
    let protocol = &plan.scenarios[0].protocol;
    let secrets = protocol.secrets();
    let texts = [30, 60, 100].map(|width| {
        let mut page = Transcript::new(width, &secrets);
        assert_eq!(exchange::write(&mut page, protocol, &failed()), Some(false));
        let text = plain(&page.finish());
        for line in text.lines() {
            assert!(line.width() <= width, "{width}: {line}");
            assert!(!line.contains(char::is_control), "{line:?}");
        }
        assert!(!text.replace(['\n', ' '], "").contains("s3cr3t"), "{text}");
        text
    });
    insta::assert_snapshot!(texts.join("\n=====\n"));
    let shown = Secrets::default();
    let mut page = Transcript::new(100, &shown);
    exchange::write(&mut page, protocol, &failed());
    assert!(plain(&page.finish()).contains("> authorization: Bearer s3cr3t"));
}

#[test]
fn a_connection_that_does_not_open_says_why() {
    let cause = Cause::new(Failure::ConnectTimeout, FailureStage::Connect);
    let failures = vec![(cause, "user 0 to 127.0.0.1:1".to_owned())];
    let trial = HoldTrial { failures, ..HoldTrial::default() };
    let none = Secrets::default();
    let mut page = Transcript::new(60, &none);
    assert!(!held::write(&mut page, &trial, Time(Duration::from_secs(1))));
    let text = plain(&page.finish());
    assert!(text.contains("✗ ") && text.contains("user 0 to 127.0.0.1:1"), "{text}");
}
