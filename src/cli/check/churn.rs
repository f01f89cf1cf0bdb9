//! Describes lifetimes, reconnects and events of a scenario in lines of the page.

use crate::plan::{Churn, Close, DisconnectEvent, Jitter, Lifetime, Reconnect};
use crate::units::Time;
use crate::units::figure::percent;

/// A line for each thing that opens or closes connections during a hold; none where connections
/// stay.
pub(super) fn lines(churn: &Churn) -> Vec<String> {
    let mut lines = Vec::new();
    lines.extend(churn.lifetime.map(|lifetime| match lifetime {
        Lifetime::Uniform { min, max } if min == max => {
            format!("each connection is replaced after {min}")
        }
        Lifetime::Uniform { min, max } => {
            format!("each connection is replaced after {min} to {max}")
        }
        Lifetime::Exponential { mean } => {
            format!("each connection is replaced after {mean} on average (exponential)")
        }
    }));
    lines.extend(churn.events.iter().map(event));
    match churn.reconnect {
        Reconnect::Never => {}
        Reconnect::AtOnce => {
            lines.push("users without a connection reconnect at once".to_owned());
        }
        Reconnect::Backoff { first, longest, jitter } => {
            let up_to = match jitter {
                Jitter::Full => "up to ",
                Jitter::None => "",
            };
            lines.push(format!(
                "users without a connection reconnect after {up_to}{first}, doubled with each failure to {longest}"
            ));
        }
    }
    lines
}

fn event(event: &DisconnectEvent) -> String {
    let DisconnectEvent { at, share, by, over } = event;
    let by = match by {
        Close::Fin => "FIN",
        Close::Rst => "RST",
    };
    let spread = if *over == Time::default() {
        "all at once".to_owned()
    } else {
        format!("spread over {over}")
    };
    format!(
        "{at} after the start, {} of the connections are dropped by {by}, {spread}",
        percent(share.0)
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::units::Ratio;
    use std::time::Duration;

    #[test]
    fn what_changes_is_said_and_nothing_else() {
        let time = |seconds| Time(Duration::from_secs(seconds));
        assert!(lines(&Churn::default()).is_empty());
        let churn = Churn {
            reconnect: Reconnect::Backoff {
                first: time(1),
                longest: time(30),
                jitter: Jitter::Full,
            },
            lifetime: Some(Lifetime::Uniform { min: time(20), max: time(40) }),
            events: vec![
                DisconnectEvent { at: time(15), share: Ratio(0.33), by: Close::Rst, over: time(0) },
                DisconnectEvent { at: time(20), share: Ratio(1.0), by: Close::Fin, over: time(5) },
            ],
        };
        assert_eq!(
            lines(&churn),
            [
                "each connection is replaced after 20s to 40s",
                "15s after the start, 33.00% of the connections are dropped by RST, all at once",
                "20s after the start, 100% of the connections are dropped by FIN, spread over 5s",
                "users without a connection reconnect after up to 1s, doubled with each failure to 30s",
            ]
        );
    }
}
