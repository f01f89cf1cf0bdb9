//! The threads: what is written in the end, and what a blocked or closed terminal costs.

use super::script::both;
use crate::engine::{Event, Subscriber};
use crate::observe::observer::Follower;
use crate::observe::terminal::Canvas;
use crate::observe::{Observer, ProgressMode, TextStyle};
use crate::record::Recording;
use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};
use std::io::{self, Write};
use std::sync::atomic::{AtomicU16, Ordering};
use std::sync::mpsc::{self, Receiver};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

/// Keeps what is written.
#[derive(Clone, Default)]
struct Paper(Arc<Mutex<Vec<u8>>>);

impl Paper {
    fn text(&self) -> String {
        String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
    }
}

impl Write for Paper {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Blocks in its first write until it is let go.
struct Blocked(Receiver<()>, Paper);

impl Write for Blocked {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let _ = self.0.recv();
        self.1.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Has been closed at the other end.
struct Closed;

impl Write for Closed {
    fn write(&mut self, _: &[u8]) -> io::Result<usize> {
        Err(io::ErrorKind::BrokenPipe.into())
    }

    fn flush(&mut self) -> io::Result<()> {
        Err(io::ErrorKind::BrokenPipe.into())
    }
}

fn watcher(out: impl Write + Send + 'static, progress: ProgressMode) -> Observer {
    let (plan, _) = both();
    Observer::on(
        Box::new(out),
        || (24, 80),
        Follower::new(&plan, "results/x/1".into()),
        progress,
        TextStyle::default(),
    )
}

fn tell_all(watcher: &mut Observer) {
    let (plan, events) = both();
    let mut facts = Recording::new(plan.scenarios.len());
    for event in &events {
        if let Event::Recorded(entry) = event {
            facts.add(entry);
        }
        watcher.notify(event, &facts);
    }
}

fn watch(out: impl Write + Send + 'static, progress: ProgressMode) -> Duration {
    let before = Instant::now();
    let mut watcher = watcher(out, progress);
    tell_all(&mut watcher);
    let taken = before.elapsed();
    watcher.finish();
    taken
}

#[test]
fn lines_are_written_to_the_last() {
    let paper = Paper::default();
    watch(paper.clone(), ProgressMode::Lines);
    let text = paper.text();
    assert!(text.starts_with("0:00:00 started"), "{text}");
    assert!(text.lines().last().unwrap().contains("finished  INVALID"), "{text}");
}

#[test]
fn json_is_written_to_the_last() {
    let paper = Paper::default();
    watch(paper.clone(), ProgressMode::Json);
    let text = paper.text();
    let last: serde_json::Value = serde_json::from_str(text.lines().last().unwrap()).unwrap();
    assert_eq!(last["verdict"], "INVALID");
}

#[test]
fn none_writes_nothing() {
    let paper = Paper::default();
    watch(paper.clone(), ProgressMode::None);
    assert_eq!(paper.text(), "");
}

#[test]
fn a_bar_leaves_only_the_lines_that_stay() {
    let paper = Paper::default();
    watch(paper.clone(), ProgressMode::Bar);
    let text = paper.text();
    assert!(text.contains("planrun"), "{text}");
    assert!(text.contains("! web/100"), "{text}");
    assert!(text.ends_with("\x1b[J"), "the moving lines are gone: {text:?}");
}

/// Columns of the terminal of the next test, which alone changes them.
static COLUMNS: AtomicU16 = AtomicU16::new(60);

#[test]
fn a_resized_terminal_is_redrawn_from_where_the_lines_now_begin() {
    let paper = Paper::default();
    let canvas = Canvas::new(Box::new(paper.clone()), || (24, COLUMNS.load(Ordering::Relaxed)));
    let target = ProgressDrawTarget::term_like_with_hz(Box::new(canvas), 20);
    let area = MultiProgress::with_draw_target(target);
    let style = ProgressStyle::with_template("{msg}").unwrap();
    let bar = area.add(ProgressBar::new_spinner().with_style(style));
    let written = |change: &dyn Fn()| {
        let before = paper.text().len();
        change();
        paper.text()[before..].to_owned()
    };
    let (first, second) = ("a".repeat(50), "b".repeat(20));
    let frame = format!("{first}\n{second}");
    let drawn = format!("{first}\x1b[K\r\n{second}\x1b[K\x1b[J");
    assert_eq!(written(&|| bar.set_message(frame.clone())), format!("\r{drawn}"));
    assert_eq!(written(&|| bar.tick()), format!("\r\x1b[1A{drawn}"));
    COLUMNS.store(30, Ordering::Relaxed);
    let narrow = written(&|| bar.set_message("c"));
    assert_eq!(narrow, "\r\x1b[2Ac\x1b[K\x1b[J", "the first line takes two rows now");
    let stays = written(&|| area.println("stays").unwrap());
    assert_eq!(stays, "\rstays\x1b[K\r\nc\x1b[K\x1b[J", "above the line that moves");
    assert_eq!(written(&|| bar.finish_and_clear()), "\r\x1b[J");
}

#[test]
fn a_blocked_terminal_holds_nothing_up_and_loses_only_heartbeats() {
    for progress in [ProgressMode::Lines, ProgressMode::Json, ProgressMode::Bar] {
        let (go, gate) = mpsc::channel();
        let paper = Paper::default();
        let mut watcher = watcher(Blocked(gate, paper.clone()), progress);
        let before = Instant::now();
        tell_all(&mut watcher);
        assert!(before.elapsed() < Duration::from_secs(1), "{progress:?}");
        // From now on every write goes through at once.
        drop(go);
        watcher.finish();
        let text = paper.text();
        if progress == ProgressMode::Json {
            assert_complete(&text);
        }
        if progress == ProgressMode::Lines {
            assert_eq!(text.lines().filter(|line| line.contains(" failure ")).count(), 1);
            assert!(text.lines().last().unwrap().contains("finished"), "{text}");
        }
    }
}

/// Every second of the run is there, and whatever else happened.
fn assert_complete(text: &str) {
    let object = |line| serde_json::from_str::<serde_json::Value>(line).unwrap();
    let objects: Vec<serde_json::Value> = text.lines().map(object).collect();
    let of = |event: &str| objects.iter().filter(|object| object["event"] == event).count();
    assert_eq!((of("progress"), of("threshold"), of("lost")), (23, 2, 0), "{text}");
    assert_eq!(objects.last().unwrap()["verdict"], "INVALID");
}

/// Takes its time for each write.
struct Slow(Paper);

impl Write for Slow {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        std::thread::sleep(Duration::from_millis(150));
        self.0.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[test]
fn a_slow_reader_of_json_holds_nothing_up_and_gets_all_of_it() {
    let paper = Paper::default();
    let before = Instant::now();
    let taken = watch(Slow(paper.clone()), ProgressMode::Json);
    assert!(taken < Duration::from_secs(1), "the run waited for {taken:?}");
    assert!(before.elapsed() > Duration::from_secs(1), "the end waited for the reader");
    assert_complete(&paper.text());
}

#[test]
fn a_terminal_that_stays_blocked_does_not_stop_the_end() {
    let (_go, gate) = mpsc::channel();
    let before = Instant::now();
    watch(Blocked(gate, Paper::default()), ProgressMode::Lines);
    assert!(before.elapsed() < Duration::from_secs(5));
}

#[test]
fn a_closed_terminal_is_no_failure() {
    for progress in [ProgressMode::Lines, ProgressMode::Json, ProgressMode::Bar] {
        assert!(watch(Closed, progress) < Duration::from_secs(1), "{progress:?}");
    }
}

#[test]
fn auto_is_a_bar_on_a_terminal_only() {
    assert_eq!(ProgressMode::Auto.resolve(true, Some("xterm")), ProgressMode::Bar);
    assert_eq!(ProgressMode::Auto.resolve(true, Some("dumb")), ProgressMode::Lines);
    assert_eq!(ProgressMode::Auto.resolve(false, Some("xterm")), ProgressMode::Lines);
    assert_eq!(ProgressMode::Bar.resolve(false, None), ProgressMode::Bar);
}
