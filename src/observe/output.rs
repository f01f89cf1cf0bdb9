//! Turns events into writing on standard error, without ever keeping the run waiting.
//!
//! One thread takes in events and words them; it waits for nothing but events. Another writes, and
//! may be held up by a terminal or a reader for any time.
//!
//! **Invariant:** a slow, blocked or closed standard error costs the run nothing, and the state
//! misses no fact.

#![expect(
    clippy::disallowed_methods,
    reason = "frames are drawn at a pace, and lines show the time since the start"
)]

use super::Progress;
use super::json::JsonFormat;
use super::lines::{LineFormat, OutputLine};
use super::notification::{Notification, Notifier};
use super::queue::{OutputQueue, OutputWriter};
use super::state::RunState;
use super::terminal::{Canvas, PermanentLines, Size, Terminal, frame};
use super::text::TextStyle;
use crate::engine::{Event, Subscriber};
use crate::plan::Plan;
use crate::units::SECOND_NS;
use std::io::Write;
use std::path::Path;
use std::sync::Arc;
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
use std::thread;
use std::time::{Duration, Instant};

/// Between two frames.
const FRAME: Duration = Duration::from_millis(200);
/// The end of a run waits for whoever reads, as long as anything is read within this time.
const READS_WITHIN: Duration = Duration::from_secs(2);

/// Shows a run to those who look at it. Dropping it shows no more.
#[derive(Debug)]
pub(crate) struct Observer {
    events: Option<Sender<Event>>,
    written: Option<Receiver<()>>,
    queue: Arc<OutputQueue>,
}

impl Observer {
    /// Shows a run on standard error in the given form; `Auto` must have been resolved. `folder` is
    /// where the results go.
    pub(crate) fn new(plan: &Plan, progress: Progress, folder: &Path, look: TextStyle) -> Self {
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
        let queue = Arc::new(OutputQueue::default());
        let nothing = Self { events: None, written: None, queue: Arc::clone(&queue) };
        let form = match progress {
            Progress::None => return nothing,
            Progress::Bar => Form::Bar(PermanentLines::new(look)),
            Progress::Json => Form::Json,
            Progress::Lines | Progress::Auto => Form::Lines(LineFormat::new(look)),
        };
        let writer = match form {
            Form::Bar(_) => OutputWriter::Terminal(Terminal::new(Canvas::new(out, size))),
            Form::Lines(_) | Form::Json => OutputWriter::Plain(out),
        };
        let (events, heard) = mpsc::channel();
        let (done, written) = mpsc::channel();
        let renderer = Renderer {
            scene,
            herald: Notifier::default(),
            form,
            look,
            size,
            queue: Arc::clone(&queue),
            started: None,
        };
        let rendering = thread::Builder::new()
            .name("observe-render".into())
            .spawn(move || renderer.listen(&heard));
        let writing_queue = Arc::clone(&queue);
        let writing = thread::Builder::new().name("observe-write".into()).spawn(move || {
            writing_queue.write(writer);
            let _ = done.send(());
        });
        // Without threads nothing is shown; the run goes on.
        if rendering.is_err() || writing.is_err() {
            nothing
        } else {
            Self { events: Some(events), written: Some(written), queue }
        }
    }

    /// Waits until everything is written and the moving lines are gone, unless nobody reads.
    pub(crate) fn finish(mut self) {
        self.events = None;
        let Some(written) = self.written.take() else { return };
        let mut before = self.queue.written();
        while written.recv_timeout(READS_WITHIN) == Err(RecvTimeoutError::Timeout) {
            let now = self.queue.written();
            if now == before {
                return;
            }
            before = now;
        }
    }
}

impl Subscriber for Observer {
    fn notify(&mut self, event: &Event) {
        if let Some(events) = &self.events {
            // The other end only goes when a thread has died; then there is nobody to show anything
            // to.
            let _ = events.send(event.clone());
        }
    }
}

#[derive(Debug)]
enum Form {
    Bar(PermanentLines),
    Lines(LineFormat),
    Json,
}

impl Form {
    /// Says that lines were lost, because nobody read them.
    fn lost(&self, now_ns: u64, lines: u64) -> String {
        match self {
            Self::Json => JsonFormat::lost(now_ns, lines),
            Self::Bar(_) | Self::Lines(_) => LineFormat::lost(now_ns, lines),
        }
    }
}

/// Words events.
struct Renderer {
    scene: RunState,
    herald: Notifier,
    form: Form,
    look: TextStyle,
    size: fn() -> (u16, u16),
    queue: Arc<OutputQueue>,
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
        let (form, now_ns) = (&self.form, self.herald.now_ns());
        self.queue.change(|pending| {
            pending.tell_lost(|lost| form.lost(now_ns, lost));
            pending.closed = true;
        });
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
            Form::Json => vec![JsonFormat::tell(scene, now_ns, news)],
        };
        let form = &self.form;
        if !said.is_empty() {
            self.queue.change(|pending| {
                for line in said {
                    pending.put(line, |lost| form.lost(now_ns, lost));
                }
            });
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
        self.queue.change(|pending| pending.frame = Some(text.join("\n")));
    }
}
