//! Turns events into writing on standard error, without ever keeping the run waiting.
//!
//! One thread takes in events and words them; it waits for nothing but events. Another writes, and may be held up by a terminal for as
//! long as that pleases: meanwhile newer frames and heartbeats take the place of older ones, and everything else waits in order.
//!
//! **Invariant:** a slow, blocked or closed standard error costs the run nothing, and the scene misses no fact.

#![expect(
    clippy::disallowed_methods,
    reason = "frames are drawn at a pace, and lines show the time since the start"
)]

use super::Progress;
use super::json::JsonFormat;
use super::lines::{LineFormat, OutputLine};
use super::notification::{Notification, Notifier};
use super::state::RunState;
use super::terminal::Canvas;
use super::terminal::PermanentLines;
use super::terminal::{Size, frame};
use super::text::TextStyle;
use crate::engine::{Event, Subscriber};
use crate::plan::Plan;
use crate::units::SECOND_NS;
use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};
use std::io::Write;
use std::path::Path;
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

/// Between two frames.
const FRAME: Duration = Duration::from_millis(200);
/// How long the end waits for the last words to be written.
const LAST_WORDS: Duration = Duration::from_secs(2);

/// Shows a run to those who look at it. Dropping it shows no more.
#[derive(Debug)]
pub struct Observer {
    events: Option<Sender<Event>>,
    written: Option<Receiver<()>>,
}

impl Observer {
    /// Shows a run on standard error in the given form; `Auto` must have been resolved. `folder` is
    /// where the results go.
    pub fn new(plan: &Plan, progress: Progress, folder: &Path, look: TextStyle) -> Self {
        let scene = RunState::new(plan, folder.display().to_string());
        let size = || console::Term::stderr().size();
        Self::on(Box::new(std::io::stderr()), size, scene, progress, look)
    }

    /// The same on any writer.
    pub(super) fn on(
        out: Box<dyn Write + Send>,
        size: fn() -> (u16, u16),
        scene: RunState,
        progress: Progress,
        look: TextStyle,
    ) -> Self {
        let nothing = Self { events: None, written: None };
        let form = match progress {
            Progress::None => return nothing,
            Progress::Bar => Form::Bar(PermanentLines::new(look)),
            Progress::Json => Form::Json(JsonFormat::new()),
            Progress::Lines | Progress::Auto => Form::Lines(LineFormat::new(look)),
        };
        let pen = match form {
            Form::Bar(_) => OutputWriter::Terminal(Terminal::new(Canvas::new(out, size))),
            Form::Lines(_) | Form::Json(_) => OutputWriter::Plain(out),
        };
        let desk = Arc::new(OutputQueue::default());
        let (events, heard) = mpsc::channel();
        let (done, written) = mpsc::channel();
        let teller = Renderer {
            scene,
            herald: Notifier::default(),
            form,
            look,
            size,
            desk: Arc::clone(&desk),
            started: None,
        };
        let telling =
            thread::Builder::new().name("live-tell".into()).spawn(move || teller.listen(&heard));
        let writing = thread::Builder::new().name("live-write".into()).spawn(move || {
            desk.write(pen);
            let _ = done.send(());
        });
        // Without threads nothing is shown; the run goes on.
        if telling.is_err() || writing.is_err() {
            nothing
        } else {
            Self { events: Some(events), written: Some(written) }
        }
    }

    /// Ends the watching: the last words are written and moving lines removed, unless standard error has been blocked for two seconds.
    pub fn finish(mut self) {
        self.events = None;
        if let Some(written) = self.written.take() {
            let _ = written.recv_timeout(LAST_WORDS);
        }
    }
}

impl Subscriber for Observer {
    fn notify(&mut self, event: &Event) {
        if let Some(events) = &self.events {
            // The other end only goes when a thread has died; then there is nobody to show anything to.
            let _ = events.send(event.clone());
        }
    }
}

#[derive(Debug)]
enum Form {
    Bar(PermanentLines),
    Lines(LineFormat),
    Json(JsonFormat),
}

/// Words events.
struct Renderer {
    scene: RunState,
    herald: Notifier,
    form: Form,
    look: TextStyle,
    size: fn() -> (u16, u16),
    desk: Arc<OutputQueue>,
    /// When the run's clock started, by this side's.
    started: Option<Instant>,
}

impl Renderer {
    fn listen(mut self, events: &Receiver<Event>) {
        let mut next = Instant::now();
        loop {
            let wait = next.saturating_duration_since(Instant::now());
            match events.recv_timeout(wait) {
                Ok(event) => self.hear(&event),
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => break,
            }
            if next <= Instant::now() {
                self.draw();
                next = Instant::now() + FRAME;
            }
        }
        self.desk.change(|papers| papers.closed = true);
    }

    fn hear(&mut self, event: &Event) {
        let news = self.herald.hear(&mut self.scene, event);
        if let Event::Started { .. } = event {
            self.started = Some(Instant::now());
            self.draw();
        }
        for one in news {
            self.tell(&one);
        }
    }

    fn tell(&mut self, news: &Notification) {
        let (scene, now_ns) = (&self.scene, self.herald.now_ns());
        let said = match &mut self.form {
            Form::Bar(bar) => {
                let lines = bar.tell(scene, now_ns, usize::from((self.size)().1), news);
                lines.into_iter().map(|text| OutputLine { text, beat: false }).collect()
            }
            Form::Lines(lines) => lines.tell(scene, now_ns, news),
            Form::Json(json) => json.tell(scene, now_ns, news).into_iter().collect(),
        };
        if !said.is_empty() {
            self.desk.change(|papers| said.into_iter().for_each(|said| papers.put(said)));
        }
    }

    /// Puts a fresh frame in place of the last.
    fn draw(&mut self) {
        let (Form::Bar(_), Some(started)) = (&self.form, self.started) else { return };
        let clock = started.elapsed();
        let now_ns = clock.as_secs() * SECOND_NS + u64::from(clock.subsec_nanos());
        let (height, width) = (self.size)();
        let size = Size { height: usize::from(height), width: usize::from(width) };
        let lines = frame(&self.scene, now_ns.max(self.herald.now_ns()), size, self.look);
        let text: Vec<String> =
            lines.iter().map(|line| line.render(size.width, self.look)).collect();
        self.desk.change(|papers| papers.frame = Some(text.join("\n")));
    }
}

/// What waits to be written.
#[derive(Debug, Default)]
struct OutputQueue {
    papers: Mutex<Pending>,
    news: Condvar,
}

#[derive(Debug, Default)]
struct Pending {
    said: Vec<OutputLine>,
    frame: Option<String>,
    closed: bool,
}

impl Pending {
    /// Adds a line; a heartbeat takes the place of one that still waits.
    fn put(&mut self, said: OutputLine) {
        if said.beat {
            self.said.retain(|waiting| !waiting.beat);
        }
        self.said.push(said);
    }
}

impl OutputQueue {
    fn papers(&self) -> MutexGuard<'_, Pending> {
        self.papers.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn change(&self, change: impl FnOnce(&mut Pending)) {
        change(&mut self.papers());
        self.news.notify_one();
    }

    /// Writes what comes until the desk is closed.
    fn write(&self, mut pen: OutputWriter) {
        loop {
            let quiet = |papers: &mut Pending| {
                papers.said.is_empty() && papers.frame.is_none() && !papers.closed
            };
            let mut papers =
                self.news.wait_while(self.papers(), quiet).unwrap_or_else(PoisonError::into_inner);
            let (said, frame, closed) =
                (std::mem::take(&mut papers.said), papers.frame.take(), papers.closed);
            drop(papers);
            pen.write(&said, frame);
            if closed {
                pen.put_down();
                return;
            }
        }
    }
}

enum OutputWriter {
    Terminal(Terminal),
    Plain(Box<dyn Write + Send>),
}

impl OutputWriter {
    fn write(&mut self, said: &[OutputLine], frame: Option<String>) {
        match self {
            Self::Terminal(terminal) => terminal.write(said, frame),
            Self::Plain(out) => {
                let text: String =
                    said.iter().flat_map(|said| [said.text.as_str(), "\n"]).collect();
                // Nobody reads on; the run does not depend on it.
                let _ = out.write_all(text.as_bytes()).and_then(|()| out.flush());
            }
        }
    }

    fn put_down(self) {
        if let Self::Terminal(terminal) = self {
            terminal.bar.finish_and_clear();
        }
    }
}

/// The moving lines, and above them the lines that stay.
struct Terminal {
    area: MultiProgress,
    bar: ProgressBar,
}

impl Terminal {
    fn new(canvas: Canvas) -> Self {
        let target = ProgressDrawTarget::term_like_with_hz(Box::new(canvas), 20);
        let area = MultiProgress::with_draw_target(target);
        let bar = area.add(ProgressBar::new_spinner().with_style(style()));
        Self { area, bar }
    }

    fn write(&mut self, said: &[OutputLine], frame: Option<String>) {
        if let Some(frame) = frame {
            self.bar.set_message(frame);
        }
        if !said.is_empty() {
            let lines: Vec<&str> = said.iter().map(|said| said.text.as_str()).collect();
            // A closed terminal shows nothing; the run does not depend on it.
            let _ = self.area.println(lines.join("\n"));
        }
    }
}

fn style() -> ProgressStyle {
    ProgressStyle::with_template("{msg}").unwrap_or_else(|_| ProgressStyle::default_spinner())
}
