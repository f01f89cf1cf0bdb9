//! The page itself: one file that loads nothing and runs only its own script.
//!
//! **Invariant:** it is the same for every run; a run's figures arrive as data, and the script
//! shows it as text.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use maud::{DOCTYPE, PreEscaped, html};
use sha2::{Digest, Sha256};

const STYLE: &str = include_str!("style.css");
const SCRIPT: &str = concat!(include_str!("chart.js"), include_str!("script.js"));

/// The page and its content security policy.
#[derive(Debug)]
pub(super) struct Document {
    html: Bytes,
    policy: String,
}

impl Document {
    pub(super) fn new() -> Self {
        Self { html: page().into(), policy: policy() }
    }

    pub(super) fn html(&self) -> Bytes {
        self.html.clone()
    }

    pub(super) fn policy(&self) -> &str {
        &self.policy
    }
}

/// Allows the page's own style and script, and requests to its own origin; nothing else.
fn policy() -> String {
    let hash = |text: &str| format!("'sha256-{}'", STANDARD.encode(Sha256::digest(text)));
    format!(
        "default-src 'none'; style-src {}; script-src {}; connect-src 'self'; img-src data:; \
         base-uri 'none'; form-action 'none'; frame-ancestors 'none'; \
         require-trusted-types-for 'script'; trusted-types 'none'",
        hash(STYLE),
        hash(SCRIPT)
    )
}

fn page() -> String {
    let markup = html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                meta name="referrer" content="no-referrer";
                link rel="icon" href="data:,";
                title { "planrun" }
                style { (PreEscaped(STYLE)) }
            }
            body {
                header #top {
                    div.bar {
                        span #verdict.verdict { "…" }
                        h1 #plan { "planrun" }
                        span #clock.clock {}
                        button #stop type="button" disabled { "Stop" }
                    }
                    div.course { div #course {} }
                    p #state.state role="status" { "Waiting for the run to start" }
                }
                main {
                    p #notice.notice hidden {}
                    section #thresholds hidden { h2 { "Thresholds" } ul.conditions {} }
                    div #scenarios {}
                    section #monitors hidden {
                        h2 { "Monitors" }
                        div.charts {}
                        p.quiet {}
                    }
                    section #generator hidden {
                        h2 { "Load generator" }
                        div.tiles {}
                        ul.conditions {}
                    }
                    section #log hidden { h2 { "Events" } ol {} }
                    footer #about {}
                }
                noscript { p.notice { "This page needs JavaScript; its script comes with it." } }
                script { (PreEscaped(SCRIPT)) }
            }
        }
    };
    markup.into_string()
}
