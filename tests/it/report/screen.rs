//! The summary that ends a run on the screen.

use super::{again, finished};
use planrun::report::page::Page;
use planrun::report::{WrittenReports, text};
use planrun::store::{Damage, SavedRun};
use planrun::verdict::{Breach, ThresholdState, rules};
use unicode_width::UnicodeWidthStr;

#[test]
fn what_ends_on_the_screen_is_as_it_was() {
    let (out, folder) = finished();
    let (_, printed) = again(&folder).unwrap();
    let digest = folder.file_name().unwrap().to_str().unwrap();
    let printed =
        printed.replace(&out.path().display().to_string(), "results").replace(digest, "DIR");
    insta::assert_snapshot!(printed);
    assert!(printed.lines().all(|line| line.chars().count() <= 100), "{printed}");
}

#[test]
fn no_line_on_the_screen_is_too_wide() {
    let (_out, folder) = finished();
    let mut saved = SavedRun::open(&folder).unwrap();
    for (scenario, name) in
        saved.plan.scenarios.iter_mut().zip(["long-".repeat(20), "世界".repeat(25)])
    {
        scenario.name.clone_from(&name);
        scenario.stages.iter_mut().for_each(|stage| stage.name.clone_from(&name));
        scenario.thresholds.iter_mut().for_each(|one| one.condition = "a < b ".repeat(20));
    }
    saved.plan.name = "n".repeat(100);
    let detail = format!("{} {}", "\u{1b}[2Jword ".repeat(30), "x".repeat(300));
    saved.judgement.breaches.push(Breach { rule: &rules::SAMPLES, detail });
    saved.damage = Some(Damage { torn_bytes: 12_345 });
    let made = WrittenReports { folder: "results".into(), files: Vec::new(), problems: Vec::new() };
    for width in 60..=200 {
        let mut printed = Vec::new();
        text::write(&saved, &made, text::Detail::Full, &mut Page::new(&mut printed, width))
            .unwrap();
        let printed = String::from_utf8(printed).unwrap();
        let printed = anstream::adapter::strip_str(&printed).to_string();
        for line in printed.lines() {
            assert!(line.width() <= width, "{width}: {line}");
            assert!(line.chars().all(|c| !c.is_control()), "{line:?}");
        }
        assert!(printed.contains("\\x1b[2Jword"), "{printed}");
        let last: Vec<&str> = printed.lines().rev().take(2).collect();
        assert_eq!(last[0], "Results  results");
        assert!(
            last[1].starts_with("! INVALID  n") || last[1].starts_with("✗ FAIL  n"),
            "{last:?}"
        );
    }
}

/// Lines that begin with `name`, up to the next empty line: a table's rows.
fn block<'a>(printed: &'a str, name: &str) -> Vec<&'a str> {
    let lines = printed.lines().skip_while(|line| !line.trim_start().starts_with(name));
    lines.take_while(|line| !line.is_empty()).collect()
}

#[test]
fn what_matters_most_is_left_on_a_narrow_screen() {
    let (_out, folder) = finished();
    let narrow = screen(&folder, 60);
    let wide = screen(&folder, 200);
    let heading = |printed: &str| block(printed, "stage").first().map(|line| (*line).to_owned());
    let (narrow_head, wide_head) = (heading(&narrow).unwrap(), heading(&wide).unwrap());
    for word in ["connections", "failure", "open", "p99"] {
        assert!(narrow_head.contains(word), "{narrow_head}");
    }
    for word in ["success", "rate", "p50", "max"] {
        assert!(wide_head.contains(word), "{wide_head}");
    }
    assert!(!narrow_head.contains("rate"), "{narrow_head}");
    // No row breaks: every stage and part has one line, whatever the width.
    assert_eq!(block(&narrow, "stage")[..4].len(), 4);
    assert!(block(&narrow, "stage")[1].trim_start().starts_with("1200 "), "{narrow}");
    assert!(block(&narrow, "stage")[2].trim_start().starts_with("ramp "), "{narrow}");
    assert!(block(&narrow, "stage")[3].trim_start().starts_with("hold "), "{narrow}");
}

/// The summary of a folder at this width in columns.
fn screen(folder: &std::path::Path, width: usize) -> String {
    let saved = SavedRun::open(folder).unwrap();
    let made = WrittenReports { folder: "results".into(), files: Vec::new(), problems: Vec::new() };
    let mut printed = Vec::new();
    text::write(&saved, &made, text::Detail::Full, &mut Page::new(&mut printed, width)).unwrap();
    anstream::adapter::strip_str(std::str::from_utf8(&printed).unwrap()).to_string()
}

#[test]
fn a_short_summary_keeps_what_decides() {
    let (_out, folder) = finished();
    let saved = SavedRun::open(&folder).unwrap();
    let made = WrittenReports { folder: "results".into(), files: Vec::new(), problems: Vec::new() };
    let print = |saved: &SavedRun| {
        let mut printed = Vec::new();
        let page = &mut Page::new(&mut printed, 100);
        text::write(saved, &made, text::Detail::Short, page).unwrap();
        anstream::adapter::strip_str(std::str::from_utf8(&printed).unwrap()).to_string()
    };
    let short = print(&saved);
    insta::assert_snapshot!("short", short);
    // Many thresholds: those that did not hold are shown, the others are counted.
    let mut many = saved;
    let held = many
        .judgement
        .findings
        .iter()
        .find(|one| one.state == ThresholdState::Held)
        .unwrap()
        .clone();
    let before =
        many.judgement.findings.iter().filter(|one| one.state == ThresholdState::Held).count();
    many.judgement.findings.extend(std::iter::repeat_n(held, 20));
    let printed = print(&many);
    assert!(printed.contains(&format!("  {} more held\n", before + 20)), "{printed}");
    assert!(printed.contains("✗ broken"), "{printed}");
    assert!(!printed.contains("✓ held"), "{printed}");
}
