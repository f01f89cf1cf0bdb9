//! A full table of connection tracking: predicted, reached, and blamed.
//!
//! The size of the table is one for the whole machine and cannot be set in a namespace, so it is
//! set low there for some seconds. That is only done where nothing else is tracked.

use super::root_causes::Seen;
use super::{Lab, assert_near};
use planrun::machine::{Conntrack, HostRoot};
use planrun::record::{RootCause, Side};

const MAX: &str = "/proc/sys/net/netfilter/nf_conntrack_max";

/// Sets the size of the table, and sets it back.
struct Low {
    before: String,
}

impl Low {
    fn new(max: u64) -> Self {
        let now = Conntrack::read(&HostRoot::default()).expect("the kernel can track connections");
        assert!(now.count < max / 10, "others are tracked here: {now:?}");
        let before = std::fs::read_to_string(MAX).unwrap();
        std::fs::write(MAX, max.to_string()).unwrap();
        Self { before }
    }
}

impl Drop for Low {
    fn drop(&mut self) {
        let _ = std::fs::write(MAX, &self.before);
    }
}

#[test]
fn a_full_table_is_predicted_and_blamed() {
    // What the rule of the namespace asks for is loaded only then, and the size is there only after
    // that.
    Lab::within(track);
    let low = Low::new(3_000);
    Lab::within(|lab| {
        track(lab);
        let plan = super::root_causes::plan_of(4_000, "builtin = \"tcp-hold\"", "");
        let (code, doctor) = lab.doctor(&[], &plan);
        assert_eq!((code, &doctor["reach"]["limited_by"]), (4, &"conntrack".into()));
        let predicted = doctor["reach"]["connections"].as_u64().unwrap();
        let seen = Seen::of(lab, &[], &plan);
        assert_near(seen.ran.counter("connect.ok"), predicted);
        let drops = seen.ran.health("network_drops");
        assert_eq!(drops["state"], "warning", "{drops}");
        assert!(drops["measured"].as_f64() > Some(900.0), "{drops}");
        seen.assert(RootCause::Conntrack, Side::Generator);
    });
    drop(low);
}

fn track(lab: &Lab) {
    lab.nft("table ip t { chain c { type filter hook input priority 0; ct state new accept; }; }");
}
