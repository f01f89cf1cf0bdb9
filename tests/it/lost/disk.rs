//! Folders of results that cannot be written to: before a run nothing is sent, during one nothing
//! is lost that had room.

use crate::outcome::exe;
use std::process::{Command, Output};

/// Six seconds with a server of its own.
const PLAN: &str = r#"
name = "full"
[targets.web]
builtin = "http"
[scenarios.web]
protocol = "http"
think_time = "20ms"
stages = [{ users = 2, hold = "5s" }]
[generator]
workers = 1
"#;

struct Tried {
    code: i32,
    stdout: String,
    stderr: String,
    /// What the script said behind the run.
    more: String,
}

/// Runs the plan by a script with mounts of its own. `$OUT` is an empty folder; `run` makes the run
/// and writes its streams and status beside it, `seconds` waits until so many of them are saved.
fn tried(script: &str) -> Tried {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    std::fs::create_dir(at("out")).unwrap();
    std::fs::write(at("plan.toml"), PLAN).unwrap();
    let run = r#"run() {
        "$PLANRUN" plan.toml --out "$1" --progress none >stdout 2>stderr && echo 0 >code || echo $? >code
    }
    seconds() {
        until [ "$(cat "$OUT"/full/*/recording.jsonl 2>/dev/null | grep -c '"second":{"second"')" -ge "$1" ]
        do sleep 0.1; done
    }"#;
    let mut command = Command::new("unshare");
    command.args(["--mount", "--map-root-user", "sh", "-euc"]).arg(format!("{run}\n{script}"));
    command.envs([("OUT", at("out").as_path()), ("PLANRUN", exe())]).current_dir(folder.path());
    let Output { status, stdout, stderr } = command.output().unwrap();
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
    assert!(status.success(), "{}{}", text(&stdout), text(&stderr));
    let read = |name: &str| std::fs::read_to_string(at(name)).unwrap();
    let code = read("code").trim().parse().unwrap();
    Tried { code, stdout: read("stdout"), stderr: read("stderr"), more: text(&stdout) }
}

#[test]
fn where_no_folder_can_be_made_nothing_is_sent_and_the_way_out_is_named() {
    let cases = [
        // Read-only, a file in place of the folder, and no room for one more file.
        ("mount -t tmpfs -o ro none \"$OUT\"", "Read-only file system"),
        ("rmdir \"$OUT\"; echo mine > \"$OUT\"", "Not a directory"),
        ("rmdir \"$OUT\"; echo mine > \"$OUT\"; OUT=\"$OUT/below\"", "Not a directory"),
        ("mount -t tmpfs -o nr_inodes=2 none \"$OUT\"", "No space left on device"),
        // Room for the folders alone, and for some of the files.
        ("mount -t tmpfs -o nr_inodes=4 none \"$OUT\"", "No space left on device"),
        ("mount -t tmpfs -o size=4k none \"$OUT\"", "No space left on device"),
        ("mount -t tmpfs -o size=8k none \"$OUT\"", "No space left on device"),
    ];
    for (before, reason) in cases {
        let tried = tried(&format!("{before}\nrun \"$OUT\"\nfind \"$OUT\" 2>/dev/null || true"));
        assert_eq!(tried.code, 5, "{before}: {}", tried.stderr);
        assert!(tried.stdout.is_empty(), "{before}: {}", tried.stdout);
        let first = tried.stderr.lines().next().unwrap();
        assert!(first.starts_with("error: cannot "), "{before}: {}", tried.stderr);
        assert!(first.contains("/out") && first.contains(reason), "{before}: {first}");
        assert!(tried.stderr.contains("--out DIR"), "{before}: {}", tried.stderr);
        // Nothing half is left behind.
        assert!(!tried.more.contains("/full"), "{before}: {}", tried.more);
    }
}

#[test]
fn a_disk_that_fills_in_the_middle_keeps_what_it_has_and_the_verdict_is_told() {
    // Room for the plan, the header and the first seconds.
    let tried = tried(
        r#"mount -t tmpfs -o size=200k none "$OUT"
        (seconds 2; cat /dev/zero > "$OUT/filler" 2>/dev/null || true) &
        run "$OUT"
        wait
        rm "$OUT/filler"
        mount -o remount,size=2m "$OUT"
        "$PLANRUN" report "$OUT"/full/* && echo "again $?"
        cd "$OUT"/full/* && sha256sum --check --strict --quiet SHA256SUMS && "$PLANRUN" verify .
        ls -A"#,
    );
    assert_eq!(tried.code, 5, "{}{}", tried.stdout, tried.stderr);
    // What was not saved is not told of: the verdict is that of what is there.
    assert!(tried.stdout.contains("! INVALID  full"), "{}", tried.stdout);
    assert!(tried.stdout.contains("INCOMPLETE"), "{}", tried.stdout);
    let first = tried.stderr.lines().next().unwrap();
    assert!(first.contains("recording.jsonl: No space left on device"), "{}", tried.stderr);
    assert!(tried.stderr.contains("planrun report DIR"), "{}", tried.stderr);
    assert!(tried.more.contains("INCOMPLETE: cut off, saved up to"), "{}", tried.more);
    assert!(tried.more.contains("again 0") && tried.more.contains("verified"), "{}", tried.more);
    assert!(!tried.more.contains("unfinished\n"), "{}", tried.more);
    let seconds = saved_seconds(&tried.more);
    assert!((1.0..5.0).contains(&seconds), "{seconds}: {}", tried.more);
}

/// The number in `saved up to 2.00 s`.
fn saved_seconds(text: &str) -> f64 {
    let (_, rest) = text.split_once("saved up to ").unwrap();
    rest.split_whitespace().next().unwrap().parse().unwrap()
}

#[test]
fn a_disk_that_is_full_at_the_end_costs_reports_and_not_the_verdict() {
    // What is open grows, and no new file can be made.
    let tried = tried(
        r#"mount -t tmpfs -o nr_inodes=40 none "$OUT"
        (seconds 2; n=0; while mkdir "$OUT/filler-$n" 2>/dev/null; do n=$((n+1)); done) &
        run "$OUT"
        wait
        rmdir "$OUT"/filler-*
        "$PLANRUN" report "$OUT"/full/* >/dev/null && echo "again $?"
        "$PLANRUN" verify "$OUT""#,
    );
    assert_eq!(tried.code, 5, "{}{}", tried.stdout, tried.stderr);
    assert!(tried.stdout.contains(" PASS  full") || tried.stdout.contains(" INVALID  full"));
    assert!(tried.stdout.contains("Not written"), "{}", tried.stdout);
    for file in ["report.json", "report.html", "summary.csv"] {
        let line = tried.stderr.lines().find(|line| line.contains(file)).unwrap_or_default();
        assert!(line.contains("No space left on device"), "{file}: {}", tried.stderr);
    }
    assert!(tried.more.contains("again 0") && tried.more.contains("verified"), "{}", tried.more);
}

#[test]
fn an_earlier_run_is_never_touched_by_one_that_has_no_room() {
    let tried = tried(
        r#"mount -t tmpfs -o size=2m none "$OUT"
        run "$OUT"
        cp -r "$OUT" kept
        cat /dev/zero > "$OUT/filler" 2>/dev/null || true
        run "$OUT"
        rm "$OUT/filler"
        diff -r kept "$OUT" && echo "the same""#,
    );
    assert_eq!(tried.code, 5, "{}", tried.stderr);
    assert!(tried.more.contains("the same"), "{}", tried.more);
}
