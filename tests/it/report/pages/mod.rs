//! `report.html` and the page of a comparison as they are seen: on a phone, on a desktop and on
//! paper, of runs with one stage and with twelve, with one failure, twenty requests, a million
//! connections, and of eight hours; and that nothing of others runs in them.

mod shapes;

use super::{html, run_on};
use planrun::machine::Environment;
use serde_json::Value;
use shapes::SHAPES;
use std::path::{Path, PathBuf};
use std::process::Command;
use tempfile::TempDir;

/// The most bytes of a page: that of an hour's run is smaller, and of eight hours, too.
const MOST_BYTES: usize = 400_000;

/// What a browser shows of these pages, in their order.
fn seen(pages: &[PathBuf]) -> Vec<Value> {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/peers/pages.py");
    let urls = pages.iter().map(|page| format!("file://{}", page.display()));
    let output = Command::new("python3").arg("-B").arg(script).args(urls).output().unwrap();
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{error}; tests/setup.sh installs chromium");
    serde_json::from_slice(&output.stdout).unwrap()
}

/// Nothing is cut off, lies over something else, or is empty; nothing is loaded and nothing runs
/// but the page's own script.
fn assert_is_fit(seen: &Value, page: &Path) {
    let name = page.display();
    assert_eq!(seen["requests"], serde_json::json!([format!("file://{name}")]));
    assert_eq!(seen["complaints"], serde_json::json!([]), "{name}");
    for look in ["phone", "desktop", "print"] {
        let seen = &seen["looks"][look];
        for what in ["overlap", "cut", "empty", "beyond"] {
            assert_eq!(seen[what], serde_json::json!([]), "{name}: {look}: {what}");
        }
        assert_eq!((&seen["wide"], &seen["scripts"]), (&false.into(), &1.into()), "{name}: {look}");
        let smallest = seen["smallest"].as_f64().unwrap();
        assert!(smallest >= 9.0, "{name}: {look}: a label is {smallest} pixels high");
    }
}

#[test]
fn pages_are_small_and_readable_whatever_the_run() {
    let out = TempDir::new().unwrap();
    let pages: Vec<PathBuf> = std::thread::scope(|scope| {
        let all: Vec<_> =
            SHAPES.iter().map(|shape| scope.spawn(|| shape.page(out.path()))).collect();
        all.into_iter().map(|one| one.join().unwrap()).collect()
    });
    for (shape, page) in SHAPES.iter().zip(&pages) {
        let bytes = std::fs::metadata(page).unwrap().len();
        println!("{}: {bytes} bytes", shape.name);
        assert!(bytes < MOST_BYTES as u64, "{}: {bytes} bytes", shape.name);
    }
    for ((shape, page), seen) in SHAPES.iter().zip(&pages).zip(seen(&pages)) {
        assert_is_fit(&seen, page);
        let titles: Vec<&str> = seen["looks"]["desktop"]["charts"]
            .as_array()
            .unwrap()
            .iter()
            .map(|title| title.as_str().unwrap())
            .collect();
        let mut wanted = vec![
            "Processors used by the workers",
            "Processor time for each attempt",
            "Memory of the workers",
            "Latest start against the schedule",
            "Times by percentile",
            "TCP sockets",
            "Load average",
            "Processors withheld",
            "Changes of the kernel's counters",
        ];
        wanted.extend(if shape.is_held() {
            &[
                "Connections",
                "Connections opened a second",
                "connect.time over time",
                "connect.time: heat map of samples",
                "heartbeat.gap over time",
                "Survival curve: connections alive after",
                "Memory for each open connection",
            ][..]
        } else {
            &[
                "Users and requests in flight",
                "Requests a second",
                "service_time over time",
                "service_time: heat map of samples",
            ]
        });
        if shape.failures > 0 {
            wanted.push("Failures a second, by cause");
        }
        if shape.monitors > 0 {
            wanted.push("m0: node_load1");
        }
        for title in wanted {
            assert!(titles.contains(&title), "{}: {title} of {titles:?}", shape.name);
        }
    }
}

#[test]
fn a_comparison_is_readable_and_nothing_of_others_runs_in_a_page() {
    let out = TempDir::new().unwrap();
    let [base, new] = ["base", "new"].map(|name| out.path().join(name));
    for side in [&base, &new] {
        for _ in 0..4 {
            run_on(side, &super::canned::entries(), &Environment::default());
        }
    }
    let page = out.path().join("comparison.html");
    let mut command = Command::new(env!("CARGO_BIN_EXE_planrun"));
    let output =
        command.arg("compare").args([&base, &new]).arg("--html").arg(&page).output().unwrap();
    assert!(page.exists(), "{output:?}");
    let hostile = out.path().join("hostile.html");
    let text = html::hostile();
    assert!(html::payloads().len() >= 100);
    std::fs::write(&hostile, text).unwrap();
    let pages = [page, hostile];
    for (page, seen) in pages.iter().zip(seen(&pages)) {
        assert_is_fit(&seen, page);
    }
}
