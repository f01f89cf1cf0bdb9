//! The summary that ends a run on the screen.

use super::{again, canned, finished};
use planrun::report::{Damage, Made, Recovered, Run, text};
use planrun::verdict::{Breach, Judge, Rule};
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
    let recovered = Recovered::open(&folder).unwrap();
    let mut plan = canned::plan();
    let mut judge = Judge::new(&plan);
    let (replayed, _) = recovered.replay(&plan, &mut |entry| judge.add(entry)).unwrap();
    for (scenario, name) in plan.scenarios.iter_mut().zip(["long-".repeat(20), "世界".repeat(25)])
    {
        scenario.name.clone_from(&name);
        scenario.stages.iter_mut().for_each(|stage| stage.name.clone_from(&name));
        scenario.thresholds.iter_mut().for_each(|one| one.check = "a < b ".repeat(20));
    }
    plan.name = "n".repeat(100);
    let mut verdict = judge.verdict();
    let detail = format!("{} {}", "\u{1b}[2Jword ".repeat(30), "x".repeat(300));
    verdict.breaches.push(Breach { rule: Rule::Samples, detail });
    let run = Run {
        plan: &plan,
        recording: judge.recording(),
        verdict: &verdict,
        exit_code: 3,
        header: recovered.header(),
        started: replayed.started.as_ref(),
        finished: replayed.finished.as_ref(),
        damage: Some(&Damage { torn_bytes: 12_345 }),
    };
    let made = Made { folder: "results".into(), files: Vec::new(), problems: Vec::new() };
    let mut printed = Vec::new();
    text::write(&run, &made, &mut printed).unwrap();
    let printed = String::from_utf8(printed).unwrap();
    let printed = anstream::adapter::strip_str(&printed).to_string();
    for line in printed.lines() {
        assert!(line.width() <= text::WIDTH, "{}: {line}", line.width());
        assert!(line.chars().all(|c| !c.is_control()), "{line:?}");
    }
    assert!(printed.contains("\\x1b[2Jword"), "{printed}");
}
